"""Estimates of accuracy for answers without labels, and the accuracy that later labels show.

The version's test rows give its accuracy; the confidence in new rows, compared with that in test
rows, shows how much easier or harder the new ones are (Guillory et al. 2021, "Predicting with
Confidence on Unseen Distributions"). The interval combines the uncertainty of the test rows, by
Wilson's limits, with the sampling error of the new rows (Zou and Donner 2008, "Construction of
confidence limits about effect measures"), less the share of both that confidence explains. If the
new rows have drifted, no estimate is given.

What later labels show is made of sums, so that those of partitions add up to those of all.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from seqclass.evaluation.intervals import wilson

ALARM = 0.005
"""Share of draws without drift in which one of the two comparisons reports drift."""
Z = 1.96
LEAST_ROWS = 20
"""Rows below which nothing is said of the accuracy that labels showed."""


class Confidence(NamedTuple):
    """Confidence in the answers to ``(n,)`` rows.

    It holds the probability of each answer, and a p-value of each row being like the training rows.
    """

    confidence: np.ndarray
    familiarity: np.ndarray


class Estimate(NamedTuple):
    """Expected accuracy with a 95% interval; None if ``doubt`` says why no estimate is given."""

    accuracy: float
    accuracy_interval: list[float] | None
    doubt: str | None


def estimate(right: np.ndarray, tested: Confidence, new: Confidence) -> Estimate:
    """Estimate the accuracy of answers to new rows.

    right: bool ``(n,)``, whether each answer to the test rows is right. tested, new: confidence in
    the test rows and in the new rows.
    """
    reached = float(right.mean())
    low, high = wilson(reached, len(right))
    expected = reached + float(new.confidence.mean() - tested.confidence.mean())
    middle = (low + high) / 2
    spread = middle * (1 - middle)
    chance = Z**2 * spread / len(new.confidence)
    left = _unexplained(right, tested.confidence, spread)
    below = (left * ((reached - low) ** 2 + chance)) ** 0.5
    above = (left * ((high - reached) ** 2 + chance)) ** 0.5
    doubt = drift_of(tested, new)
    interval = [max(0.0, expected - below), min(1.0, expected + above)]
    return Estimate(min(max(expected, 0.0), 1.0), None if doubt else interval, doubt)


def _unexplained(right: np.ndarray, confidence: np.ndarray, spread: float) -> float:
    """Return the share of the answers' variance that confidence does not explain, in (0, 1].

    It works like a control variate. As many rows as Wilson's limits add count as unexplained, since
    a few errors say little.
    """
    n, added = len(right), Z**2 * spread
    return min(1.0, (n * (right - confidence).var() + added) / (n * right.var() + added))


def drift_of(tested: Confidence, new: Confidence) -> str | None:
    """Return why new rows are not like test rows, by two Kolmogorov-Smirnov tests, or None.

    None also if there are no rows on one side.
    """
    from seqclass.monitoring.drift import two_samples

    pairs = [
        ("how sure the answers are", tested.confidence, new.confidence),
        ("how like the training series they are", tested.familiarity, new.familiarity),
    ]
    for what, old, now in pairs:
        if len(old) and len(now) and two_samples(old, now)[0] < ALARM / len(pairs):
            return f"the new series differ from the test series in {what}"
    return None


def expected_macro_f1(probabilities: np.ndarray, answers: np.ndarray) -> float:
    """Return the macro F1 of class codes ``(n,)`` that probabilities ``(n, classes)`` predict.

    Classes that neither occur nor are predicted don't count.
    """
    counts = np.stack(
        [
            probabilities[answers == code].sum(axis=0, dtype=np.float64)
            for code in range(probabilities.shape[1])
        ]
    )
    right, answered, true = np.diagonal(counts), counts.sum(axis=1), counts.sum(axis=0)
    seen = (answered + true) > 0
    return float((2 * right[seen] / (answered + true)[seen]).mean())


@dataclass(frozen=True)
class AnswerTally:
    """Answers: how many, how many of them right, and the sum of their confidence."""

    rows: int = 0
    right: int = 0
    confidence: float = 0.0

    def __add__(self, other: "AnswerTally") -> "AnswerTally":
        return AnswerTally(
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

    by_answer: Mapping[str, AnswerTally] = field(default_factory=dict)
    delays: Mapping[int, int] = field(default_factory=dict)
    waiting: int = 0

    def __add__(self, other: "Outcomes") -> "Outcomes":
        classes = sorted({*self.by_answer, *other.by_answer})
        none = AnswerTally()
        return Outcomes(
            {k: self.by_answer.get(k, none) + other.by_answer.get(k, none) for k in classes},
            dict(Counter(self.delays) + Counter(other.delays)),
            self.waiting + other.waiting,
        )

    @property
    def total(self) -> AnswerTally:
        """The tally of all classes together."""
        return sum(self.by_answer.values(), AnswerTally())


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


def realised_of(outcomes: Outcomes, shift: float | None) -> Realised | None:
    """Compare the estimate with what came; None below ``LEAST_ROWS`` labelled rows.

    shift: accuracy minus mean confidence on the version's test rows, by which the mean confidence
    in new rows is moved; None where these differ from the test rows, so that nothing is estimated.
    A class of fewer than ``LEAST_ROWS`` answers is left out.
    """
    if outcomes.total.rows < LEAST_ROWS:
        return None
    by_answer = {k: tally for k, tally in outcomes.by_answer.items() if tally.rows >= LEAST_ROWS}
    return Realised(
        _compared(outcomes.total, shift),
        outcomes.waiting,
        quantile(outcomes.delays, 0.5),
        quantile(outcomes.delays, 0.9),
        {label: _compared(tally, shift) for label, tally in by_answer.items()},
    )


def _compared(tally: AnswerTally, shift: float | None) -> Compared:
    reached = tally.right / tally.rows
    expected = None if shift is None else tally.confidence / tally.rows + shift
    limited = None if expected is None else min(max(expected, 0.0), 1.0)
    return Compared(tally.rows, reached, wilson(reached, tally.rows), limited)


def quantile(counts: Mapping[int, int], share: float) -> int:
    """Return the least value that this share of counted values does not exceed."""
    needed, seen = share * sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= needed:
            return value
    return 0
