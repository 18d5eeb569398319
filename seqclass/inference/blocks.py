"""Prediction for many series, in blocks of bounded size."""

from collections.abc import Callable, Iterator

import numpy as np

Infer = Callable[[np.ndarray], dict[str, np.ndarray]]
BATCH_ROWS, BATCH_VALUES = 128, 32_768
"""Most series, and most padded values per channel, in a batch; more is no faster on a CPU."""


def predict_block(infer: Infer, x: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Predict series ``(n, steps, channels)`` padded with NaN; returns outputs ``(n, …)`` by name.

    lengths: steps of each series ``(n,)``, at least 1. Series of similar length are batched
    together and padded only to the longest of them, since padding costs as much as steps do.
    """
    order = np.argsort(lengths, kind="stable")
    found: dict[str, np.ndarray] = {}
    for rows in _batches(order, lengths[order]):
        part = infer(np.ascontiguousarray(x[rows, : lengths[rows[-1]]]))
        for name, own in part.items():
            found.setdefault(name, np.empty((len(x), *own.shape[1:]), own.dtype))[rows] = own
    if not found:
        raise ValueError("x: expected at least one series, got none; leave out empty blocks")
    return found


def spans(lengths: np.ndarray, most_rows: int, most_values: int) -> Iterator[tuple[int, int]]:
    """Yield bounds of runs of neighbouring rows, as long as rows times their longest allows.

    lengths: steps of each row ``(n,)``. A row longer than ``most_values`` is a run of its own.
    """
    start = longest = 0
    for row, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        n_rows = row + 1 - start
        if n_rows > 1 and (n_rows > most_rows or n_rows * longest > most_values):
            yield start, row
            start, longest = row, length
    if start < len(lengths):
        yield start, len(lengths)


def _batches(order: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Yield row numbers in ascending order of length, split where a batch is full."""
    start = 0
    while start < len(order):
        stop = min(start + BATCH_ROWS, len(order))
        while stop > start + 1 and (stop - start) * int(lengths[stop - 1]) > BATCH_VALUES:
            stop = start + max(1, BATCH_VALUES // int(lengths[stop - 1]))
        yield order[start:stop]
        start = stop
