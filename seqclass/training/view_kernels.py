"""Radial kernels on features of fixed convolutions: on all of them, and on those of each view.

Which view tells classes apart differs from data to data, and few rows show it. Each kernel has its
ridge regression and its temperature. Held-back rows choose the weights, as for the members of a
committee.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from seqclass.networks.scaling import inverse_spread
from seqclass.training.assembly import mixed_logits
from seqclass.training.committee import Mixture, fit_mixture
from seqclass.training.kernel_ridge import (
    distances,
    distances_in_keras,
    draw_landmarks,
    fit_near,
    similarity,
    unit_steepness,
)
from seqclass.training.ridge import Ridge, RidgeConfig

CLIP = 10.0
"""Largest distance of a feature from its mean, in standard deviations."""


class Kernel(NamedTuple):
    """The steepness of a kernel, and the ridge regression on its similarities."""

    steepness: float
    head: Ridge


class ViewKernels(NamedTuple):
    """Kernels on standardised features: those of each view, then that of all columns.

    center, factor: of the features' scale. landmarks: ``(m, p)``, standardised.
    """

    center: np.ndarray
    factor: np.ndarray
    landmarks: np.ndarray
    views: Sequence[slice]
    kernels: list[Kernel]
    mixture: Mixture

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Return scores ``(n, classes)`` of features ``(n, p)``."""
        z, scores = _standardised(features, self.center, self.factor), []
        each = _distances(z, self.landmarks, self.views)
        for (steepness, head), (_, apart) in zip(self.kernels, each, strict=True):
            scores.append(similarity(apart, steepness) @ head.kernel + head.bias)
        return self.mixture.logits(scores)


class KernelRows(NamedTuple):
    """Rows to fit kernels to: pooled features ``(n, p)``, class codes, and the classes' number."""

    features: np.ndarray
    y: np.ndarray
    n_classes: int


def fit_view_kernels(
    rows: KernelRows, views: Sequence[slice], seed: int, config: RidgeConfig
) -> ViewKernels:
    """Fit kernels to features with the columns of each view.

    The folds of ``config`` hold back the rows that choose the weights.
    """
    auxiliary = config.auxiliary
    dataset_rows = rows.features if auxiliary is None else rows.features[: auxiliary.first]
    center, factor = dataset_rows.mean(axis=0), inverse_spread(dataset_rows.std(axis=0))
    z = _standardised(rows.features, center, factor)
    numbers = draw_landmarks(len(z), seed, auxiliary)
    landmarks, kernels = z[numbers], []
    for columns, apart in _distances(z, landmarks, views):
        steepness = unit_steepness(z[:, columns])
        near = similarity(apart, steepness)
        kernels.append(Kernel(steepness, fit_near(near, numbers, rows.y, rows.n_classes, config)))
    held = [np.concatenate(kernel.head.held) for kernel in kernels]
    mixture = fit_mixture(held, rows.y[np.concatenate(config.folds)])
    return ViewKernels(center, factor, landmarks, views, kernels, mixture)


def _distances(
    z: np.ndarray, landmarks: np.ndarray, views: Sequence[slice]
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the columns of each kernel, and squared distances on them ``(n, landmarks)``."""
    total = np.zeros((len(z), len(landmarks)))
    for view in views:
        apart = distances(z[:, view], landmarks[:, view])
        total += apart
        yield view, apart
    yield slice(None), total


def held_scores(fitted: ViewKernels, y: np.ndarray, folds: Sequence[np.ndarray]) -> np.ndarray:
    """Return scores ``(n, classes)`` of held-back rows, in the folds' order.

    The rows of the other folds choose the weights for those of a fold, if there is another one.
    """
    ends = np.cumsum([len(fold) for fold in folds])[:-1]
    parts = [np.concatenate(kernel.head.held) for kernel in fitted.kernels]
    if len(folds) == 1:
        return fitted.mixture.logits(parts)
    logits, truth = [], y[np.concatenate(folds)]
    for rows in np.split(np.arange(len(truth)), ends):
        mixture = fit_mixture([np.delete(part, rows, 0) for part in parts], np.delete(truth, rows))
        logits.append(mixture.logits([part[rows] for part in parts]))
    return np.concatenate(logits)


def _standardised(features: np.ndarray, center: np.ndarray, factor: np.ndarray) -> np.ndarray:
    return np.clip((features - center) * factor, -CLIP, CLIP)


def view_kernel_scores(fitted: ViewKernels) -> keras.Model:
    """Return the network from features ``(B, p)`` to scores ``(B, classes)``, in stock layers."""
    features = keras.Input(fitted.center.shape, name="convolutions")
    centred = layers.Rescaling(1.0, offset=(-fitted.center).tolist())(features)
    rows = ops.clip(layers.Rescaling(fitted.factor.tolist())(centred), -CLIP, CLIP)
    each = [distances_in_keras(rows[:, view], fitted.landmarks[:, view]) for view in fitted.views]
    apart = [*each, layers.Add()(each)]
    parts, temperatures = [], fitted.mixture.temperatures
    for number, (kernel, d) in enumerate(zip(fitted.kernels, apart, strict=True)):
        near = keras.Input(d.shape[1:])
        head = keras.Model(near, kernel.head.layer(near), name=f"kernel_{number}")
        scores = head(ops.exp(-kernel.steepness * d))
        parts.append(layers.Softmax()(layers.Rescaling(1 / temperatures[number])(scores)))
    return keras.Model(features, mixed_logits(parts, fitted.mixture.weights), name="network")
