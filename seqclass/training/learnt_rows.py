"""Rows that a network is fitted to: in memory, some of them, or read one window after another."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from seqclass.training.memory import return_memory
from seqclass.training.row_order import permutations, windows


class LearntRows(Protocol):
    """The methods that a fit asks of its rows, wherever these are."""

    def __len__(self) -> int: ...

    @property
    def counted(self) -> int:
        """Number of rows by which updates are limited."""
        return len(self)

    def seen(self, n: int) -> int:
        """Return how many different rows are among the first ``n`` of successive passes."""
        return min(n, len(self))

    def windows(self, seed: int) -> Iterator[tuple["Rows", np.ndarray]]:
        """Yield rows without end, each time with the order in which they are learnt from."""


@dataclass(frozen=True)
class Rows(LearntRows):
    """Series ``(n, steps, channels)`` float32 with NaN, and class codes ``(n,)`` int32."""

    x: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    def windows(self, seed: int) -> Iterator[tuple["Rows", np.ndarray]]:
        """Yield the rows in one order ``(rows,)`` after the other, without end."""
        return ((self, order) for order in permutations(len(self), seed))

    def take(self, index: np.ndarray) -> "Rows":
        """Return the rows with the numbers ``index``, in that order."""
        return Rows(self.x[index], self.y[index])


@dataclass(frozen=True)
class Subset(LearntRows):
    """Some of the rows, by their numbers ``index``; the series are not copied."""

    rows: Rows
    index: np.ndarray

    def __len__(self) -> int:
        return len(self.index)

    def windows(self, seed: int) -> Iterator[tuple[Rows, np.ndarray]]:
        """Yield the rows and one order of the numbers ``(index,)`` after the other, without end."""
        index = self.index.astype(np.int32)
        return ((self.rows, index[order]) for order in permutations(len(self), seed))


class Auxiliary(NamedTuple):
    """Auxiliary rows, which only train: those from number ``first`` on.

    weight: what each counts for in a fit, in (0, 1]; a row before ``first`` counts for one.
    """

    first: int
    weight: float

    def weights(self, n_rows: int) -> np.ndarray:
        """Return what each of the rows counts for ``(n_rows,)``."""
        return np.where(np.arange(n_rows) < self.first, 1.0, self.weight)

    def among(self, numbers: np.ndarray) -> "Auxiliary":
        """Return the auxiliary rows among rows of these ascending numbers."""
        return Auxiliary(int(np.searchsorted(numbers, self.first)), self.weight)


@dataclass(frozen=True)
class Mixed(LearntRows):
    """Some of the rows, with auxiliary ones of which each pass takes the next few.

    index: numbers of the former; others: numbers of auxiliary rows. weight: share of the latter in
    a pass, so that over many passes each counts for this much.
    """

    rows: Rows
    index: np.ndarray
    others: np.ndarray
    weight: float

    def __len__(self) -> int:
        return len(self.index) + self._drawn

    @property
    def _drawn(self) -> int:
        return max(1, round(self.weight * len(self.others)))

    def seen(self, n: int) -> int:
        """Return about how many different rows are among the first ``n``; exact after a pass."""
        passes = n / len(self)
        others = min(passes * self._drawn, len(self.others))
        return round(min(passes, 1) * len(self.index) + others)

    def windows(self, seed: int) -> Iterator[tuple[Rows, np.ndarray]]:
        """Yield the rows and one order of the numbers ``(len(self),)`` after another, without end.

        All auxiliary rows are drawn before one is drawn again.
        """
        passes, drawn = permutations(len(self.others), seed + 1), np.empty(0, np.int64)
        for order in permutations(len(self), seed):
            while len(drawn) < self._drawn:
                drawn = np.concatenate([drawn, self.others[next(passes)]])
            numbers = np.concatenate([self.index, drawn[: self._drawn]]).astype(np.int32)
            drawn = drawn[self._drawn :]
            yield self.rows, numbers[order]


@dataclass(frozen=True)
class WindowedRows(LearntRows):
    """Training rows that a network learns from by windows.

    read: ascending numbers of training rows to their series. y: class codes of all training rows.
    groups: ``(n,)`` of all training rows, or None. ends: number of the training row after the last
    one of each row group. window: most rows that are held at once. sample: ascending numbers of the
    training rows that stand for all of them. rows: ascending numbers of those that are learnt from.
    """

    read: Callable[[np.ndarray], np.ndarray]
    y: np.ndarray
    groups: np.ndarray | None
    ends: np.ndarray
    window: int
    sample: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def counted(self) -> int:
        """Number of rows by which updates are limited: with more rows each is seen fewer times."""
        return min(self.window, len(self))

    def without(self, held: np.ndarray) -> "WindowedRows":
        """Leave out rows that are held back, by their places in the sample, with their groups."""
        if self.groups is None:
            gone = np.isin(self.rows, self.sample[held])
        else:
            gone = np.isin(self.groups[self.rows], self.groups[self.sample[held]])
        return replace(self, rows=self.rows[~gone])

    def windows(self, seed: int) -> Iterator[tuple[Rows, np.ndarray]]:
        """Yield windows without end, each with the order ``(rows,)`` in which it is learnt from.

        Rows that all fit into one window are read once.
        """
        if len(self) <= self.window:
            return_memory()
            yield from Rows(self.read(self.rows), self.y[self.rows]).windows(seed)
        row_groups = np.diff(np.searchsorted(self.rows, self.ends), prepend=0)
        for places in windows(row_groups.tolist(), seed, self.window):
            numbers = self.rows[places]
            ascending = np.sort(numbers)
            order = np.searchsorted(ascending, numbers).astype(np.int32)
            return_memory()
            yield Rows(self.read(ascending), self.y[ascending]), order
