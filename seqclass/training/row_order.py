"""The order in which training rows are learnt from, and the sample of them if they are many."""

import math
from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np

WINDOW = 2**18
"""Most training rows that are held at once, unless a spec names another number."""
MIXED_GROUPS = 32
"""Fewest row groups that are shuffled together, since a file may be sorted by class."""
SAMPLE_SHARE, FEWEST_OF_CLASS = 4, 40
"""A sample is a window divided by this; of every class there are so many rows, or all."""


def order(row_groups: Sequence[int], seed: int, epoch: int, window: int) -> Iterator[np.ndarray]:
    """Yield the row numbers of each window of an epoch, in the order in which they are learnt from.

    row_groups: rows of each row group; they are numbered from the first group to the last. window:
    most rows that are held at once, fewer than all. Everything follows from the arguments, so the
    epoch and the number of its window say where a training is. ``MIXED_GROUPS`` at a time, or as
    many as fill a window, are drawn anew in each epoch, shuffled together and cut into windows. So
    at least one window of an epoch is half full.
    """
    n_rows = sum(row_groups)
    rng, ends = np.random.Generator(np.random.Philox([seed, epoch])), np.cumsum(row_groups)
    drawn = rng.permutation(len(row_groups))
    mixed = max(MIXED_GROUPS, math.ceil(window * len(row_groups) / n_rows))
    for start in range(0, len(drawn), mixed):
        groups = drawn[start : start + mixed]
        rows = np.concatenate([np.arange(ends[g] - row_groups[g], ends[g]) for g in groups])
        rows = rng.permutation(rows)
        yield from (rows[first : first + window] for first in range(0, len(rows), window))


def windows(row_groups: Sequence[int], seed: int, window: int) -> Iterator[np.ndarray]:
    """Yield the windows of one epoch after the other; there are more rows than fit into one."""
    for epoch in count():
        yield from order(row_groups, seed, epoch, window)


def permutations(n_rows: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the order of all rows in one epoch after the other."""
    rng = np.random.Generator(np.random.Philox(seed))
    while True:
        yield rng.permutation(n_rows).astype(np.int32)


def sampled(y: np.ndarray, window: int | None, seed: int) -> np.ndarray | None:
    """Return ascending numbers of rows that stand for all, or None if all fit into the window.

    y: class codes ``(n,)``. All rows are drawn alike, and more of rare classes.
    """
    if window is None or len(y) <= window:
        return None
    n_rows = window // SAMPLE_SHARE
    order = np.arange(len(y), dtype=np.int32)
    np.random.default_rng(seed).shuffle(order)
    # Only the first rows of a class are needed, and most classes have enough of them at the front.
    is_short = np.bincount(y[order[:n_rows]], minlength=y.max() + 1) < FEWEST_OF_CLASS
    short = order[is_short[y[order]]]
    by_class = short[np.argsort(y[short], kind="stable")]
    codes, begins = np.unique(y[by_class], return_index=True)
    rank = np.arange(len(by_class)) - begins[np.searchsorted(codes, y[by_class])]
    rare = by_class[rank < FEWEST_OF_CLASS]
    return np.union1d(order[:n_rows], rare).astype(np.int64)
