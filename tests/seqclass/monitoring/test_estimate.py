"""An estimate holds the truth as often as it says, and promises nothing after a drift."""

import warnings

import numpy as np
import pytest
from sklearn.metrics import f1_score

from seqclass.monitoring.estimate import Confidence, drift_of, estimate, expected_macro_f1

DRAWS = 200


def answered(
    rng: np.random.Generator, n: int, slope: float, boast: float, noise: float = 0.0
) -> tuple[np.ndarray, Confidence]:
    """Answers of a model of two classes that is surer (``boast`` above 1) than it should be; noise
    on what it sees is what it was not calibrated for."""
    x = rng.normal(size=n)
    y = rng.random(n) < 1 / (1 + np.exp(-slope * x))
    seen = x + noise * rng.normal(size=n)
    p = 1 / (1 + np.exp(-boast * slope * seen))
    is_yes = p > 0.5
    return is_yes == y, Confidence(np.where(is_yes, p, 1 - p), np.linspace(0, 1, n))


@pytest.mark.parametrize(
    ("n_test", "n_new", "boast"), [(40, 50, 1.0), (100, 1000, 0.7), (400, 1000, 1.6)]
)
def test_the_interval_holds_the_truth_as_often_as_it_says(
    n_test: int, n_new: int, boast: float
) -> None:
    held = promised = 0
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        right, tested = answered(rng, n_test, 3.0, boast)
        truth, new = answered(rng, n_new, 3.0, boast)
        estimated = estimate(right, tested, new)
        if estimated.accuracy_interval is not None:
            low, high = estimated.accuracy_interval
            promised += 1
            held += low <= truth.mean() <= high
    assert promised >= 0.98 * DRAWS
    assert 0.90 <= held / promised <= 0.98


def test_a_drift_is_told_and_nothing_is_promised() -> None:
    alarms = 0
    for draw in range(DRAWS):
        rng = np.random.default_rng(draw)
        right, tested = answered(rng, 200, 3.0, 1.0)
        _, new = answered(rng, 400, 3.0, 1.0, noise=2.0)
        estimated = estimate(right, tested, new)
        alarms += estimated.doubt is not None
        assert (estimated.accuracy_interval is None) == (estimated.doubt is not None)
    assert alarms >= 0.95 * DRAWS


def test_series_unlike_the_training_series_are_a_drift_however_sure_the_answers_are() -> None:
    rng = np.random.default_rng(0)
    confidence = np.full(100, 0.9)
    old, like = (Confidence(confidence, rng.random(100)) for _ in range(2))
    unlike = Confidence(confidence, rng.random(100) ** 4)
    assert drift_of(old, like) is None
    assert "how like the training series" in str(drift_of(old, unlike))


def test_no_series_are_no_drift() -> None:
    none, some = (Confidence(np.full(n, 0.9), np.full(n, 0.5)) for n in (0, 20))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drift_of(some, none) is None


def test_macro_f1_is_that_of_calibrated_answers() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.4] * 3, 4000)
    truth = (probabilities.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    answers = probabilities.argmax(axis=1)
    expected = expected_macro_f1(probabilities, answers)
    assert expected == pytest.approx(f1_score(truth, answers, average="macro"), abs=0.02)
