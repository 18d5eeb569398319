"""Kernels on features of convolutions: which columns they see, and what weighs them."""

import keras
import numpy as np
import pytest

from seqclass.networks.convolutions import Convolutions, fit_convolutions
from seqclass.networks.outputs import predict_all
from seqclass.networks.scaling import fit_scaling
from seqclass.networks.symbols import find_alphabets
from seqclass.training.ridge import RidgeConfig
from seqclass.training.view_kernels import (
    KernelRows,
    ViewKernels,
    fit_view_kernels,
    held_scores,
    view_kernel_scores,
)
from tests.support.series import gappy

VIEWS = (slice(0, 4), slice(4, 10))


def fitted(features: np.ndarray, y: np.ndarray, n_classes: int = 2) -> ViewKernels:
    config = RidgeConfig(folds=folds_of(len(y)))
    return fit_view_kernels(KernelRows(features, y, n_classes), VIEWS, 0, config)


def folds_of(n: int) -> list[np.ndarray]:
    return [np.sort(f) for f in np.array_split(np.random.default_rng(0).permutation(n), 4)]


def features_told_apart_by(view: slice, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng, y = np.random.default_rng(1), np.arange(n) % 2
    features = rng.normal(0, 1, (n, 10)).astype(np.float32)
    features[:, view] += 2.0 * y[:, None]
    return features, y


@pytest.mark.parametrize("number", [0, 1])
def test_the_view_that_tells_classes_apart_weighs_more_than_the_other(number: int) -> None:
    weights = fitted(*features_told_apart_by(VIEWS[number])).mixture.weights
    assert sum(weights) == pytest.approx(1)
    assert weights[number] > 5 * weights[1 - number]


def test_labels_of_a_fold_decide_nothing_of_its_scores() -> None:
    features, y = features_told_apart_by(VIEWS[0])
    folds = folds_of(len(y))
    changed = y.copy()
    changed[folds[1]] = 1 - y[folds[1]]
    before, after = (held_scores(fitted(features, own), own, folds) for own in (y, changed))
    is_own = np.isin(np.concatenate(folds), folds[1])
    np.testing.assert_array_equal(before[is_own].argmax(axis=1), after[is_own].argmax(axis=1))
    assert not np.allclose(before[~is_own], after[~is_own])


def test_scores_in_keras_are_those_in_numpy() -> None:
    features, y = features_told_apart_by(VIEWS[1])
    features[:, 3] = 7.0
    found = fitted(features, y)
    other = 1.5 * features[:9] + 0.2
    other[0, 3], other[1] = 9.0, 1e6
    answered = predict_all(view_kernel_scores(found), other)
    np.testing.assert_allclose(answered, found.scores(other), atol=1e-3)


@pytest.fixture
def convolutions() -> Convolutions:
    x = gappy(20, steps=60)
    return fit_convolutions(x, 60, fit_scaling(x), find_alphabets(x), 0)


def test_columns_of_a_view_are_those_that_follow_from_it(convolutions: Convolutions) -> None:
    """A level that is added to a series changes one view alone: the other two don't know it."""
    x = gappy(20, steps=60)
    network: keras.Model = convolutions.pooled()
    before, after = predict_all(network, x[:4]), predict_all(network, x[:4] + np.float32(0.7))
    level, *others = convolutions.views
    assert np.abs(after[:, level] - before[:, level]).max() > 0.1
    for view in others:
        np.testing.assert_allclose(after[:, view], before[:, view], atol=2e-2)
    assert convolutions.views[-1].stop == before.shape[1]
