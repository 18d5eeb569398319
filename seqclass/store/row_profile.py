"""The profile of rows: lengths, classes, and statistics of each channel."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.manifests import ChannelStatistics, RowsProfile
from seqclass.store.rows import channels_of

FROZEN_STEPS = 5
"""Observed values from which on a constant series counts as frozen."""
STUCK_FACTOR = 2
"""Factor on the longest constant stretch of nearly all series, above which a channel is frozen."""
NEARLY_ALL = 0.95
STATES = 8
"""Most distinct levels of a channel of states (on, off), which may last for a whole series."""
BINS = 2**16


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
    """Builder of a profile from rows that come in pieces of any size."""

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

    def add_table(self, table: pa.Table) -> None:
        """Add the rows of a table in the stored form."""
        self.add(table["n_steps"].to_numpy(), table["label"].to_pylist(), values_of(table))

    def describe(self) -> RowsProfile:
        """Return the profile of the rows so far, at least one."""
        return {
            "n_series": self.n_series,
            "n_steps": self.lengths,
            "classes": dict(sorted(self.classes.items())),
            "profile": {name: channel.describe() for name, channel in self.channels.items()},
        }


def values_of(table: pa.Table) -> dict[str, np.ndarray]:
    """Return each channel's float32 values, series end to end."""
    return {
        name: pc.list_flatten(table[name]).to_numpy(zero_copy_only=False)
        for name in channels_of(table.schema)
    }


class _ChannelProfile:
    def __init__(self) -> None:
        self.histogram = np.zeros(BINS, dtype=np.int64)
        self.low, self.high = np.inf, -np.inf
        self.total = self.squares = 0.0
        self.n_values = self.n_missing = 0
        self.most_missing = 0.0
        self.runs, self.flat = Counter[int](), Counter[int]()
        self.levels: set[float] = set()

    def add(self, values: np.ndarray, series: SeriesValues) -> None:
        finite = values[np.isfinite(values)]
        self.histogram += np.bincount(_bins(finite), minlength=BINS)
        self.low = min(self.low, finite.min(initial=np.inf))
        self.high = max(self.high, finite.max(initial=-np.inf))
        self.total += float(finite.sum(dtype=np.float64))
        self.squares += float(np.square(finite, dtype=np.float64).sum())
        self.n_values += len(values)
        self.n_missing += int(np.isnan(values).sum())
        self.most_missing = max(self.most_missing, float(series.missing.max()))
        if len(self.levels) <= STATES:
            self.levels.update(np.unique(finite)[: STATES + 1].tolist())
        self.runs.update(series.still.tolist())
        self.flat.update(series.seen[series.frozen & ~series.infinite].tolist())

    def describe(self) -> ChannelStatistics:
        n_finite, still = int(self.histogram.sum()), self._still()
        longest = np.inf if still is None else STUCK_FACTOR * still
        mean = self.total / max(n_finite, 1)
        sd = max(self.squares / max(n_finite, 1) - mean**2, 0.0) ** 0.5
        return {
            "low": float(self.low) if n_finite else None,
            "high": float(self.high) if n_finite else None,
            "mean": float(f"{mean:.6g}") if n_finite else None,
            "sd": float(f"{sd:.6g}") if n_finite else None,
            "quartiles": self._quartiles() if n_finite else None,
            "missing": self.n_missing / self.n_values,
            "most_missing": self.most_missing,
            "still": still,
            "stuck": sum(n for seen, n in self.flat.items() if seen > longest),
        }

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

    def _quartiles(self) -> list[float]:
        passed = np.cumsum(self.histogram)
        places = np.searchsorted(passed, passed[-1] * np.array([0.25, 0.5, 0.75]))
        return np.clip(_values(places), self.low, self.high).tolist()


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
