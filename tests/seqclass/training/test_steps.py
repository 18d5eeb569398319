"""Steps that mean the same: standardised step by step, compared with training series as a whole."""

import keras
import numpy as np
import pytest

from seqclass.networks.outputs import predict_all
from seqclass.networks.scaling import fit_scaling
from seqclass.training import kernel_ridge
from seqclass.training.kernel_ridge import KernelRidge, fit_kernel, kernel_scores
from seqclass.training.members import usual_steps
from seqclass.training.ridge import RidgeConfig
from seqclass.training.steps import MAX_INPUTS, Steps, fit_steps
from tests.support.series import gappy


def daily(n: int = 120, steps: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Series of one course with little noise where it is high; classes differ a little there."""
    rng = np.random.default_rng(4)
    course, noise = np.sin(np.linspace(0, 3, steps)), np.linspace(2, 0.1, steps)
    y = np.arange(n) % 2
    x = 100 + 50 * course + noise * rng.normal(0, 1, (n, steps))
    x[:, -6:] += 0.3 * y[:, None]
    return x[..., None].astype(np.float32), y


def fitted(x: np.ndarray) -> Steps:
    return fit_steps(x, usual_steps(x)[0], fit_scaling(x))


def whole(steps: Steps, kernel: KernelRidge) -> keras.Model:
    return keras.Model(steps.network.input, kernel_scores(kernel)(steps.network.output))


def test_each_step_has_mean_0_and_spread_1_over_the_training_rows() -> None:
    rows = fitted(daily()[0]).rows
    assert rows.shape == (120, 60)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(rows.std(axis=0), 1, atol=1e-3)


def test_a_missing_value_counts_as_the_mean_of_its_step() -> None:
    x, _ = daily(40)
    x[3, 5], x[7, 20:] = np.nan, np.nan
    rows = fitted(x).rows.reshape(40, 30, 2)
    assert not rows[3, 5].any()
    assert not rows[7, 20:].any()
    seen = np.isfinite(x[:, 20, 0])
    np.testing.assert_allclose(rows[seen, 20].std(axis=0), 1, atol=1e-3)


def test_a_step_that_does_not_vary_counts_for_nothing() -> None:
    x, _ = daily(40)
    x[:, 4] = 7.0
    rows = fitted(x).rows.reshape(40, 30, 2)
    assert not rows[:, 4, 0].any()
    changed = x[:2].copy()
    changed[0, 4] = 9.0
    network = fitted(x).network
    assert np.isfinite(predict_all(network, changed)).all()


@pytest.mark.parametrize("landmarks", [1000, 15])
def test_scores_in_keras_are_those_in_numpy(
    landmarks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_ridge, "MAX_LANDMARKS", landmarks)
    x = gappy(60, steps=400)
    x[np.random.default_rng(0).random(x.shape) < 0.2] = np.nan
    y = np.arange(60) % 3
    steps = fitted(x)
    np.testing.assert_allclose(steps.rows, predict_all(steps.network, x), atol=1e-5)
    kernel = fit_kernel(steps.rows, y, 3, 0, RidgeConfig())
    assert len(kernel.landmarks) == min(landmarks, 60)
    model = whole(steps, kernel)
    other = gappy(9, steps=400) + np.float32(0.3)
    for given in (x, other):
        expected = kernel.scores(predict_all(steps.network, given))
        np.testing.assert_allclose(predict_all(model, given), expected, atol=1e-4)


def test_few_landmarks_stand_for_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = daily(200)
    steps = fitted(x)
    train, test = np.arange(140), np.arange(140, 200)
    right = []
    for landmarks in (1000, 30):
        monkeypatch.setattr(kernel_ridge, "MAX_LANDMARKS", landmarks)
        kernel = fit_kernel(steps.rows[train], y[train], 2, 0, RidgeConfig())
        right.append((kernel.scores(steps.rows[test]).argmax(axis=1) == y[test]).mean())
    assert min(right) > 0.9


def test_wide_series_are_averaged_until_they_are_few_enough_numbers() -> None:
    x = np.random.default_rng(0).normal(0, 1, (12, 200, 30)).astype(np.float32)
    rows = fitted(x).rows
    assert MAX_INPUTS / 2 < rows.shape[1] <= MAX_INPUTS


def test_series_of_equal_rows_are_no_fault() -> None:
    x = np.full((12, 8, 1), 3.0, np.float32)
    steps = fitted(x)
    kernel = fit_kernel(steps.rows, np.arange(12) % 2, 2, 0, RidgeConfig())
    assert np.isfinite(kernel.scores(steps.rows)).all()
