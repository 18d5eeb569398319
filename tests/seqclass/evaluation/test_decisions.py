"""From probabilities to answers: rare classes and unknowns."""

import numpy as np
import pytest
from crepes import ConformalClassifier
from crepes.extras import hinge
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn.metrics import balanced_accuracy_score

from seqclass.evaluation.decisions import (
    Abstention,
    abstention_scores,
    confidence_of,
    decide,
    fit_threshold,
    possible_from,
    predict_labels,
)
from seqclass.training.recipe import Recipe


def rare_problem(n: int = 20_000, share: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """True posteriors of two overlapping normals, the second of them rare."""
    rng = np.random.default_rng(0)
    y = (rng.random(n) < share).astype(int)
    x = rng.normal(0, 1, n) + 1.5 * y
    odds = np.exp(1.5 * x - 1.5**2 / 2) * share / (1 - share)
    return np.stack([1 / (1 + odds), odds / (1 + odds)], axis=1), y


def test_offsets_raise_the_balanced_accuracy_of_true_posteriors() -> None:
    probabilities, y = rare_problem()
    decision = decide(probabilities, y, np.log(np.bincount(y) / len(y)), Abstention())
    plain = balanced_accuracy_score(y, predict_labels(probabilities, None))
    shifted = balanced_accuracy_score(y, predict_labels(probabilities, decision.offsets))
    assert plain < 0.55
    assert shifted > 0.75


def test_without_rare_classes_the_largest_probability_answers() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 50)
    decision = decide(probabilities, probabilities.argmax(axis=1), None, Abstention())
    assert decision.offsets is None
    assert (predict_labels(probabilities, None) == probabilities.argmax(axis=1)).all()
    np.testing.assert_allclose(confidence_of(probabilities, None), probabilities.max(axis=1))


def test_a_probability_of_zero_is_no_fault() -> None:
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert predict_labels(certain, (-3.0, 3.0)).tolist() == [0, 1]
    assert np.isfinite(confidence_of(certain, (-3.0, 3.0))).all()


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(0.2, 1), st.booleans()), min_size=1, max_size=80),
    risk=st.floats(0, 0.5),
    coverage=st.floats(0.5, 1),
)
def test_the_threshold_keeps_the_stated_risk_and_coverage(
    rows: list[tuple[float, bool]], risk: float, coverage: float
) -> None:
    confidence, right = (np.array(part) for part in zip(*rows, strict=True))
    threshold = fit_threshold(confidence, right, Abstention(risk, coverage))
    answered = confidence >= threshold
    if answered.any():
        assert 1 - right[answered].mean() <= risk + 1e-12
    if right.all():
        assert answered.mean() >= coverage - 1e-12


def test_what_no_row_can_promise_is_not_answered() -> None:
    wrong = fit_threshold(np.array([0.9, 0.8]), np.array([False, False]), Abstention(0.1))
    assert wrong > 0.9


def test_abstention_is_told_on_test_rows() -> None:
    p = np.array([[0.95, 0.05], [0.6, 0.4], [0.1, 0.9], [0.45, 0.55]])
    y = np.array([0, 1, 1, 1])
    decision = decide(p, y, None, Abstention(risk=0.0, coverage=1.0))
    found = abstention_scores(p, y, decision)
    assert found["threshold"] == pytest.approx(0.9)
    assert (found["unknown"], found["coverage"], found["accuracy_answered"]) == (2, 0.5, 1.0)
    assert found["curve"][-1] == [1.0, 0.75]


@pytest.mark.parametrize(
    ("balance", "counts", "balances"),
    [
        ("auto", [100, 10], True),
        ("auto", [100, 11], False),
        ("never", [1000, 1], False),
        ("always", [5, 5], True),
    ],
)
def test_only_much_rarer_classes_are_balanced_by_default(
    balance: str, counts: list[int], balances: bool
) -> None:
    assert Recipe(balance=balance).balances(counts) is balances  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"risk": 1.0}, {"risk": -0.1}, {"coverage": 0.0}])
def test_impossible_abstention_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="expected a share"):
        Abstention(**wrong)


def noisy_posteriors(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three unlike classes, the last of them rare, and codes that follow them."""
    rng = np.random.default_rng(seed)
    y = rng.choice(3, n, p=[0.5, 0.35, 0.15])
    scores = rng.normal(0, 1, (n, 3)) + 1.5 * np.eye(3)[y]
    return softmax(scores, axis=1), y


@pytest.mark.parametrize("coverage", [0.8037, 0.9037, 0.9537])
def test_sets_of_possible_classes_are_those_of_an_independent_library(coverage: float) -> None:
    """crepes, with classes as Mondrian categories and p-values that are not smoothed. It counts one
    that is just at the edge in, we do not; at these coverages none is."""
    held, y = noisy_posteriors(400, 0)
    given, _ = noisy_posteriors(200, 1)
    limits = possible_from(held, y, coverage)
    for code in range(3):
        judge = ConformalClassifier().fit(1 - held[y == code, code])
        sets = judge.predict_set(hinge(given), confidence=coverage, smoothing=False)
        np.testing.assert_array_equal(given[:, code] >= limits[code], sets[:, code] == 1)


def test_sets_hold_the_true_class_as_often_as_they_promise_over_20_draws() -> None:
    covered, promised = [], []
    for draw in range(20):
        (held, y), (fresh, truth) = noisy_posteriors(300, draw), noisy_posteriors(4000, 100 + draw)
        limits = np.array(possible_from(held, y, 0.9))
        inside = fresh >= limits
        covered.append([inside[truth == code, code].mean() for code in range(3)])
        n = np.bincount(y)
        promised.append(1 - np.floor((n + 1) * 0.1 + 1e-9) / (n + 1))
    apart = np.array(covered) - promised
    assert (np.array(promised) >= 0.9).all()
    assert (np.abs(apart.mean(axis=0)) < 2 * apart.std(axis=0, ddof=1) / np.sqrt(20)).all()
