"""From probabilities to answers by a stored rule: offsets, costs and unknowns."""

from dataclasses import replace

import numpy as np
import pytest

from seqclass.evaluation.decisions import (
    LARGEST,
    UNKNOWN,
    abstention_scores,
    confidence_of,
    predict_labels,
    reasons_of,
)
from seqclass.evaluation.goals import costs_of
from seqclass.training.recipe import Recipe

CLASSES = ["fault", "ok"]


def test_without_offsets_the_largest_probability_answers() -> None:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    assert (predict_labels(probabilities) == probabilities.argmax(axis=1)).all()
    confidence = confidence_of(probabilities, LARGEST)
    np.testing.assert_allclose(confidence, probabilities.max(axis=1))


def test_a_probability_of_zero_is_no_fault() -> None:
    certain = np.array([[1.0, 0.0], [0.0, 1.0]])
    rule = replace(LARGEST, offsets=(-3.0, 3.0))
    assert predict_labels(certain, rule).tolist() == [0, 1]
    assert np.isfinite(confidence_of(certain, rule)).all()


def test_the_answer_has_the_lowest_expected_cost_and_unknown_where_that_costs_less() -> None:
    costs = {"fault": {"ok": 9, "unknown": 1}, "ok": {"fault": 1, "unknown": 0.4}}
    rule = replace(LARGEST, costs=costs_of(costs, CLASSES))
    fault = np.array([0.9, 0.5, 0.2, 0.06, 0.01])
    probabilities = np.stack([fault, 1 - fault], axis=1)
    labels = [CLASSES[code] for code in predict_labels(probabilities, rule)]
    assert labels == ["fault", "fault", "fault", "ok", "ok"]
    assert confidence_of(probabilities, rule) == pytest.approx([0.9, 0.5, 0.2, 0.94, 0.99])
    doubt = [None, None, "ambiguous", "ambiguous", None]
    assert reasons_of(probabilities, np.ones(5), rule) == doubt
    without = replace(rule, costs=[row[:2] for row in rule.costs or ()])
    assert reasons_of(probabilities, np.array([0.5, 0, 1, 1, 1]), without) == [
        None, "unfamiliar", None, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": {"ok": 1}},
        {"fault": {"ok": 1}, "ok": {"fault": -1}},
        {"fault": {"ok": 1}, "ok": {"fault": "dear"}},
        {"fault": {"ok": 1}, "ok": {"fault": 1}, "broken": {"ok": 1}},
        {"fault": {"ok": 1, UNKNOWN: 1}, "ok": {"fault": 1}},
        {},
    ],
)
def test_costs_that_are_missing_or_impossible_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="goal: expected"):
        costs_of(wrong, CLASSES)


def test_costs_may_be_numbers_of_numpy() -> None:
    given = {"fault": {"ok": np.float32(2)}, "ok": {"fault": np.int64(1)}}
    assert costs_of(given, ["fault", "ok"]) == ((0.0, 2.0), (1.0, 0.0))


def test_abstention_is_told_on_test_rows() -> None:
    p = np.array([[0.95, 0.05], [0.6, 0.4], [0.1, 0.9], [0.45, 0.55]])
    scores = abstention_scores(p, np.array([0, 1, 1, 1]), replace(LARGEST, threshold=0.8))
    assert (scores["unknown"], scores["coverage"], scores["accuracy_answered"]) == (2, 0.5, 1.0)
    assert scores["curve"][-1] == [1.0, 0.75]


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
