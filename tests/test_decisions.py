"""From probabilities to answers: rare classes and unknowns."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from tasks.learning.decisions import (
    abstention_scores,
    answers_of,
    confidence_of,
    decide,
    fit_threshold,
    log_prior_of,
)
from tasks.learning.spec import Abstention, Recipe


def rare_problem(n: int = 20_000, share: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """True posteriors of two overlapping normals, the second of them rare."""
    rng = np.random.default_rng(0)
    y = (rng.random(n) < share).astype(int)
    x = rng.normal(0, 1, n) + 1.5 * y
    odds = np.exp(1.5 * x - 1.5**2 / 2) * share / (1 - share)
    return np.stack([1 / (1 + odds), odds / (1 + odds)], axis=1), y


def test_offsets_raise_the_balanced_accuracy_of_true_posteriors() -> None:
    probabilities, y = rare_problem()
    decision = decide(probabilities, y, log_prior_of(y, 2), Abstention())
    plain = balanced_accuracy_score(y, answers_of(probabilities, None))
    shifted = balanced_accuracy_score(y, answers_of(probabilities, decision.offsets))
    assert plain < 0.55
    assert shifted > 0.75


def test_without_rare_classes_the_largest_probability_answers() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 50)
    decision = decide(probabilities, probabilities.argmax(axis=1), None, Abstention())
    assert decision.offsets is None
    assert (answers_of(probabilities, None) == probabilities.argmax(axis=1)).all()
    np.testing.assert_allclose(confidence_of(probabilities, None), probabilities.max(axis=1))


def test_a_probability_of_zero_is_no_fault() -> None:
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert answers_of(certain, (-3.0, 3.0)).tolist() == [0, 1]
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
