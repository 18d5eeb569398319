"""Kernels on features of convolutions: which columns they see, and what weighs them."""

from dataclasses import replace

import numpy as np
import pytest

from seqclass.networks.convolutions import fit_convolutions
from seqclass.networks.outputs import predict_all
from seqclass.networks.scaling import fit_scaling
from seqclass.networks.symbols import find_alphabets
from seqclass.training.ridge import RidgeConfig
from seqclass.training.view_kernels import (
    KernelRows,
    ViewKernels,
    fit_view_kernels,
    view_kernel_scores,
)
from tests.support.series import gappy, walks

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


def test_scores_in_keras_are_those_in_numpy() -> None:
    features, y = features_told_apart_by(VIEWS[1])
    features[:, 3] = 7.0
    features[:, 2] = 1 + 1e-4 * features[:, 2]
    kernels = fitted(features, y)
    other = 1.5 * features[:9] + 0.2
    other[:, 2], other[0, 3], other[1] = features[9:18, 2], 9.0, 1e6
    answered = predict_all(view_kernel_scores(kernels), other)
    np.testing.assert_allclose(answered, kernels.scores(other), atol=1e-3)


@pytest.mark.parametrize("symbols", [False, True])
def test_columns_of_a_view_are_the_features_of_its_banks(symbols: bool) -> None:
    x = walks(5, 12, 0) if symbols else gappy(20, steps=60)
    alphabets = find_alphabets(x)
    whole = fit_convolutions(x, x.shape[1], fit_scaling(x), alphabets, 0)
    features, columns = predict_all(whole.pooled(), x), whole.views
    assert len(columns) == (4 if symbols else 3)
    assert columns[-1].stop == features.shape[1]
    for number, view in enumerate(columns):
        banks = tuple(bank for bank in whole.banks if bank.view == number)
        alone = predict_all(replace(whole, banks=banks).pooled(), x)
        np.testing.assert_allclose(features[:, view], alone, atol=1e-6)
