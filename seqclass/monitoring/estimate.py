"""Estimates of accuracy for answers whose true labels are not known yet.

The version's test rows give its accuracy; the confidence in new rows, compared with that in test
rows, shows how much easier or harder the new ones are (Guillory et al. 2021, "Predicting with
Confidence on Unseen Distributions"). The interval combines the uncertainty of the test rows, by
Wilson's limits, with the sampling error of the new rows (Zou and Donner 2008, "Construction of
confidence limits about effect measures"), less the share of both that confidence explains. If the
new rows have drifted, no estimate is given.
"""

from typing import NamedTuple

import numpy as np

from seqclass.evaluation.intervals import wilson

ALARM = 0.005
"""Share of draws without drift in which one of the two comparisons reports drift."""
Z = 1.96


class Confidence(NamedTuple):
    """Confidence in the answers to ``(n,)`` rows.

    It holds the probability of each answer, and a p-value of each row being like the training rows
    (None if the model gives none).
    """

    confidence: np.ndarray
    familiarity: np.ndarray | None


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

    pairs = [("how sure the answers are", tested.confidence, new.confidence)]
    if tested.familiarity is not None and new.familiarity is not None:
        told = "how like the training series they are"
        pairs.append((told, tested.familiarity, new.familiarity))
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
