"""An overview of files before anything is stored: how they are read, and likely problems."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from typing_extensions import TypedDict

from seqclass.store.duplicates import find_lookalikes
from seqclass.store.formats.file_format import Understood
from seqclass.store.formats.longform import dropped_steps
from seqclass.store.formats.table import option
from seqclass.store.manifests import ChannelStatistics
from seqclass.store.row_profile import Profile, values_of
from seqclass.store.rows import channels_of, check_form
from seqclass.store.split import FEW_TESTED, TEST

PER_TEST = 5
"""Series for each of which one tests, by default."""
FEW = 20 * PER_TEST
"""Number of series below which fewer than 20 test."""
UNTESTED = 3
"""Number of series of a class below which all of them train."""
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
    """Running statistics of series: their profile, and what only people need to see."""

    profile: Profile = field(default_factory=Profile)
    parts: list[np.ndarray] = field(default_factory=list)
    splits: Counter[str] = field(default_factory=Counter)
    tested: Counter[str] = field(default_factory=Counter)
    groups: dict[str | None, set[str]] = field(default_factory=dict)
    times: int = 0
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
        check_form(table, channels_of(table.schema))
        self.repeated_steps += dropped_steps(table)
        lengths, labels = table["n_steps"].to_numpy().copy(), table["label"].to_pylist()
        self.parts.append(lengths)
        if "split" in table.column_names:
            splits = table["split"].to_pylist()
            self.splits.update(filter(None, splits))
            pairs = zip(labels, splits, strict=True)
            self.tested.update(label for label, split in pairs if label and split == TEST)
        if "group" in table.column_names:
            for label, group in zip(labels, table["group"].to_pylist(), strict=True):
                self.groups.setdefault(label, set()).add(group)
        if "time" in table.column_names:
            self.times += len(table) - table["time"].null_count
        values = values_of(table)
        described = self.profile.add(lengths, labels, values).values()
        is_empty = np.all([channel.seen == 0 for channel in described], axis=0)
        is_same = np.all([(c.seen == 0) | (c.low == c.high) for c in described], axis=0)
        self.empty += int(is_empty.sum())
        self.flat += int((is_same & ~is_empty & (lengths > 1)).sum())
        self.infinite += int(np.any([c.infinite for c in described], axis=0).sum())
        self._add_digests(np.stack(list(values.values()), axis=1), lengths)

    @property
    def lengths(self) -> np.ndarray:
        """Steps of every series ``(n,)``."""
        return np.concatenate(self.parts)

    @property
    def copies(self) -> int:
        """Number of series with the values of an earlier one, by 64 bits of their digests."""
        digests = np.concatenate(self.digests)
        return len(digests) - len(np.unique(digests))

    def _add_digests(self, values: np.ndarray, lengths: np.ndarray) -> None:
        """Add digests of series that are laid end to end, ``(steps of all, channels)``."""
        ends = np.cumsum(lengths, dtype=np.int64)
        steps = zip((ends - lengths).tolist(), ends.tolist(), strict=True)
        digests = [hashlib.sha256(values[a:b].tobytes()).digest()[:8] for a, b in steps]
        self.digests.append(np.frombuffer(b"".join(digests), np.uint64))

    def describe(self) -> Described:
        """Return sizes, classes, ranges and warnings, for people and as JSON."""
        profile, (low, high) = self.profile.describe(), self.profile.lengths
        classes = profile["classes"]
        unlabelled = profile["n_series"] - sum(classes.values())
        return {
            "n_series": profile["n_series"],
            "n_steps": [low, int(np.median(self.lengths)), high],
            "classes": classes,
            "unlabelled": unlabelled,
            "splits": dict(self.splits),
            "groups": len(set().union(*self.groups.values())) if self.groups else None,
            "times": self.times or None,
            "channels": {
                name: {"lowest": c["low"], "highest": c["high"], "missing": c["missing"]}
                for name, c in profile["profile"].items()
            },
            "copies": self.copies,
            "flat": self.flat,
            "repeated_steps": self.repeated_steps,
            "amiss": [
                *_of_labels(self, classes, unlabelled),
                *_of_values(self, profile["profile"]),
            ],
        }


def _of_labels(seen: Overview, classes: dict[str, int], unlabelled: int) -> Iterable[str]:
    n_series = len(seen.lengths)
    if not classes:
        yield "no series has a label: it can be scored, but nothing learns from it"
    elif len(classes) == 1 or n_series < 3:
        yield "one class, or fewer than three series: 'train' needs at least two classes"
    if classes and unlabelled:
        yield f"{_series(unlabelled, 'has', 'have')} no label: no training, no test"
    yield from _of_tests(seen, classes)
    yield from _of_names(classes)
    cut = [label for label, groups in seen.groups.items() if label and len(groups) < 3]
    if cut:
        yield f"class {cut[0]!r} is in fewer than three groups, so it can't both train and test"
    if classes and n_series < FEW and seen.tested.total() < FEW // PER_TEST:
        yield f"{n_series} series: fewer than {FEW}, so scores on test rows are uncertain"


def _of_tests(seen: Overview, classes: dict[str, int]) -> Iterable[str]:
    """Yield what ``train`` would say of classes with few test rows."""
    if seen.tested:
        n_tested: Mapping[str, float] = seen.tested
    else:
        n_tested = {c: n / PER_TEST * (n >= UNTESTED) for c, n in classes.items()}
    untested = {name: n for name, n in classes.items() if not n_tested[name]}
    rare = {name: n for name, n in classes.items() if 0 < n_tested[name] < FEW_TESTED}
    if untested:
        yield f"class {_counted(untested)} has no series to test, so nothing tells its recall"
    if rare:
        yield (
            f"class {_counted(rare)} has fewer than {FEW_TESTED} series to test: its recall will "
            "say little; add some"
        )


def _counted(classes: Mapping[str, int]) -> str:
    """Return names of classes with their numbers of series, the rarest first."""
    names = [f"{name!r} ({classes[name]})" for name in sorted(classes, key=classes.__getitem__)]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more


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


def _of_values(seen: Overview, channels: Mapping[str, ChannelStatistics]) -> Iterable[str]:
    yield from _of_channels(channels, seen.infinite)
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


def _of_channels(channels: Mapping[str, ChannelStatistics], infinite: int) -> Iterable[str]:
    idle = {name: what for name, channel in channels.items() if (what := _idle(channel, infinite))}
    for name, what in idle.items():
        is_all = len(idle) == len(channels)
        yield f"channel {name!r} {what}: " + (
            "there is nothing to learn from" if is_all else option("--ignore", name)
        )
    for name, channel in channels.items():
        if name not in idle and channel["missing"] > 0.5:
            yield f"channel {name!r} is missing in {channel['missing']:.0%} of the steps"
        ends = {channel["low"], channel["high"]} & NO_VALUE
        for end in sorted(filter(None, ends)):
            yield f"channel {name!r} reaches {end:g}: where that is no value, leave the cell empty"
        if channel["stuck"]:
            yield (
                f"{channel['stuck']:,} series are frozen in channel {name!r}, which moves in "
                "nearly all others: was the sensor stuck? Later imports set such series aside"
            )


def _idle(channel: ChannelStatistics, infinite: int) -> str | None:
    """Return why a channel tells nothing, or None if its values may differ."""
    low = channel["low"]
    if low is None:
        return None if infinite else "has no value at all"
    return f"is {low:g} everywhere" if low == channel["high"] and not infinite else None
