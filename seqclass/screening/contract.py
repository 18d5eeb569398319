"""The contract of a dataset: statistics of its rows, with which later rows are compared, and the
actions for rows that break it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from seqclass.series import check_ranges
from seqclass.store.formats.table import ColumnNames

FROZEN_STEPS = 5
"""Observed values from which on a constant series counts as frozen."""
STUCK_FACTOR = 2
"""Factor on the longest constant stretch of nearly all series, above which a channel is frozen."""
NEARLY_ALL = 0.95
STATES = 8
"""Most distinct levels of a channel of states (on, off), which may last for a whole series."""
BINS = 2**16

Whole = Literal["refuse", "accept"]
Row = Literal["refuse", "quarantine", "accept"]
Flaw = Literal["refuse", "quarantine"]
Step = Literal["as_before", "refuse", "drop"]


@dataclass(frozen=True)
class ChannelContract:
    """Statistics of a channel's finite values and missing ones; None if nothing was observed.

    quartiles: within 1% of the value. missing: share of all values. most_missing: the largest share
    in one series. frozen: number of series that never change. still: most observed values for which
    nearly all series stay unchanged; None if the channel holds states.
    """

    low: float | None
    high: float | None
    quartiles: tuple[float, float, float] | None
    missing: float
    most_missing: float
    frozen: int
    still: int | None

    def is_stuck(self, series: "SeriesValues") -> np.ndarray:
        """Mark series ``(n,)`` that are unchanged for longer than nearly all ever are."""
        if self.still is None:
            return np.zeros(len(series.frozen), dtype=bool)
        return series.frozen & (series.seen > STUCK_FACTOR * self.still) & ~series.infinite


@dataclass(frozen=True)
class Contract:
    """Lengths, series per class and channels of a dataset's rows."""

    n_series: int
    n_steps: tuple[int, int]
    classes: dict[str, int]
    channels: dict[str, ChannelContract]


def contract_from(stored: Mapping[str, Any]) -> Contract:
    """Read a contract from the JSON that ``dataclasses.asdict`` made of it.

    Older contracts do not say how long a channel stays unchanged, only whether it ever did for a
    whole series.
    """
    channels = {
        name: ChannelContract(**{"still": None if channel["frozen"] else 0, **channel})
        for name, channel in stored["channels"].items()
    }
    return Contract(**{**stored, "channels": channels})


@dataclass(frozen=True)
class SeriesValues:
    """Statistics of one channel, an entry for each series.

    They are: extremes (NaN if nothing was observed), share of missing values, whether it never
    changes, whether it is infinite anywhere, number of observed values, and the most consecutive
    equal ones.
    """

    low: np.ndarray
    high: np.ndarray
    missing: np.ndarray
    frozen: np.ndarray
    infinite: np.ndarray
    seen: np.ndarray
    still: np.ndarray


def describe(values: np.ndarray, lengths: np.ndarray) -> SeriesValues:
    """Describe series that are laid end to end.

    values: float32, as many as the lengths add up to; lengths: ``(n,)``, each at least 1.
    """
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    low, high = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
    seen = np.add.reduceat(~np.isnan(values), starts, dtype=np.int64)
    return SeriesValues(
        low=low,
        high=high,
        missing=1 - seen / lengths,
        frozen=(low == high) & (seen >= FROZEN_STEPS),
        infinite=np.isinf(low) | np.isinf(high),
        seen=seen,
        still=_longest_runs(values, lengths),
    )


def _longest_runs(values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the most consecutive equal observed values of every series ``(n,)``."""
    series = np.repeat(np.arange(len(lengths)), lengths)[~np.isnan(values)]
    observed, longest = values[~np.isnan(values)], np.zeros(len(lengths), dtype=np.int64)
    if len(observed):
        is_new = (observed[1:] != observed[:-1]) | (series[1:] != series[:-1])
        starts = np.flatnonzero(np.append(True, is_new))
        np.maximum.at(longest, series[starts], np.diff(np.append(starts, len(observed))))
    return longest


class Profile:
    """Builder of a contract from rows that come in pieces of any size."""

    def __init__(self) -> None:
        self.lengths: list[int] = []
        self.n_series = 0
        self.classes: Counter[str] = Counter()
        self.channels: dict[str, _ChannelProfile] = {}

    def add(
        self, lengths: np.ndarray, labels: Iterable[str | None], channels: dict[str, np.ndarray]
    ) -> dict[str, SeriesValues]:
        """Add series: their lengths ``(n,)``, labels, and each channel's values end to end.

        Returns the result of ``describe`` for each channel.
        """
        if not len(lengths):
            return {}
        self.n_series += len(lengths)
        self.classes.update(label for label in labels if label is not None)
        bounds = [*self.lengths, int(lengths.min()), int(lengths.max())]
        self.lengths = [min(bounds), max(bounds)]
        described = {name: describe(values, lengths) for name, values in channels.items()}
        for name, values in channels.items():
            self.channels.setdefault(name, _ChannelProfile()).add(values, described[name])
        return described

    def contract(self) -> Contract:
        """Return the contract of the rows so far; ValueError if there are none."""
        if not self.lengths:
            raise ValueError("rows: expected at least one series, got none; check the input")
        return Contract(
            self.n_series,
            (self.lengths[0], self.lengths[1]),
            dict(sorted(self.classes.items())),
            {name: channel.describe() for name, channel in self.channels.items()},
        )

    def stuck(self) -> dict[str, int]:
        """Count by channel the series that are frozen where nearly all of them move."""
        counts = {name: channel.n_stuck() for name, channel in self.channels.items()}
        return {name: count for name, count in counts.items() if count}


class _ChannelProfile:
    def __init__(self) -> None:
        self.histogram = np.zeros(BINS, dtype=np.int64)
        self.low, self.high = np.inf, -np.inf
        self.n_values = self.n_missing = self.frozen = 0
        self.most_missing = 0.0
        self.runs, self.flat = Counter[int](), Counter[int]()
        self.levels: set[float] = set()

    def add(self, values: np.ndarray, series: SeriesValues) -> None:
        finite = values[np.isfinite(values)]
        self.histogram += np.bincount(_bins(finite), minlength=BINS)
        self.low = min(self.low, finite.min(initial=np.inf))
        self.high = max(self.high, finite.max(initial=-np.inf))
        self.n_values += len(values)
        self.n_missing += int(np.isnan(values).sum())
        self.frozen += int(series.frozen.sum())
        self.most_missing = max(self.most_missing, float(series.missing.max()))
        if len(self.levels) <= STATES:
            self.levels.update(np.unique(finite)[: STATES + 1].tolist())
        self.runs.update(series.still.tolist())
        self.flat.update(series.seen[series.frozen & ~series.infinite].tolist())

    def describe(self) -> ChannelContract:
        seen = self.histogram.any()
        return ChannelContract(
            low=float(self.low) if seen else None,
            high=float(self.high) if seen else None,
            quartiles=self._quartiles() if seen else None,
            missing=self.n_missing / self.n_values,
            most_missing=self.most_missing,
            frozen=self.frozen,
            still=self._still(),
        )

    def n_stuck(self) -> int:
        """Count the frozen series, judged by the statistics of all of them."""
        still = self._still()
        if still is None:
            return 0
        return sum(n for seen, n in self.flat.items() if seen > STUCK_FACTOR * still)

    def _still(self) -> int | None:
        """Return the most observed values for which nearly all series stay unchanged."""
        if len(self.levels) <= STATES:
            return None
        left = NEARLY_ALL * self.runs.total()
        for length in sorted(self.runs):
            left -= self.runs[length]
            if left <= 0:
                return length
        return None

    def _quartiles(self) -> tuple[float, float, float]:
        passed = np.cumsum(self.histogram)
        places = np.searchsorted(passed, passed[-1] * np.array([0.25, 0.5, 0.75]))
        first, middle, last = np.clip(_values(places), self.low, self.high).tolist()
        return first, middle, last


def _bins(values: np.ndarray) -> np.ndarray:
    """Return the upper half of each float32's bits, mapped so that bins ascend with the values."""
    bits = values.astype(np.float32, copy=False).view(np.uint32)
    negative = bits >> 31 == 1
    return (np.where(negative, ~bits, bits | np.uint32(1 << 31)) >> 16).astype(np.int64)


def _values(bins: np.ndarray) -> np.ndarray:
    """Return the middle of each bin."""
    turned = (bins.astype(np.uint32) << 16) | np.uint32(1 << 15)
    negative = turned >> 31 == 0
    return np.where(negative, ~turned, turned ^ np.uint32(1 << 31)).view(np.float32)


def stuck_lines(profile: Profile) -> list[str]:
    """Return a warning line for each channel in which series are frozen."""
    return [
        f"{count:,} series are frozen in channel {name!r}, which moves in nearly all others: was "
        "the sensor stuck? Later imports set such series aside"
        for name, count in profile.stuck().items()
    ]


@dataclass(frozen=True)
class Policy:
    """An action for every kind of violation.

    Of whole files:

    new_column, missing_column: other columns than before.
    other_unit: a channel whose median or spread has changed as if the unit had.
    missing_rate: more missing values in a channel.

    Of series:

    new_class, out_of_range, length: a label, a value or a length unlike all before.
    infinite: an infinite value.
    frozen: constant in a channel for more than twice as long as in nearly all series.
    holes: a larger share of the series is missing than ever before.
    duplicate_id: the id of another series with other content.

    Of rows of a file:

    repeated_steps: the step of a series again, with the same values. The dataset remembers the
        action: ``as_before`` is that of the import before, or ``refuse``.

    most_quarantined: share of the series, in [0, 1], above which the whole import is refused.
    """

    new_column: Whole = "refuse"
    missing_column: Whole = "refuse"
    other_unit: Whole = "refuse"
    missing_rate: Whole = "refuse"
    new_class: Row = "refuse"
    out_of_range: Row = "quarantine"
    frozen: Row = "quarantine"
    holes: Row = "quarantine"
    length: Row = "quarantine"
    duplicate_id: Flaw = "refuse"
    infinite: Flaw = "refuse"
    repeated_steps: Step = "as_before"
    most_quarantined: float = 0.5

    def __post_init__(self) -> None:
        for kind, actions in ACTIONS.items():
            if getattr(self, kind) not in actions:
                raise ValueError(
                    f"policy of {kind}: expected {' or '.join(actions)}, "
                    f"got {getattr(self, kind)!r}; choose one of them"
                )
        check_ranges(self, [("most_quarantined", 0, 1)], closed=True)

    def action(self, kind: str) -> str:
        """Return the action for a kind of violation: ``accept``, ``quarantine`` or ``refuse``."""
        return getattr(self, kind)

    def reading(self, names: ColumnNames, before: ColumnNames) -> ColumnNames:
        """Return the options for reading files, completed by those of the import before."""
        if self.repeated_steps != "as_before":
            names = replace(names, repeated_steps=self.repeated_steps)
        return names.merge(before)


ACTIONS: dict[str, tuple[str, ...]] = {
    f.name: f.type.__args__  # type: ignore[union-attr]
    for f in fields(Policy)
    if f.type is not float
}
"""The kinds of violations and the actions that each allows."""


def policy_of_choices(choices: list[str]) -> Policy:
    """Return the policy with the given choices, each ``kind=action``."""
    actions: dict[str, str] = {}
    for choice in choices:
        kind, _, action = choice.partition("=")
        if kind not in ACTIONS or not action:
            raise ValueError(
                f"--policy: expected KIND=ACTION with a kind out of {', '.join(ACTIONS)}, "
                f"got {choice!r}; correct it"
            )
        actions[kind] = action
    return Policy(**actions)  # type: ignore[arg-type]
