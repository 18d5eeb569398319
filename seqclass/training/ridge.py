"""A linear head in closed form: ridge regression on class indicators, penalty by leave-one-out.

Source: Hoerl and Kennard 1970, "Ridge Regression". The answer to a row that is left out follows
from the fit to all rows (Cook and Weisberg 1982, "Residuals and Influence in Regression", equation
2.2.23), and so do the answers to all rows of a fold.
"""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from seqclass.evaluation.calibration import tempered_loss

PENALTIES = tuple(np.logspace(-5, 3, 9))
"""Penalties that are tried, as multiples of the mean eigenvalue of the rows' products."""
MAX_LEFT_OUT = 2000
"""Most rows that choose the penalty; each is answered as if it had been left out."""


class Ridge(NamedTuple):
    """Scores ``features @ kernel + bias``, one per class.

    left_out: scores ``(n, classes)`` of at most ``MAX_LEFT_OUT`` rows, in their order, each by a
    fit without it; loss: their log-loss (nats) at the temperature that suits them best. held:
    scores of the rows of each fold, by a fit without these.
    """

    kernel: np.ndarray
    bias: np.ndarray
    left_out: np.ndarray
    loss: float
    held: list[np.ndarray]

    def layer(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """Return the scores in Keras."""
        dense = layers.Dense(len(self.bias), name="logits")
        scores = dense(features)
        dense.set_weights([self.kernel, self.bias])
        return scores


def fit_ridge(
    features: np.ndarray,
    y: np.ndarray,
    n_classes: int,
    standardise: bool = True,
    folds: Sequence[np.ndarray] = (),
) -> Ridge:
    """Fit a ridge regression of class codes ``(n,)`` on ``features (n, p)``.

    standardise: scale the columns, which may differ in spread. folds: numbers of the rows that each
    holds back; scale and penalty are those of all rows. The smaller product matrix is decomposed:
    of the rows or of the columns.
    """
    center, scale = _standard(features) if standardise else (features.mean(axis=0), 1.0)
    z = features - center
    z /= scale
    targets = np.where(y[:, None] == np.arange(n_classes), 1.0, -1.0)
    middle = targets.mean(axis=0)
    directions, left, right = _decomposed(z)
    projected = left.T @ (targets - middle)
    rows = np.sort(np.random.default_rng(0).permutation(len(y))[:MAX_LEFT_OUT])
    found = []
    for penalty in np.array(PENALTIES) * (directions.mean() if len(directions) else 1.0):
        kept = directions / (directions + penalty)
        scores = _left_out(left[rows], kept, projected, targets[rows] - middle, len(y)) + middle
        found.append((tempered_loss(scores, y[rows]), penalty, scores))
    loss, penalty, scores = min(found, key=lambda one: one[:2])
    kernel = right @ ((np.sqrt(directions) / (directions + penalty))[:, None] * projected)
    kernel = kernel / np.broadcast_to(scale, len(center))[:, None]
    kept = directions / (directions + penalty)
    held = [_without(left, kept, projected, targets - middle, own) + middle for own in folds]
    return Ridge(kernel, middle - center @ kernel, scores, loss, held)


def _standard(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and spread of each column; an infinite spread removes one that does not vary."""
    center, scale = features.mean(axis=0), features.std(axis=0)
    return center, np.where(scale > 1e-6, scale, np.inf)


def _decomposed(z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the squared singular values above zero of ``z (n, p)``, left and right vectors."""
    n, p = z.shape
    products = (z @ z.T if n <= p else z.T @ z).astype(np.float64)
    values, vectors = np.linalg.eigh(products)
    above = values > values[-1] * max(n, p) * np.finfo(z.dtype).eps
    values, vectors = values[above], vectors[:, above]
    others = z.T @ vectors if n <= p else z @ vectors
    others /= np.sqrt(values)
    return (values, vectors, others) if n <= p else (values, others, vectors)


def _left_out(
    left: np.ndarray, kept: np.ndarray, projected: np.ndarray, targets: np.ndarray, n: int
) -> np.ndarray:
    """Return scores ``(rows, classes)`` of centred targets, each row's by a fit without it."""
    leverage = np.square(left) @ kept + 1 / n
    residuals = targets - left @ (kept[:, None] * projected)
    return targets - residuals / np.maximum(1 - leverage, 1e-9)[:, None]


def _without(
    left: np.ndarray, kept: np.ndarray, projected: np.ndarray, targets: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """Return scores ``(held, classes)`` of centred targets, by a fit without the rows ``held``."""
    own = left[held] * kept
    leverage = own @ left[held].T + 1 / len(left)
    residuals = targets[held] - own @ projected
    return targets[held] - np.linalg.solve(np.eye(len(held)) - leverage, residuals)
