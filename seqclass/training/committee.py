"""The mixture of members, with weights from rows that none of them was fitted to.

A member's probabilities are its scores at its own temperature; the committee's are their weighted
mean, at a temperature of its own. The weights have the lowest log-loss (the linear opinion pool,
Genest and Zidek 1986). They are found by expectation maximisation, so that a member which adds
nothing gets a weight close to 0.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from seqclass.evaluation.calibration import fit_temperature, soften
from seqclass.evaluation.metrics import row_losses

MIN_WEIGHT = 0.02
"""Weight below which a member is left out, as it takes more time than its answers are worth."""
PSEUDO_ROWS = 1
"""Rows added to the held-back rows and divided evenly between the members (a symmetric Dirichlet
prior of the weights)."""
ROUNDS = 500


@dataclass(frozen=True)
class Mixture:
    """Weights of members, which add up to one, their temperatures, and that of the mixture."""

    weights: tuple[float, ...]
    temperatures: tuple[float, ...]
    temperature: float

    def logits(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Return the log of mixed probabilities ``(n, classes)``, before the mixture's temperature.

        scores: ``(n, classes)`` of each member. A member may have answered only the first rows; the
        others answer the rest without it.
        """
        parts = zip(self.weights, self.temperatures, scores, strict=True)
        answered = [(weight, soften(part, t)) for weight, t, part in parts if weight]
        n = max(len(answers) for _, answers in answered)
        mixed, given = np.zeros((n, answered[0][1].shape[1])), np.zeros((n, 1))
        for weight, answers in answered:
            mixed[: len(answers)] += weight * answers
            given[: len(answers)] += weight
        return pooled_logits(mixed / given)

    def probabilities(self, scores: Sequence[np.ndarray]) -> np.ndarray:
        """Return mixed probabilities ``(n, classes)`` of the scores that ``logits`` takes."""
        return soften(self.logits(scores), self.temperature)

    def losses(self, scores: Sequence[np.ndarray], y: np.ndarray) -> np.ndarray:
        """Return log-losses (nats) ``(n,)`` of these probabilities; y: class codes of n rows or
        more."""
        probabilities = self.probabilities(scores)
        return row_losses(probabilities, y[: len(probabilities)])


def pooled_logits(mixed: np.ndarray) -> np.ndarray:
    """Return logits of mixed probabilities, computed as in the committee's classifier."""
    return np.log(np.maximum(mixed, np.finfo(np.float32).tiny))


def fit_mixture(
    scores: Sequence[np.ndarray], y: np.ndarray, always: Collection[int] = ()
) -> Mixture:
    """Return the mixture of members that fits rows which they were not fitted to.

    scores: ``(n, classes)`` of each member; it may have answered only the first rows. y: class
    codes ``(n,)``. always: numbers of the members that keep their weight however small it is.
    """
    temperatures = tuple(fit_temperature(part, y[: len(part)]) for part in scores)
    likelihoods = np.full((len(scores), len(y)), np.nan)
    for row, part, t in zip(likelihoods, scores, temperatures, strict=True):
        row[: len(part)] = soften(part, t)[np.arange(len(part)), y[: len(part)]]
    weights = _weights(likelihoods)
    kept = (weights >= MIN_WEIGHT) | np.isin(np.arange(len(weights)), list(always))
    if not kept.all():
        weights = np.zeros(len(kept))
        weights[kept] = _weights(likelihoods[kept])
    mixture = Mixture(tuple(weights.tolist()), temperatures, 1.0)
    logits = mixture.logits(scores)
    return Mixture(mixture.weights, temperatures, fit_temperature(logits, y[: len(logits)]))


def _weights(likelihoods: np.ndarray) -> np.ndarray:
    """Return the weights ``(members,)`` under which the rows are most likely.

    likelihoods: ``(members, n)``, NaN where a member has not answered a row. Such a row does not
    count for its weight.
    """
    answered = np.isfinite(likelihoods)
    likelihoods, answered = (part[:, answered.any(axis=0)] for part in (likelihoods, answered))
    members, n = likelihoods.shape
    likelihoods = np.where(answered, np.maximum(likelihoods, 1e-12), 0.0)
    weights = np.full(members, 1 / members)
    for _ in range(ROUNDS):
        column = weights[:, None]
        mean = (column * likelihoods).sum(axis=0) / (column * answered).sum(axis=0)
        shares = np.where(answered, column * likelihoods / mean, column)
        weights = (shares.sum(axis=1) + PSEUDO_ROWS / members) / (n + PSEUDO_ROWS)
    return weights
