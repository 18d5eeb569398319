"""Ridge regression: what it answers for a row that it leaves out, and what counts for nothing."""

import warnings

import numpy as np
import pytest

from seqclass.training import ridge
from seqclass.training.learnt_rows import Auxiliary
from seqclass.training.ridge import PENALTIES, RidgeConfig, fit_ridge

N_CLASSES = 3


def problem(n: int, p: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of unlike spread, of which the first few tell the class."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % N_CLASSES
    features = rng.normal(0, 1, (n, p))
    features[:, :N_CLASSES] += np.eye(N_CLASSES)[y]
    return features * rng.uniform(0.5, 2, p), y


def refitted(
    features: np.ndarray, y: np.ndarray, weights: np.ndarray, penalty: float
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a weighted ridge regression, by the textbook."""
    targets = np.where(y[:, None] == np.arange(N_CLASSES), 1.0, -1.0)
    wide = np.column_stack([features, np.ones(len(y))])
    free = np.diag([*np.full(features.shape[1], penalty), 0.0])
    weights_and_bias = np.linalg.solve(wide.T @ (weights[:, None] * wide) + free,
                            wide.T @ (weights[:, None] * targets))  # fmt: skip
    return weights_and_bias[:-1], weights_and_bias[-1]


@pytest.mark.parametrize(("n", "p"), [(60, 8), (40, 70)], ids=["more rows", "more columns"])
@pytest.mark.parametrize("auxiliary", [None, 0.2])
def test_rows_left_out_are_answered_as_weighted_fits_without_them_do(
    n: int, p: int, auxiliary: float | None
) -> None:
    features, y = problem(n, p)
    first, held = n if auxiliary is None else n // 2, np.array([1, 4, 5])
    auxiliary_rows = None if auxiliary is None else Auxiliary(first, auxiliary)
    weights = np.where(np.arange(n) < first, 1.0, auxiliary or 0.0)
    fitted = fit_ridge(features, y, N_CLASSES, RidgeConfig(False, [held], auxiliary_rows))
    root = np.sqrt(weights)[:, None]
    z = root * (features - np.average(features, axis=0, weights=weights))
    values = np.linalg.eigvalsh(z.T @ z)
    mean = values[values > values.max() * 1e-12].mean()
    fits = {share: refitted(features, y, weights, share * mean) for share in PENALTIES}
    share = min(fits, key=lambda tried: float(np.abs(fits[tried][0] - fitted.kernel).max()))
    np.testing.assert_allclose(fits[share][0], fitted.kernel, atol=1e-6)
    np.testing.assert_allclose(fits[share][1], fitted.bias, atol=1e-6)
    assert len(fitted.left_out) == first, "auxiliary rows are not asked"
    for rows, scores in [([7], fitted.left_out[[7]]), (held, fitted.held[0])]:
        rest = ~np.isin(np.arange(n), rows)
        kernel, bias = refitted(features[rest], y[rest], weights[rest], share * mean)
        np.testing.assert_allclose(scores, features[rows] @ kernel + bias, atol=1e-6)


@pytest.mark.parametrize(("n", "p"), [(40, 8), (30, 60)])
def test_the_unit_and_the_origin_of_a_column_do_not_matter(n: int, p: int) -> None:
    features, y = problem(n, p)
    rng = np.random.default_rng(1)
    factor, offset = rng.uniform(0.01, 100, p), rng.normal(0, 10, p)
    plain, moved = (
        fit_ridge(f, y, N_CLASSES, RidgeConfig()) for f in (features, features * factor + offset)
    )
    scores = features @ plain.kernel + plain.bias
    changed = (features * factor + offset) @ moved.kernel + moved.bias
    np.testing.assert_allclose(changed, scores, atol=1e-6)
    np.testing.assert_allclose(moved.left_out, plain.left_out, atol=1e-6)


@pytest.mark.parametrize(("n", "p"), [(40, 8), (30, 60)])
def test_a_column_that_does_not_vary_counts_for_nothing(n: int, p: int) -> None:
    features, y = problem(n, p)
    alone = fit_ridge(features, y, N_CLASSES, RidgeConfig())
    for constant in (0.0, 1e4):
        wider = np.insert(features, 2, constant, axis=1)
        fitted = fit_ridge(wider, y, N_CLASSES, RidgeConfig())
        assert not fitted.kernel[2].any()
        np.testing.assert_allclose(np.delete(fitted.kernel, 2, axis=0), alone.kernel, atol=1e-6)
        np.testing.assert_allclose(fitted.left_out, alone.left_out, atol=1e-6)


def test_features_in_which_nothing_varies_say_how_frequent_classes_are() -> None:
    y = np.repeat([0, 1, 2], [6, 3, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = fit_ridge(np.ones((10, 4)), y, N_CLASSES, RidgeConfig())
    scores = np.ones((1, 4)) @ fitted.kernel + fitted.bias
    np.testing.assert_allclose(scores, 2 * np.array([[0.6, 0.3, 0.1]]) - 1, atol=1e-6)


def test_the_loss_says_what_features_tell_of_rows_left_out() -> None:
    rng = np.random.default_rng(2)
    features, y = problem(90, 20)
    loss = fit_ridge(features, y, N_CLASSES, RidgeConfig()).loss
    noise = fit_ridge(features, rng.permutation(y), N_CLASSES, RidgeConfig()).loss
    assert loss < noise - 0.05
    assert noise == pytest.approx(np.log(N_CLASSES), abs=0.05)


def test_of_many_rows_some_choose_the_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "MAX_LEFT_OUT", 20)
    features, y = problem(200, 5)
    fitted = fit_ridge(features, y, N_CLASSES, RidgeConfig())
    assert fitted.left_out.shape == (20, N_CLASSES)
    assert ((features @ fitted.kernel + fitted.bias).argmax(axis=1) == y).mean() > 0.5
