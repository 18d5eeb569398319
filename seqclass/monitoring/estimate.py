"""What quality to expect of answers whose truth is not known yet.

The version's test rows tell how right it is; the confidence in new rows, beside that in test rows,
how much easier or harder the new ones are (Guillory et al. 2021, "Predicting with Confidence on
Unseen Distributions"). The interval joins the doubt that the test rows leave, by Wilson's limits,
with the chance of the new rows (Zou and Donner 2008, "Construction of confidence limits about
effect measures"), less what confidence explains of both. Where the new rows have drifted, nothing
is promised.
"""

from typing import NamedTuple

import numpy as np

from seqclass.evaluation.intervals import wilson

ALARM = 0.005
"""Share of draws without drift in which one of the two comparisons says that there is drift."""
Z = 1.96


class Confidence(NamedTuple):
    """Of ``(n,)`` rows: the probability of each answer, and how like the training rows each is (a
    p-value; None where the model does not tell)."""

    confidence: np.ndarray
    familiarity: np.ndarray | None


class Estimate(NamedTuple):
    """Expected accuracy with a 95% interval, None where ``doubt`` says why nothing is promised."""

    accuracy: float
    accuracy_interval: list[float] | None
    doubt: str | None


def estimate(right: np.ndarray, tested: Confidence, new: Confidence) -> Estimate:
    """Accuracy of answers to new rows.

    right: bool ``(n,)``, whether the answers to test rows are; tested, new: of test and new rows.
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
    """Share of the answers' variance that confidence leaves, in (0, 1], as a control variate's.

    As many rows as Wilson's limits add count as explained by nothing: a few errors say little.
    """
    n, added = len(right), Z**2 * spread
    return min(1.0, (n * (right - confidence).var() + added) / (n * right.var() + added))


def drift_of(tested: Confidence, new: Confidence) -> str | None:
    """Why new rows are not like test rows, by two samples' Kolmogorov-Smirnov tests; or None."""
    from seqclass.monitoring.drift import two_samples

    pairs = [("how sure the answers are", tested.confidence, new.confidence)]
    if tested.familiarity is not None and new.familiarity is not None:
        told = "how like the training series they are"
        pairs.append((told, tested.familiarity, new.familiarity))
    for what, old, now in pairs:
        p_value, _ = two_samples(old, now)
        if p_value < ALARM / len(pairs):
            return f"the new series differ from the test series in {what}"
    return None


def expected_macro_f1(probabilities: np.ndarray, answers: np.ndarray) -> float:
    """Macro F1 that calibrated probabilities ``(n, classes)`` promise of class codes ``(n,)``.

    Classes that neither occur nor are answered don't count.
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
