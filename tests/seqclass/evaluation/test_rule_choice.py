"""The rule for a goal, chosen on rows that were held back."""

from dataclasses import replace

import numpy as np
import pytest
from crepes import ConformalClassifier
from crepes.extras import hinge
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.metrics import balanced_accuracy_score, f1_score

from seqclass.evaluation.decisions import LARGEST, predict_labels
from seqclass.evaluation.goals import SCORE_GOALS, Abstention
from seqclass.evaluation.metrics import Truth
from seqclass.evaluation.rule_choice import (
    choose_rule,
    error_of_gain,
    fit_threshold,
    possible_from,
    rule_for,
    scores_by_goal,
)


def rare_problem(n: int = 20_000, share: float = 0.01) -> tuple[np.ndarray, np.ndarray]:
    """True posteriors of two overlapping normals, the second of them rare."""
    rng = np.random.default_rng(0)
    y = (rng.random(n) < share).astype(int)
    x = rng.normal(0, 1, n) + 1.5 * y
    odds = np.exp(1.5 * x - 1.5**2 / 2) * share / (1 - share)
    return np.stack([1 / (1 + odds), odds / (1 + odds)], axis=1), y


@pytest.mark.parametrize("goal", SCORE_GOALS)
def test_each_goal_raises_its_own_score_on_other_rows(goal: str) -> None:
    probabilities, y = rare_problem()
    held, tested = (slice(None, 10_000), slice(10_000, None))
    truth = [Truth(y[rows], ["often", "rare"]) for rows in (held, tested)]
    scores = scores_by_goal(
        (probabilities[held], truth[0]), (probabilities[tested], truth[1]), goal, Abstention()
    )
    assert set(scores) == set(SCORE_GOALS)
    best = max(scores, key=lambda name: scores[name][goal])  # type: ignore[literal-required]
    assert best == goal
    plain = predict_labels(probabilities[tested])
    assert scores["accuracy"]["balanced_accuracy"] == balanced_accuracy_score(truth[1].y, plain)
    assert scores["macro_f1"]["macro_f1"] > f1_score(truth[1].y, plain, average="macro") + 0.03


def test_offsets_that_gain_no_more_than_chance_are_none() -> None:
    probabilities, y = rare_problem(300, 0.1)
    alike = np.array([[0.9, 0.1], [0.1, 0.9]])[y]
    assert rule_for(alike, Truth(y, ["often", "rare"]), "balanced_accuracy") == LARGEST
    few = np.flatnonzero(y)[:9]
    rows = np.sort(np.concatenate([few, np.flatnonzero(y == 0)]))
    truth = Truth(y[rows], ["often", "rare"])
    assert rule_for(probabilities[rows], truth, "balanced_accuracy") == LARGEST


def test_a_class_of_few_rows_has_no_offset_of_its_own() -> None:
    probabilities, y = rare_problem(4000, 0.05)
    third = np.concatenate([probabilities * 0.999, np.full((4000, 1), 0.001)], axis=1)
    y[:9] = 2
    rule = rule_for(third, Truth(y, ["often", "rare", "hardly"]), "balanced_accuracy")
    assert rule.offsets is not None
    assert rule.offsets[1] > 0.0 == rule.offsets[0] == rule.offsets[2]


def test_the_error_of_a_gain_is_that_of_paired_differences() -> None:
    rng = np.random.default_rng(1)
    y, first, second = (rng.integers(0, 2, 400) for _ in range(3))
    truth = Truth(y, ["a", "b"])
    gaps = (first == y).astype(float) - (second == y)
    alone = error_of_gain(first, second, truth, "accuracy")
    assert alone == pytest.approx(gaps.std(ddof=1) / 20, rel=1e-6)
    each = truth._replace(groups=np.arange(400))
    assert error_of_gain(first, second, each, "accuracy") == pytest.approx(alone)
    tenfold = truth.take(np.repeat(np.arange(400), 10))._replace(groups=np.arange(4000) // 10)
    answers = np.repeat(first, 10), np.repeat(second, 10)
    assert error_of_gain(*answers, tenfold, "accuracy") == pytest.approx(alone)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(0.2, 1), st.booleans()), min_size=1, max_size=200),
    max_error=st.floats(0, 0.5),
)
def test_the_threshold_is_the_lowest_that_keeps_the_error(
    rows: list[tuple[float, bool]], max_error: float
) -> None:
    confidence, right = (np.array(part) for part in zip(*rows, strict=True))

    def bound(threshold: float) -> float:
        wrong = ~right[confidence >= threshold]
        if not len(wrong):
            return 1.0
        # both ends of an interval of 80% leave out 10% each
        return binomtest(int(wrong.sum()), len(wrong)).proportion_ci(0.8, "exact").high

    fitted = fit_threshold(confidence, right, np.ones(len(right)), max_error)
    lower = [value for value in confidence if bound(value) <= max_error]
    if lower:
        assert fitted == (0 if min(lower) == confidence.min() else min(lower))
    else:
        assert right[confidence >= fitted].all()
        assert right.all() or fitted > confidence[~right].max()
        assert fitted > 0 or right.all()


def test_rows_of_one_group_are_one_draw() -> None:
    confidence = np.linspace(0.5, 0.99, 600)
    right = confidence > 0.55
    alone = Truth(right.astype(int), ["a", "b"])
    p = np.stack([1 - confidence, confidence], axis=1)
    apart = choose_rule(p, alone, "accuracy", Abstention(0.05)).threshold
    groups = alone._replace(groups=np.arange(600) // 6)
    assert 0 < apart < choose_rule(p, groups, "accuracy", Abstention(0.05)).threshold


def test_answers_keep_the_asked_error_in_nine_of_ten_draws() -> None:
    """Rows whose probabilities are true; the threshold knows only the drawn ones."""
    kept = []
    for draw in range(200):
        rng = np.random.default_rng(draw)
        confidence = rng.beta(4, 1, 4000) / 2 + 0.5
        right = rng.random(4000) < confidence
        threshold = fit_threshold(confidence[:300], right[:300], np.ones(300), 0.1)
        answered = confidence[300:] >= threshold
        kept.append(1 - right[300:][answered].mean() <= 0.1)
    assert np.mean(kept) >= 0.85


def test_costs_decide_instead_of_the_asked_error() -> None:
    probabilities, y = rare_problem(2000, 0.1)
    truth = Truth(y, ["often", "rare"])
    costs = {"often": {"rare": 1, "unknown": 0.3}, "rare": {"often": 9, "unknown": 0.3}}
    rule = choose_rule(probabilities, truth, costs, Abstention(0.001))
    assert rule.threshold == 0
    assert 0 < rule.coverage < 1
    scores = scores_by_goal((probabilities, truth), (probabilities, truth), costs, Abstention())
    cost = {name: score["cost"] for name, score in scores.items()}
    assert cost["costs"] < min(cost[name] for name in SCORE_GOALS)  # type: ignore[operator, type-var]
    assert scores["costs"]["expected_cost"] == pytest.approx(cost["costs"], rel=0.1)


@pytest.mark.parametrize("wrong", [{"max_error": 1.0}, {"max_error": -0.1}, {"set_coverage": 0}])
def test_impossible_abstention_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="expected a number"):
        replace(Abstention(), **wrong)


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
