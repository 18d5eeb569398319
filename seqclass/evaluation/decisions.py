"""Decisions from probabilities: offsets for rare classes, and the answer ``unknown``."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from typing_extensions import TypedDict

from seqclass.series import check_ranges


@dataclass(frozen=True)
class Abstention:
    """Limits for the answer ``unknown``; the threshold is chosen on held-back training rows.

    risk: largest share of wrong answers among answered rows, in [0, 1). coverage: largest share of
    rows that are confident enough, in (0, 1]; below 1 it forces a threshold even without errors,
    for series unlike all that were seen, which held-back rows do not include. unfamiliar: share of
    series like the training rows that are taken for unlike them, in [0, 1). set_coverage: share of
    each class's series whose set of possible classes contains it, in (0, 1).
    """

    risk: float = 0.1
    coverage: float = 0.98
    unfamiliar: float = 0.01
    set_coverage: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.risk < 1:
            raise ValueError(
                f"risk: expected a share of at least 0 and below 1, got {self.risk}; correct it"
            )
        check_ranges(self, [("unfamiliar", 0, 1), ("set_coverage", 1e-9, 1)])
        if not 0 < self.coverage <= 1:
            raise ValueError(
                f"coverage: expected a share above 0 and up to 1, got {self.coverage}; correct it"
            )


UNKNOWN, AMBIGUOUS, UNFAMILIAR = "unknown", "ambiguous", "unfamiliar"
STRENGTHS = (1.0, 0.75, 1.25, 0.5)
"""Shares of the full offset that are tried, the safest first; of equal ones the first is taken."""


def fit_offsets(probabilities: np.ndarray, y: np.ndarray, log_prior: np.ndarray) -> np.ndarray:
    """Return the offset of each class, ``(classes,)``, which is added to its log-probability.

    The class with the largest sum is the answer. The full offset cancels the classes' shares, so
    that rare classes are answered below one half. The strength with the best balanced accuracy on
    these rows is chosen.
    """
    from sklearn.metrics import balanced_accuracy_score  # scoring has no need of it

    def reached(strength: float) -> float:
        guessed = predict_labels(probabilities, -strength * log_prior)
        return float(balanced_accuracy_score(y, guessed))

    return -max(STRENGTHS, key=reached) * log_prior


@dataclass(frozen=True)
class Decision:
    """The rule from a classifier's probabilities to answers, chosen on held-back training rows.

    offsets: per class, added to the log-probabilities before the largest is taken; None if classes
    are not rare. threshold: confidence, in [0, 1], below which the answer is unknown. coverage,
    risk: share of the held-back rows that are answered, and share of wrong answers among these.
    unfamiliar: p-value up to which a series counts as unlike all that were seen. possible: per
    class the probability from which on it is in the set of possible classes, 0 if rows are too few
    to guarantee one; None in models made before there were sets.
    """

    offsets: Sequence[float] | None
    threshold: float
    coverage: float
    risk: float
    unfamiliar: float = 0.0
    possible: Sequence[float] | None = None


def decide(
    probabilities: np.ndarray, y: np.ndarray, log_prior: np.ndarray | None, wanted: Abstention
) -> Decision:
    """Return offsets, threshold and sets chosen on held-back rows.

    probabilities: ``(n, classes)``; y: class codes ``(n,)``; log_prior: None if classes are not
    rare.
    """
    offsets = None if log_prior is None else fit_offsets(probabilities, y, log_prior)
    right = predict_labels(probabilities, offsets) == y
    confidence = confidence_of(probabilities, offsets)
    threshold = fit_threshold(confidence, right, wanted)
    kept = confidence >= threshold
    return Decision(
        None if offsets is None else tuple(offsets.tolist()),
        threshold,
        float(kept.mean()),
        float(1 - right[kept].mean()) if kept.any() else 0.0,
        wanted.unfamiliar,
        possible_from(probabilities, y, wanted.set_coverage),
    )


def possible_from(probabilities: np.ndarray, y: np.ndarray, coverage: float) -> tuple[float, ...]:
    """Return per class the probability that a share ``coverage`` of its held-back rows reaches.

    Class-conditional split conformal prediction (Vovk et al. 2005, section 4.5): of n rows of a
    class, the probability at place ``floor((n + 1) (1 - coverage))`` from below; 0 if that place is
    0.
    """
    found = []
    for code in range(probabilities.shape[1]):
        own = np.sort(probabilities[y == code, code])
        place = int((len(own) + 1) * (1 - coverage) + 1e-9)
        found.append(float(own[place - 1]) if place else 0.0)
    return tuple(found)


def reasons_of(
    confidence: np.ndarray, p_value: np.ndarray | None, decision: Decision
) -> list[str | None]:
    """Return the reason that each row is answered with ``unknown``, or None.

    ``unfamiliar``: unlike all that were seen; otherwise ``ambiguous``: below the confidence
    threshold.
    """
    doubtful = confidence < decision.threshold
    strange = np.zeros(len(confidence), bool) if p_value is None else p_value <= decision.unfamiliar
    return [
        UNFAMILIAR if unlike else AMBIGUOUS if unsure else None
        for unlike, unsure in zip(strange, doubtful, strict=True)
    ]


def fit_threshold(confidence: np.ndarray, right: np.ndarray, wanted: Abstention) -> float:
    """Return the lowest confidence with which rows are answered.

    A further row of a known class falls below it with a probability of at most ``1 - coverage``
    (split conformal prediction, Vovk et al. 2005). With few rows, only a threshold of 0 guarantees
    this. The threshold is higher if more than the stated risk of the answers would be wrong
    (El-Yaniv and Wiener 2010, "On the Foundations of Noise-free Selective Classification").
    confidence: ``(n,)``; right: True for the right answers ``(n,)``.
    """
    n_below = int((len(confidence) + 1) * (1 - wanted.coverage) + 1e-9)
    least = float(np.sort(confidence)[n_below - 1]) if n_below else 0.0
    order = np.argsort(-confidence, kind="stable")
    risk = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    is_last_of_its_value = np.append(np.diff(confidence[order]) < 0, True)
    allowed = np.flatnonzero((risk <= wanted.risk) & is_last_of_its_value)
    if not len(allowed):
        return float(np.nextafter(confidence.max(), 2.0))
    values = confidence[order][allowed]
    return float(min(values[values >= least], default=values[-1]))


def confidence_of(
    probabilities: np.ndarray, offsets: np.ndarray | Sequence[float] | None
) -> np.ndarray:
    """Return the probability ``(n,)`` of the answer, with the offsets included."""
    return softmax(with_offsets(probabilities, offsets), axis=1).max(axis=1)


def predict_labels(
    probabilities: np.ndarray, offsets: np.ndarray | Sequence[float] | None
) -> np.ndarray:
    """Return the class codes ``(n,)`` that ``probabilities (n, classes)`` and offsets give."""
    if offsets is None:
        return probabilities.argmax(axis=1)
    return with_offsets(probabilities, offsets).argmax(axis=1)


def with_offsets(
    probabilities: np.ndarray, offsets: np.ndarray | Sequence[float] | None
) -> np.ndarray:
    """Return log-probabilities ``(n, classes)`` plus offsets; the largest is the answer."""
    floor = np.finfo(np.float32).tiny
    logarithms = np.log(np.maximum(probabilities.astype(np.float64), floor))
    return logarithms if offsets is None else logarithms + np.asarray(offsets)


class AbstentionScores(TypedDict):
    """The effect of a threshold of confidence on rows of known classes.

    threshold: the confidence below which the answer is unknown. unknown: number of unknown rows.
    coverage: share of the others. accuracy_answered: accuracy of the others. curve: pairs of
    coverage and accuracy.
    """

    threshold: float
    unknown: int
    coverage: float
    accuracy_answered: float | None
    curve: list[list[float]]


def abstention_scores(
    probabilities: np.ndarray, y: np.ndarray, decision: Decision
) -> AbstentionScores:
    """Return scores of the threshold on rows of known classes, and a curve over coverages."""
    right = predict_labels(probabilities, decision.offsets) == y
    confidence = confidence_of(probabilities, decision.offsets)
    answered = confidence >= decision.threshold
    order = np.argsort(-confidence, kind="stable")
    accuracy = np.cumsum(right[order]) / np.arange(1, len(y) + 1)
    at = np.unique(np.ceil(np.linspace(0.05, 1, 20) * len(y)).astype(int))
    return {
        "threshold": decision.threshold,
        "unknown": int((~answered).sum()),
        "coverage": float(answered.mean()),
        "accuracy_answered": float(right[answered].mean()) if answered.any() else None,
        "curve": [[float(k / len(y)), float(accuracy[k - 1])] for k in at],
    }
