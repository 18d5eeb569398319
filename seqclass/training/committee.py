"""What members answer together: a mixture whose weights come from rows that none of them saw.

A member's probabilities are its scores at its own temperature; the committee's are their weighted
mean, at a temperature of its own. The weights have the lowest log-loss (the linear opinion pool,
Genest and Zidek 1986), found by expectation maximisation, so that one which adds nothing gets none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqclass.evaluation.calibration import fit_temperature, soften

MIN_WEIGHT = 0.02
"""Share of the mixture below which a member is left out: it would cost more than it tells."""
ROUNDS = 500


@dataclass(frozen=True)
class Mixture:
    """Weights of members, which add up to one, their temperatures, and that of the mixture."""

    weights: tuple[float, ...]
    temperatures: tuple[float, ...]
    temperature: float

    def logits(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Log of the mixed probabilities ``(n, classes)``, before its own temperature."""
        parts = zip(self.weights, self.temperatures, scores, strict=True)
        mixed = sum(weight * soften(own, t) for weight, t, own in parts if weight)
        return np.log(np.maximum(mixed, np.finfo(np.float32).tiny))


def fit_mixture(scores: Sequence[np.ndarray], y: np.ndarray) -> Mixture:
    """Mix members by their scores ``(n, classes)`` for rows of class codes ``(n,)``, which they
    were not fitted to."""
    temperatures = tuple(fit_temperature(own, y) for own in scores)
    likelihoods = np.stack(
        [soften(own, t)[np.arange(len(y)), y] for own, t in zip(scores, temperatures, strict=True)]
    )
    weights = _without_small(likelihoods, _mixed(likelihoods))
    mixture = Mixture(tuple(weights.tolist()), temperatures, 1.0)
    return Mixture(mixture.weights, temperatures, fit_temperature(mixture.logits(scores), y))


def _mixed(likelihoods: np.ndarray) -> np.ndarray:
    """Weights ``(members,)`` that make the rows ``(members, n)`` most likely, from equal ones on.

    All together begin with one row's worth of trust, evenly, which the rows outvote.
    """
    members, n = likelihoods.shape
    weights = np.full(members, 1 / members)
    for _ in range(ROUNDS):
        shares = weights[:, None] * np.maximum(likelihoods, 1e-12)
        weights = ((shares / shares.sum(axis=0)).sum(axis=1) + 1 / members) / (n + 1)
    return weights


def _without_small(likelihoods: np.ndarray, weights: np.ndarray) -> np.ndarray:
    kept = weights >= MIN_WEIGHT
    if kept.all():
        return weights
    again = np.zeros(len(weights))
    again[kept] = _mixed(likelihoods[kept])
    return again
