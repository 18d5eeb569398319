"""A radial kernel between series, for series whose steps have the same meaning.

This is so if series are a day, a cycle or an experiment. Each value is taken on the scale of its
own step, and whole series are compared with training series (Schoelkopf and Smola 2002, "Learning
with Kernels", section 2.3).
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from seqclass.networks.layers import pool_steps, series_views
from seqclass.networks.outputs import predict_all
from seqclass.networks.scaling import Scaling
from seqclass.training.ridge import PLAIN, Ridge, RidgeConfig, fit_ridge

MAX_INPUTS = 4096
"""Most numbers that a series is compared by; if there are more, steps are averaged."""
MAX_LANDMARKS = 1000
"""Most training rows (landmarks) that series are compared with."""
STEEPNESS = (0.0625, 0.25, 1.0, 4.0)
"""Values of the kernel's steepness that are tried; with 1, the similarity of series that differ by
1.2 spreads at every step is one half."""


class Steps(NamedTuple):
    """A network from raw series to standardised steps ``(B, p)``, and those of training rows."""

    network: keras.Model
    rows: np.ndarray


def fit_steps(x: np.ndarray, n_steps: int, scaling: Scaling) -> Steps:
    """Standardise each step of ``x (n, steps, channels)`` over its rows.

    n_steps: later steps are left out. A missing value counts as the mean of its step.
    """
    raw = keras.Input((None, len(scaling.center)), name="series")
    views = series_views(raw, scaling)
    values = ops.concatenate([views.level, views.within], axis=-1)
    observed = ops.concatenate([views.observed] * 2, axis=-1)
    factor = -(-n_steps * values.shape[-1] // MAX_INPUTS)
    size = -(-n_steps // factor)
    pooled = (pool_steps(part, views.inside, factor)[0] for part in (values, observed))
    flat = [_flattened(part, size) for part in pooled]
    found, seen = predict_all(keras.Model(raw, flat), x)
    count = np.maximum(seen.sum(axis=0), 1)
    center = found.sum(axis=0) / count
    spread = np.sqrt((np.square(found - center) * (seen > 0)).sum(axis=0) / count)
    steepness = np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0)
    scaled = layers.Rescaling(steepness.tolist(), offset=(-center * steepness).tolist())(flat[0])
    network = keras.Model(raw, scaled * ops.cast(flat[1] > 0, "float32"), name="steps")
    return Steps(network, np.where(seen > 0, found * steepness - center * steepness, 0))


def _flattened(x: keras.KerasTensor, n_steps: int) -> keras.KerasTensor:
    """Return ``(B, T, F)`` as ``(B, n_steps * F)``, cut or filled up with 0."""
    x = layers.ZeroPadding1D((0, n_steps))(x)[:, :n_steps]
    return layers.Reshape((n_steps * x.shape[-1],))(x)


class KernelRidge(NamedTuple):
    """The landmarks that series are compared with, the steepness, and the head on the result."""

    landmarks: np.ndarray
    steepness: float
    head: Ridge

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return scores ``(n, classes)`` of standardised steps ``(n, p)``."""
        near = _similarity(rows, self.landmarks, self.steepness)
        return near @ self.head.kernel + self.head.bias


def fit_kernel(
    rows: np.ndarray, y: np.ndarray, n_classes: int, seed: int, config: RidgeConfig = PLAIN
) -> KernelRidge:
    """Fit a kernel ridge regression of class codes on standardised steps ``(n, p)``.

    The steepness is the one with the lowest leave-one-out loss on the landmarks. If rows are many,
    ``MAX_LANDMARKS`` stand for all (Williams and Seeger 2001, "Using the Nystroem Method to Speed
    Up Kernel Machines"), auxiliary rows last.
    """
    config = config._replace(standardise=False)
    drawn, auxiliary = np.random.default_rng(seed).permutation(len(rows)), config.auxiliary
    if auxiliary is not None:
        drawn = drawn[np.argsort(drawn >= auxiliary.first, kind="stable")]
    chosen = np.sort(drawn[:MAX_LANDMARKS])
    landmarks = rows[chosen]
    trial = RidgeConfig(False, auxiliary=auxiliary and auxiliary.among(chosen))
    varying = max(int((rows.std(axis=0) > 0).sum()), 1)
    tried = []
    for number, steepness in enumerate(np.array(STEEPNESS) / (2 * varying)):
        back = _whitening(_similarity(landmarks, landmarks, steepness))
        near = _similarity(landmarks, landmarks, steepness) @ back
        loss = fit_ridge(near, y[chosen], n_classes, trial).loss
        tried.append((loss, number, float(steepness), back))
    _, _, steepness, back = min(tried, key=lambda one: one[:2])
    near = _similarity(rows, landmarks, steepness) @ back
    head = fit_ridge(near, y, n_classes, config)
    return KernelRidge(landmarks, steepness, head._replace(kernel=back @ head.kernel))


def _similarity(x: np.ndarray, landmarks: np.ndarray, steepness: float) -> np.ndarray:
    x, landmarks = x.astype(np.float64), landmarks.astype(np.float64)
    near = np.square(x).sum(1)[:, None] + np.square(landmarks).sum(1)
    near -= 2 * x @ landmarks.T
    np.maximum(near, 0, out=near)
    near *= -steepness
    return np.exp(near, out=near)


def _whitening(products: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(products)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] / np.sqrt(values[kept])


def kernel_scores(fitted: KernelRidge) -> keras.Model:
    """Return the network from standardised steps ``(B, p)`` to the scores ``(B, classes)`` of a
    fitted kernel, in stock layers."""
    landmarks, steepness = fitted.landmarks, fitted.steepness
    x = keras.Input(landmarks.shape[1:], name="steps")
    compare = layers.Dense(len(landmarks), trainable=False)
    lengths = steepness * ops.sum(ops.square(x), axis=-1, keepdims=True)
    near = ops.exp(-ops.relu(lengths + compare(x)))
    compare.set_weights(
        [-2 * steepness * landmarks.T, steepness * np.square(landmarks).sum(axis=1)]
    )
    return keras.Model(x, fitted.head.layer(near), name="network")
