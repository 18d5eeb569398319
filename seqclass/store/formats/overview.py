"""An overview of files before anything is stored: how they are read, and likely problems."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

from seqclass.store.duplicates import find_lookalikes
from seqclass.store.formats.file_format import Understood
from seqclass.store.formats.longform import dropped_steps
from seqclass.store.formats.table import option
from seqclass.store.rows import channels_of, check_form

FEW = 100
"""Number of series below which a fifth is fewer than the 20 test rows of a first champion."""
RARE = 5
"""Number of series of a class below which it is too small to learn and to test."""
MAX_NAMED = 3
"""Number of rare classes that a line names."""
NO_LABEL = {"-", "--", "?", ".", "na", "n/a", "#n/a", "nan", "null", "nil", "none", "missing",
            "unknown", "unlabelled", "unlabeled", "tbd"}  # fmt: skip
"""Texts that people write for a missing label."""
MANY = 10
"""Number of fractional classes from which on labels are taken for a quantity."""
NO_VALUE = {-99.0, -999.0, -999.25, -9999.0, -99999.0, -32768.0, 9999.0, 99999.0, 32767.0}
"""Numbers that data loggers write for a missing value."""


class ChannelRange(TypedDict):
    """Range of one channel, None if no value is finite; ``missing``: share of its steps."""

    lowest: float | None
    highest: float | None
    missing: float


class Described(TypedDict):
    """Content of files, with likely problems in ``amiss``; ``groups``, ``times`` may be None."""

    n_series: int
    n_steps: list[int]
    classes: dict[str, int]
    unlabelled: int
    splits: dict[str, int]
    groups: int | None
    times: int | None
    channels: dict[str, ChannelRange]
    copies: int
    flat: int
    repeated_steps: int
    amiss: list[str]


class Inspected(Described):
    """Content of files, and how each is read, by its path."""

    files: dict[str, Understood]


@dataclass
class Overview:
    """Running statistics of series: lengths, classes, groups, and each channel's range and gaps."""

    parts: list[np.ndarray] = field(default_factory=list)
    classes: Counter[str | None] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    groups: dict[str | None, set[str]] = field(default_factory=dict)
    times: int = 0
    channels: dict[str, list[float]] = field(default_factory=dict)
    digests: list[np.ndarray] = field(default_factory=list)
    flat: int = 0
    empty: int = 0
    infinite: int = 0
    repeated_steps: int = 0

    def watch(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """Pass tables of series on, and add each to the statistics."""
        for table in tables:
            self.add(table)
            yield table

    def add(self, table: pa.Table) -> None:
        """Add a table of series; ValueError if its rows are not of the stored form."""
        names = channels_of(table.schema)
        check_form(table, names)
        self.repeated_steps += dropped_steps(table)
        lengths, labels = table["n_steps"].to_numpy().copy(), table["label"].to_pylist()
        self.parts.append(lengths)
        self.classes.update(labels)
        if "split" in table.column_names:
            self.splits.update(filter(None, table["split"].to_pylist()))
        if "group" in table.column_names:
            for label, group in zip(labels, table["group"].to_pylist(), strict=True):
                self.groups.setdefault(label, set()).add(group)
        if "time" in table.column_names:
            self.times += len(table) - table["time"].null_count
        values = {n: pc.list_flatten(table[n]).to_numpy(zero_copy_only=False) for n in names}
        for name, flat in values.items():
            self._add_channel(name, flat)
        self._add_series(np.stack(list(values.values()), axis=1), lengths)

    def _add_channel(self, name: str, flat: np.ndarray) -> None:
        low, high, holes, n, infinite = self.channels.get(name, [np.inf, -np.inf, 0, 0, 0])
        observed, finite = flat[~np.isnan(flat)], flat[np.isfinite(flat)]
        if len(finite):
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
        self.channels[name] = [
            low, high, holes + len(flat) - len(observed), n + len(flat),
            infinite + len(observed) - len(finite),
        ]  # fmt: skip

    @property
    def lengths(self) -> np.ndarray:
        """Steps of every series ``(n,)``."""
        return np.concatenate(self.parts)

    @property
    def copies(self) -> int:
        """Number of series with the values of an earlier one, by 64 bits of their digests."""
        digests = np.concatenate(self.digests)
        return len(digests) - len(np.unique(digests))

    def _add_series(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """Add series that are laid end to end, ``(steps of all, channels)``."""
        ends = np.cumsum(lengths, dtype=np.int64)
        starts = ends - lengths
        steps = zip(starts.tolist(), ends.tolist(), strict=True)
        digests = [hashlib.sha256(values[a:b].tobytes()).digest()[:8] for a, b in steps]
        self.digests.append(np.frombuffer(b"".join(digests), np.uint64))
        missing = np.isnan(values)
        is_empty = np.logical_and.reduceat(missing.all(axis=1), starts)
        is_same = ((values == np.repeat(values[starts], lengths, axis=0)) | missing).all(axis=1)
        is_flat = np.logical_and.reduceat(is_same, starts) & ~is_empty & (lengths > 1)
        is_infinite = np.logical_or.reduceat(np.isinf(values).any(axis=1), starts)
        self.empty += int(is_empty.sum())
        self.infinite += int(is_infinite.sum())
        self.flat += int(is_flat.sum())

    def describe(self) -> Described:
        """Return sizes, classes, ranges and warnings, for people and as JSON."""
        lengths = self.lengths
        n_steps = [int(lengths.min()), int(np.median(lengths)), int(lengths.max())]
        labelled = {name: n for name, n in sorted(self.classes.items(), key=str) if name}
        return {
            "n_series": len(lengths),
            "n_steps": n_steps,
            "classes": labelled,
            "unlabelled": self.classes[None],
            "splits": dict(self.splits),
            "groups": len(set().union(*self.groups.values())) if self.groups else None,
            "times": self.times or None,
            "channels": {
                name: {
                    "lowest": low if low <= high else None,
                    "highest": high if low <= high else None,
                    "missing": holes / max(n, 1),
                }
                for name, (low, high, holes, n, _) in self.channels.items()
            },
            "copies": self.copies,
            "flat": self.flat,
            "repeated_steps": self.repeated_steps,
            "amiss": [*_of_labels(self, labelled), *_of_values(self)],
        }


def _of_labels(seen: Overview, classes: dict[str, int]) -> Iterable[str]:
    n_series = len(seen.lengths)
    if not classes:
        yield "no series has a label: it can be scored, but nothing learns from it"
    elif len(classes) == 1 or n_series < 3:
        yield "one class, or fewer than three series: 'train' needs at least two classes"
    if classes and seen.classes[None]:
        yield f"{_series(seen.classes[None], 'has', 'have')} no label: no training, no test"
    rare = [f"{name!r} ({count})" for name, count in classes.items() if count < RARE]
    if rare:
        more = f" and {len(rare) - MAX_NAMED} more" if len(rare) > MAX_NAMED else ""
        yield (
            f"fewer than {RARE} series of class {', '.join(rare[:MAX_NAMED])}{more}: too few to "
            "learn and to test it; add some, or leave the class out"
        )
    yield from _of_names(classes)
    cut = [label for label, groups in seen.groups.items() if label and len(groups) < 3]
    if cut:
        yield f"class {cut[0]!r} is in fewer than three groups, so it can't both train and test"
    if classes and n_series < FEW and seen.splits["test"] < FEW // 5:
        yield f"{n_series} series: a first champion needs about {FEW}, a fifth of which test"


def _series(n: int, singular: str, plural: str) -> str:
    return f"{n:,} series {singular if n == 1 else plural}"


def _of_names(classes: Iterable[str]) -> Iterable[str]:
    fractions = [name for name in classes if re.fullmatch(r"[+-]?\d*\.\d*[1-9]\d*", name)]
    if len(fractions) > MANY and len(fractions) > len([*classes]) / 2:
        yield (
            f"{len(fractions)} classes are numbers such as {fractions[0]}: a quantity is no class; "
            f"name the label with --label-column NAME, or turn it into a few classes"
        )
    if alike := find_lookalikes(classes):
        yield f"classes {' and '.join(map(ascii, alike))} look the same: 'import' refuses them"
    spelt = {name.casefold(): name for name in classes}
    for name in classes:
        if name.casefold() in NO_LABEL:
            yield f"class {name!r} reads like no label: leave the cell empty where none is known"
        if (other := spelt[name.casefold()]) != name:
            yield f"classes {name!r} and {other!r} differ in capitals alone: are they one?"


def _of_values(seen: Overview) -> Iterable[str]:
    yield from _of_channels(seen)
    if copies := seen.copies:
        what = _series(copies, "is a copy of another", "are copies of others")
        yield f"{what}: repeats, or recordings taken twice?"
    if seen.repeated_steps:
        yield (
            f"{seen.repeated_steps:,} rows repeat a step of their series, identical in all "
            "columns: 'import' refuses them; remove them, or say --policy repeated_steps=drop"
        )
    if seen.infinite:
        yield (
            f"{_series(seen.infinite, 'has', 'have')} infinite values, or some beyond float32: "
            "'import' refuses them; correct the values, or say --policy infinite=quarantine"
        )
    if seen.empty:
        what = "no value at all: 'import' refuses a file in which all are so"
        yield f"{_series(seen.empty, 'has', 'have')} {what}"
    if seen.flat:
        what = _series(seen.flat, "never changes", "never change")
        yield f"{what}: stuck, or left out of the recording?"
    lengths = seen.lengths
    if lengths.max() == 1:
        yield "every series has one step: is a row a series (--layout wide)?"
    elif lengths.max() > 10 * np.median(lengths):
        yield "the longest series is more than ten times the typical one: are two run together?"


def _of_channels(seen: Overview) -> Iterable[str]:
    idle = {name: what for name, figures in seen.channels.items() if (what := _idle(*figures))}
    for name, what in idle.items():
        is_all = len(idle) == len(seen.channels)
        yield f"channel {name!r} {what}: " + (
            "there is nothing to learn from" if is_all else option("--ignore", name)
        )
    for name, (low, high, holes, n, _) in seen.channels.items():
        if name not in idle and holes > n / 2:
            yield f"channel {name!r} is missing in {holes / n:.0%} of the steps"
        for end in sorted({low, high} & NO_VALUE):
            yield f"channel {name!r} reaches {end:g}: where that is no value, leave the cell empty"


def _idle(low: float, high: float, holes: float, n: float, infinite: float) -> str | None:
    """Return why a channel tells nothing, or None if its values differ."""
    if holes == n:
        return "has no value at all"
    return f"is {low:g} everywhere" if low == high and not infinite else None
