"""Answers from probabilities by a stored rule: a class, or ``unknown``.

``goals`` chooses the rule.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from typing_extensions import TypedDict

UNKNOWN, AMBIGUOUS, UNFAMILIAR = "unknown", "ambiguous", "unfamiliar"


@dataclass(frozen=True)
class Decision:
    """The rule from a classifier's probabilities to answers, chosen on held-back training rows.

    offsets: per class, added to the log-probabilities before the largest is taken; None adds none.
    threshold: confidence, in [0, 1], below which the answer is unknown. coverage, risk: share of
    the held-back rows that are answered, and share of wrong answers among these. unfamiliar:
    p-value up to which a series counts as unlike all that were seen. possible: per class the
    probability from which on it is in the set of possible classes, 0 if rows are too few to
    guarantee one; None makes no sets. costs: by true class, the cost of each answer, and of
    ``unknown`` if there is one more; the answer has the lowest expected cost (Elkan 2001, "The
    Foundations of Cost-Sensitive Learning"). None where offsets decide.
    """

    offsets: Sequence[float] | None
    threshold: float
    coverage: float
    risk: float
    unfamiliar: float = 0.0
    possible: Sequence[float] | None = None
    costs: Sequence[Sequence[float]] | None = None


LARGEST = Decision(None, 0.0, 1.0, 0.0)
"""The rule that answers each series with its most probable class."""


def reasons_of(probabilities: np.ndarray, p_value: np.ndarray, rule: Decision) -> list[str | None]:
    """Return the reason that each row is answered with ``unknown``, or None.

    ``unfamiliar``: unlike all that were seen; otherwise ``ambiguous``: below the confidence
    threshold, or ``unknown`` costs less than the answer.
    """
    strange = p_value <= rule.unfamiliar
    return [
        UNFAMILIAR if unlike else AMBIGUOUS if unsure else None
        for unlike, unsure in zip(strange, are_doubtful(probabilities, rule), strict=True)
    ]


def are_doubtful(probabilities: np.ndarray, rule: Decision) -> np.ndarray:
    """Return which rows ``(n,)`` are ambiguous."""
    expected, n_classes = expected_costs(probabilities, rule), probabilities.shape[1]
    if expected is None:
        return confidence_of(probabilities, rule) < rule.threshold
    return (expected[:, n_classes:] < expected[:, :n_classes].min(axis=1)[:, None]).any(axis=1)


def expected_costs(probabilities: np.ndarray, rule: Decision) -> np.ndarray | None:
    """Return the expected cost of each answer ``(n, answers)``; None if the rule has no costs."""
    return None if rule.costs is None else probabilities.astype(np.float64) @ np.array(rule.costs)


def confidence_of(probabilities: np.ndarray, rule: Decision) -> np.ndarray:
    """Return the probability ``(n,)`` of the answer, with the offsets included."""
    if rule.costs is None:
        scores = rule_scores(probabilities, rule)
        return 1 / np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)
    rows = np.arange(len(probabilities))
    return probabilities[rows, predict_labels(probabilities, rule)].astype(np.float64)


def predict_labels(probabilities: np.ndarray, rule: Decision = LARGEST) -> np.ndarray:
    """Return the class codes ``(n,)`` that ``probabilities (n, classes)`` and a rule give."""
    if rule.costs is None and rule.offsets is None:
        return probabilities.argmax(axis=1)
    return rule_scores(probabilities, rule).argmax(axis=1)


def rule_scores(probabilities: np.ndarray, rule: Decision) -> np.ndarray:
    """Return scores ``(n, classes)``, the largest of which is the answer.

    They are log-probabilities plus offsets, or expected costs below zero.
    """
    expected = expected_costs(probabilities, rule)
    if expected is not None:
        return -expected[:, : probabilities.shape[1]]
    floor = np.finfo(np.float32).tiny
    logarithms = np.log(np.maximum(probabilities.astype(np.float64), floor))
    return logarithms if rule.offsets is None else logarithms + np.asarray(rule.offsets)


class AbstentionScores(TypedDict):
    """The effect of the rule for ambiguous rows on rows of known classes.

    threshold: the confidence below which the answer is unknown. unknown: number of unknown rows.
    coverage: share of the others. accuracy_answered: accuracy of the others. curve: pairs of
    coverage and accuracy, if ever less confident rows are answered.
    """

    threshold: float
    unknown: int
    coverage: float
    accuracy_answered: float | None
    curve: list[list[float]]


def abstention_scores(probabilities: np.ndarray, y: np.ndarray, rule: Decision) -> AbstentionScores:
    """Return scores of a rule on rows of known classes, and a curve over coverages."""
    right = predict_labels(probabilities, rule) == y
    confidence = confidence_of(probabilities, rule)
    answered = ~are_doubtful(probabilities, rule)
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(y) + 1)
    at = np.unique(np.ceil(np.linspace(0.05, 1, 20) * len(y)).astype(int))
    return {
        "threshold": rule.threshold,
        "unknown": int((~answered).sum()),
        "coverage": float(answered.mean()),
        "accuracy_answered": float(right[answered].mean()) if answered.any() else None,
        "curve": [[float(k / len(y)), float(accuracy[k - 1])] for k in at],
    }
