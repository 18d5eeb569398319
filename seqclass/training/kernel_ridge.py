"""Kernel ridge regression: rows are compared with training rows by a radial kernel.

Source: Schoelkopf and Smola 2002, "Learning with Kernels", section 2.3.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from seqclass.training.learnt_rows import Auxiliary
from seqclass.training.recipe import MAX_LANDMARKS
from seqclass.training.ridge import Ridge, RidgeConfig, fit_ridge

STEEPNESS = (0.0625, 0.25, 1.0, 4.0)
"""Values of the kernel's steepness that are tried; with 1, the similarity of rows that differ by
1.2 spreads in every column is one half."""
ROWS_AT_ONCE = 1024
"""Rows that are in double precision at once."""


class KernelRidge(NamedTuple):
    """The landmarks that rows are compared with, the steepness, and the head on the result."""

    landmarks: np.ndarray
    steepness: float
    head: Ridge

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Return scores ``(n, classes)`` of standardised rows ``(n, p)``."""
        near = similarity(distances(rows, self.landmarks), self.steepness)
        return near @ self.head.kernel + self.head.bias


def fit_kernel(
    rows: np.ndarray, y: np.ndarray, n_classes: int, seed: int, config: RidgeConfig
) -> KernelRidge:
    """Fit a kernel ridge regression of class codes on standardised rows ``(n, p)``.

    The steepness is the one with the lowest leave-one-out loss on the landmarks.
    """
    auxiliary = config.auxiliary
    numbers = draw_landmarks(len(rows), seed, auxiliary)
    landmarks = rows[numbers]
    apart = distances(landmarks, landmarks)
    trial = RidgeConfig(auxiliary=auxiliary and auxiliary.among(numbers))
    places, tried = np.arange(len(numbers)), []
    for number, steepness in enumerate(np.array(STEEPNESS) * unit_steepness(rows)):
        near = similarity(apart.copy(), steepness)
        loss = fit_near(near, places, y[numbers], n_classes, trial).loss
        tried.append((loss, number, float(steepness)))
    steepness = min(tried)[2]
    near = similarity(distances(rows, landmarks), steepness)
    return KernelRidge(landmarks, steepness, fit_near(near, numbers, y, n_classes, config))


def draw_landmarks(n: int, seed: int, auxiliary: Auxiliary | None) -> np.ndarray:
    """Return the numbers of the landmarks, ascending: auxiliary rows only if others are too few.

    ``MAX_LANDMARKS`` stand for many rows (Williams and Seeger 2001, "Using the Nystroem Method to
    Speed Up Kernel Machines").
    """
    drawn = np.random.default_rng(seed).permutation(n)
    if auxiliary is not None:
        drawn = drawn[np.argsort(drawn >= auxiliary.first, kind="stable")]
    return np.sort(drawn[:MAX_LANDMARKS])


def unit_steepness(rows: np.ndarray) -> float:
    """Return the steepness 1 for standardised rows ``(n, p)``; some columns may not vary."""
    return 1 / (2 * max(int((rows.std(axis=0) > 0).sum()), 1))


def distances(rows: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return squared distances ``(n, landmarks)`` in double precision."""
    landmarks = landmarks.astype(np.float64)
    apart, lengths = np.empty((len(rows), len(landmarks))), np.square(landmarks).sum(axis=1)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        chunk = rows[start : start + ROWS_AT_ONCE].astype(np.float64)
        part = np.square(chunk).sum(axis=1)[:, None] + lengths - 2 * (chunk @ landmarks.T)
        np.maximum(part, 0, out=apart[start : start + ROWS_AT_ONCE])
    return apart


def similarity(apart: np.ndarray, steepness: float) -> np.ndarray:
    """Overwrite squared distances with the kernel's similarities, and return these."""
    apart *= -steepness
    return np.exp(apart, out=apart)


def fit_near(
    near: np.ndarray, numbers: np.ndarray, y: np.ndarray, n_classes: int, config: RidgeConfig
) -> Ridge:
    """Fit a ridge regression on similarities ``(n, landmarks)``, penalised as the kernel says.

    numbers: those of the rows that are the landmarks.
    """
    back = _whitening(near[numbers])
    head = fit_ridge(near @ back, y, n_classes, config._replace(standardise=False))
    return head._replace(kernel=back @ head.kernel)


def _whitening(products: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(products)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] / np.sqrt(values[kept])


def kernel_scores(fitted: KernelRidge) -> keras.Model:
    """Return the network from standardised rows ``(B, p)`` to the scores ``(B, classes)`` of a
    fitted kernel, in stock layers."""
    x = keras.Input(fitted.landmarks.shape[1:], name="rows")
    near = ops.exp(-fitted.steepness * distances_in_keras(x, fitted.landmarks))
    return keras.Model(x, fitted.head.layer(near), name="network")


def distances_in_keras(x: keras.KerasTensor, landmarks: np.ndarray) -> keras.KerasTensor:
    """Return squared distances ``(B, landmarks)`` of rows ``(B, p)``."""
    compare = layers.Dense(len(landmarks), trainable=False)
    apart = ops.relu(ops.sum(ops.square(x), axis=-1, keepdims=True) + compare(x))
    compare.set_weights([-2 * landmarks.T, np.square(landmarks).sum(axis=1)])
    return apart
