"""From series to the outputs of a classifier, in blocks of bounded size, and on to its answers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqclass.evaluation.decisions import Decision, confidence_of, predict_labels, reasons_of

Infer = Callable[[np.ndarray], dict[str, np.ndarray]]
BATCH_ROWS, BATCH_VALUES = 128, 32_768
"""Most series, and most padded values per channel, in a batch; more is no faster on a CPU."""


def predict_block(infer: Infer, x: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Predict series ``(n, steps, channels)`` padded with NaN; returns outputs ``(n, …)`` by name.

    lengths: steps of each series ``(n,)``, at least 1. Series of similar length are batched
    together and padded only to the longest of them, since padding costs as much as steps do.
    """
    order = np.argsort(lengths, kind="stable")
    outputs: dict[str, np.ndarray] = {}
    for rows in _batches(order, lengths[order]):
        put_rows(outputs, rows, infer(np.ascontiguousarray(x[rows, : lengths[rows[-1]]])), len(x))
    if not outputs:
        raise ValueError("x: expected at least one series, got none; leave out empty blocks")
    return outputs


def put_rows(
    outputs: dict[str, np.ndarray], rows: np.ndarray, part: Mapping[str, np.ndarray], n: int
) -> None:
    """Put the outputs of some of ``n`` series, by name, where they belong."""
    for name, values in part.items():
        outputs.setdefault(name, np.empty((n, *values.shape[1:]), values.dtype))[rows] = values


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


@dataclass(frozen=True)
class Answers:
    """A classifier's answers to ``n`` series.

    probabilities ``(n, classes)``; codes ``(n,)`` of the most likely classes; confidence ``(n,)``;
    reasons to answer unknown, None where there is none; p_value ``(n,)`` of being like the training
    series and nearest ``(n, k)``, numbers of the nearest of them.
    """

    probabilities: np.ndarray
    codes: np.ndarray
    confidence: np.ndarray
    reasons: Sequence[str | None]
    p_value: np.ndarray
    nearest: np.ndarray


def answers_of(outputs: Mapping[str, np.ndarray], decision: Decision) -> Answers:
    """Return the answers that a decision makes of a classifier's outputs by name."""
    probabilities, p_value = outputs["probabilities"], outputs["p_value"]
    return Answers(
        probabilities,
        predict_labels(probabilities, decision),
        confidence_of(probabilities, decision),
        reasons_of(probabilities, p_value, decision),
        p_value,
        outputs["nearest"],
    )


def possible_classes(probabilities: np.ndarray, possible: Sequence[float]) -> np.ndarray:
    """Return which classes ``(n, classes)`` are possible: those that reach their own probability.

    The most probable class is always possible, so that no set is empty.
    """
    inside = probabilities >= np.array(possible, dtype=np.float32)
    inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
    return inside
