"""Baselines on contours: how long a melody is at which pitch of the octave, whatever the order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqclass.ragas.definitions import folded
from seqclass.ragas.raga_table import known_ragas
from seqclass.ragas.svaras import PLACES

BINS = 120
"""Bins of an octave, of ten cents each."""
SPREAD = np.array([1, 2, 3, 2, 1]) / 9
NEAREST, TEMPLATE = "nearest_distribution", "scale_template"
CONTOURS = ["cents"]
"""Channels of a dataset of contours."""


def distributions(x: np.ndarray) -> np.ndarray:
    """Return square roots of the shares of time ``(n, BINS)`` of contours ``(n, steps, 1)``."""
    cents = x[..., 0]
    rows, steps = np.nonzero(np.isfinite(cents))
    bins = np.rint(cents[rows, steps] * BINS / 1200).astype(int) % BINS
    counts = np.bincount(rows * BINS + bins, minlength=len(x) * BINS).reshape(len(x), BINS)
    return np.sqrt(_smooth(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)))


def _smooth(shares: np.ndarray) -> np.ndarray:
    """Spread each bin over its neighbours on the circle of the octave."""
    return np.sum(
        [weight * np.roll(shares, k - 2, axis=1) for k, weight in enumerate(SPREAD)], axis=0
    )


@dataclass(frozen=True)
class DistributionModel:
    """A classifier that takes the class of the most similar distribution it knows.

    references: ``(m, BINS)`` as ``distributions`` returns them; codes: their classes ``(m,)``.
    """

    references: np.ndarray
    codes: np.ndarray
    n_classes: int

    def log_scores(self, x: np.ndarray) -> np.ndarray:
        """Return the similarity ``(n, classes)`` to the most similar of each class, at most 0."""
        likeness = distributions(x) @ self.references.T - 1
        by_class = [likeness[:, self.codes == code] for code in range(self.n_classes)]
        return np.stack([part.max(axis=1, initial=-1.0) for part in by_class], axis=1)


def distribution_models(
    x: np.ndarray, y: np.ndarray, classes: Sequence[str]
) -> dict[str, DistributionModel]:
    """Return the nearest neighbour among training rows and, for known ragas, scale templates."""
    models = {NEAREST: DistributionModel(distributions(x), y, len(classes))}
    table = known_ragas()
    ragas = [table.get(folded(name)) for name in classes]
    if all(raga is not None for raga in ragas):
        shares = np.zeros((len(ragas), BINS))
        for row, raga in zip(shares, ragas, strict=True):
            row[[PLACES[name] * BINS // 12 for name in raga.scale]] = 1  # type: ignore[union-attr]
        templates = np.sqrt(_smooth(_smooth(shares / shares.sum(axis=1, keepdims=True))))
        models[TEMPLATE] = DistributionModel(templates, np.arange(len(ragas)), len(classes))
    return models


def fit_pitch(
    x: np.ndarray, y: np.ndarray, channels: Sequence[str], classes: Sequence[str], seed: int
) -> Mapping[str, DistributionModel]:
    """Fit the baselines of pitch alone to contours; see ``seqclass.training.baselines.Fit``."""
    return distribution_models(x, y, classes) if list(channels) == CONTOURS else {}
