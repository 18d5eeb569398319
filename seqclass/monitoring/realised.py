"""The accuracy that was estimated for answers without labels, beside the one that labels showed.

Everything is made of sums, so that those of partitions add up to those of all.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from seqclass.evaluation.intervals import wilson

LEAST_ROWS = 20
"""Rows below which nothing is said of an accuracy."""


@dataclass(frozen=True)
class Tally:
    """Answers: how many, how many of them right, and the sum of their confidence."""

    rows: int = 0
    right: int = 0
    confidence: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.rows + other.rows,
            self.right + other.right,
            self.confidence + other.confidence,
        )


@dataclass(frozen=True)
class Outcomes:
    """Sums over answers whose labels came later.

    by_answer: a tally for each class that was answered. delays: rows by the seconds from the answer
    to the label. waiting: answers that still have no label.
    """

    by_answer: Mapping[str, Tally] = field(default_factory=dict)
    delays: Mapping[int, int] = field(default_factory=dict)
    waiting: int = 0

    def __add__(self, other: "Outcomes") -> "Outcomes":
        classes = sorted({*self.by_answer, *other.by_answer})
        none = Tally()
        return Outcomes(
            {k: self.by_answer.get(k, none) + other.by_answer.get(k, none) for k in classes},
            dict(Counter(self.delays) + Counter(other.delays)),
            self.waiting + other.waiting,
        )

    @property
    def total(self) -> Tally:
        """The tally of all classes together."""
        return sum(self.by_answer.values(), Tally())


@dataclass(frozen=True)
class Compared:
    """Accuracy that labels showed, with its 95% interval, and the one that was estimated."""

    rows: int
    realised: float
    interval: tuple[float, float]
    estimated: float | None


@dataclass(frozen=True)
class Realised:
    """Answers compared with labels that came later, and how late these came.

    every: all answers. by_answer: by the class of the answer. waiting: answers without a label.
    delay_median_s, delay_90_s: seconds within which half and nine tenths of the labels came.
    """

    every: Compared
    waiting: int
    delay_median_s: int
    delay_90_s: int
    by_answer: dict[str, Compared]


def realised_of(found: Outcomes, shift: float | None) -> Realised | None:
    """Compare the estimate with what came; None below ``LEAST_ROWS`` labelled rows.

    shift: accuracy minus mean confidence on the version's test rows, by which the mean confidence
    in new rows is moved; None where these differ from the test rows, so that nothing is estimated.
    A class of fewer than ``LEAST_ROWS`` answers is left out.
    """
    if found.total.rows < LEAST_ROWS:
        return None
    known = {k: own for k, own in found.by_answer.items() if own.rows >= LEAST_ROWS}
    return Realised(
        _compared(found.total, shift),
        found.waiting,
        quantile(found.delays, 0.5),
        quantile(found.delays, 0.9),
        {label: _compared(own, shift) for label, own in known.items()},
    )


def _compared(own: Tally, shift: float | None) -> Compared:
    reached = own.right / own.rows
    expected = None if shift is None else own.confidence / own.rows + shift
    limited = None if expected is None else min(max(expected, 0.0), 1.0)
    return Compared(own.rows, reached, wilson(reached, own.rows), limited)


def quantile(counts: Mapping[int, int], share: float) -> int:
    """Return the least value that this share of counted values does not exceed."""
    wanted, seen = share * sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= wanted:
            return value
    return 0
