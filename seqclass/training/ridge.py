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
from seqclass.training.learnt_rows import Auxiliary

PENALTIES = tuple(np.logspace(-5, 3, 9))
"""Penalties that are tried, as multiples of the mean eigenvalue of the rows' products."""
COLUMNS_AT_ONCE = 512
"""Columns of features that are in double precision at once."""
MAX_LEFT_OUT = 2000
"""Most rows that choose the penalty; each is answered as if it had been left out."""


class RidgeConfig(NamedTuple):
    """The way a ridge regression is fitted.

    standardise: scale the columns, which may differ in spread. folds: numbers of the rows that each
    holds back. auxiliary: the rows that only train; they are not left out to choose the penalty.
    """

    standardise: bool = True
    folds: Sequence[np.ndarray] = ()
    auxiliary: Auxiliary | None = None


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


def fit_ridge(features: np.ndarray, y: np.ndarray, n_classes: int, config: RidgeConfig) -> Ridge:
    """Fit a ridge regression of class codes ``(n,)`` on ``features (n, p)``.

    The scale and the penalty of a fold's fit are those of all rows. The smaller product matrix is
    decomposed: of the rows or of the columns.
    """
    rows = _centred(features, y, n_classes, config)
    directions = _decomposed(rows.z)
    values, targets, middle, total = directions.values, rows.targets, rows.middle, rows.total
    projected = directions.projected(targets)
    drawn = np.sort(np.random.default_rng(0).permutation(rows.asked)[:MAX_LEFT_OUT])
    left, fits = directions.of(drawn), []
    for penalty in np.array(PENALTIES) * (values.mean() if len(values) else 1.0):
        kept = values / (values + penalty)
        scores = _left_out(left, kept, projected, targets[drawn], total) + middle
        fits.append((tempered_loss(scores, y[drawn]), penalty, scores))
    loss, penalty, scores = min(fits, key=lambda fit: fit[:2])
    kernel = directions.kernel(projected, penalty)
    kernel /= np.broadcast_to(rows.scale, features.shape[1])[:, None]
    kept = values / (values + penalty)
    held = [_without(directions.of(fold), kept, projected, targets[fold], total) + middle
            for fold in config.folds]  # fmt: skip
    return Ridge(kernel, middle - rows.center @ kernel, scores, loss, held)


class _Centred(NamedTuple):
    """Features ``z`` and targets less their means ``center`` and ``middle``, times square roots of
    the rows' weights.

    asked: number of the rows, the first ones, that are not auxiliary; total: sum of the weights.
    """

    z: np.ndarray
    targets: np.ndarray
    center: np.ndarray
    scale: np.ndarray | float
    middle: np.ndarray
    asked: int
    total: float


def _centred(features: np.ndarray, y: np.ndarray, n_classes: int, config: RidgeConfig) -> _Centred:
    auxiliary, n = config.auxiliary, len(y)
    weights = None if auxiliary is None else auxiliary.weights(n)
    center, scale = _standard(features, weights, config.standardise)
    z = features - center
    z /= scale
    targets = np.where(y[:, None] == np.arange(n_classes), 1.0, -1.0)
    middle = _mean(targets, weights)
    targets -= middle
    if auxiliary is None or weights is None:
        return _Centred(z, targets, center, scale, middle, n, n)
    root = np.sqrt(weights)[:, None]
    z *= root
    targets *= root
    return _Centred(z, targets, center, scale, middle, auxiliary.first, float(weights.sum()))


def _standard(
    features: np.ndarray, weights: np.ndarray | None, standardise: bool
) -> tuple[np.ndarray, np.ndarray | float]:
    """Return mean and spread of each column; an infinite spread removes one that does not vary."""
    center = _mean(features, weights)
    if not standardise:
        return center, 1.0
    if weights is None:
        scale = features.std(axis=0)
    else:
        scale = np.sqrt(_mean(np.square(features - center), weights))
    return center, np.where(scale > 1e-6, scale, np.inf)


def _mean(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    if weights is None:
        return values.mean(axis=0)
    return np.average(values, axis=0, weights=weights).astype(values.dtype)


class _Directions(NamedTuple):
    """Singular values of ``z (n, p)`` that are above zero, squared, and one side's vectors.

    vectors: the left ones ``(n, values)`` if ``is_of_rows``, else the right ones ``(p, values)``.
    The others would take twice the memory of ``z``, and only some of them are needed.
    """

    z: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    is_of_rows: bool

    def of(self, rows: np.ndarray) -> np.ndarray:
        """Return the left vectors of these rows, ``(rows, values)``."""
        if self.is_of_rows:
            return self.vectors[rows]
        return self.z[rows] @ self.vectors / np.sqrt(self.values)

    def projected(self, targets: np.ndarray) -> np.ndarray:
        """Return the targets ``(n, classes)`` by left vectors, ``(values, classes)``."""
        if self.is_of_rows:
            return self.vectors.T @ targets
        return self.vectors.T @ _by_columns(self.z, targets) / np.sqrt(self.values)[:, None]

    def kernel(self, projected: np.ndarray, penalty: float) -> np.ndarray:
        """Return the weight of each column, ``(p, classes)``."""
        shrunk = projected / (self.values + penalty)[:, None]
        if self.is_of_rows:
            return _by_columns(self.z, self.vectors @ shrunk)
        return self.vectors @ (np.sqrt(self.values)[:, None] * shrunk)


def _decomposed(z: np.ndarray) -> _Directions:
    n, p = z.shape
    products = (z @ z.T if n <= p else z.T @ z).astype(np.float64)
    values, vectors = np.linalg.eigh(products)
    above = values > values[-1] * max(n, p) * np.finfo(z.dtype).eps
    return _Directions(z, values[above], vectors[:, above], n <= p)


def _by_columns(z: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return ``z.T @ rows`` in double precision, without a copy of all of ``z`` in it."""
    starts = range(0, z.shape[1], COLUMNS_AT_ONCE)
    return np.concatenate([z[:, start : start + COLUMNS_AT_ONCE].T @ rows for start in starts])


def _left_out(
    left: np.ndarray, kept: np.ndarray, projected: np.ndarray, targets: np.ndarray, total: float
) -> np.ndarray:
    """Return scores ``(rows, classes)`` of centred targets, each row's by a fit without it.

    total: what all rows of the fit count for.
    """
    leverage = np.square(left) @ kept + 1 / total
    residuals = targets - left @ (kept[:, None] * projected)
    return targets - residuals / np.maximum(1 - leverage, 1e-9)[:, None]


def _without(
    left: np.ndarray, kept: np.ndarray, projected: np.ndarray, targets: np.ndarray, total: float
) -> np.ndarray:
    """Return scores ``(held, classes)`` of centred targets, by a fit without all of these rows."""
    shrunk = left * kept
    leverage = shrunk @ left.T + 1 / total
    residuals = targets - shrunk @ projected
    return targets - np.linalg.solve(np.eye(len(left)) - leverage, residuals)
