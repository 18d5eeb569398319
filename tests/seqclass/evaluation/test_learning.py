"""Metrics, calibration, splits, scaling and baselines: plain numerics."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from seqclass.evaluation.agreement import flips, spread_of, worst_case
from seqclass.evaluation.calibration import (
    calibration_error,
    fit_temperature,
    half_a_row,
    soften,
    tempered_loss,
)
from seqclass.evaluation.metrics import (
    Truth,
    hardest_rows,
    label_scores,
    log_loss,
    score_intervals,
    score_predictions,
)
from seqclass.networks.architecture import Architecture
from seqclass.networks.scaling import fit_scaling
from seqclass.training import splits
from seqclass.training.baselines import baseline_predictions, summary_features
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import assign_test, holdout_folds
from tests.support.series import keys_of

CODES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=60)


@settings(max_examples=25)
@given(pairs=CODES)
def test_scores_agree_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    y, guessed = np.array(pairs).T
    scores = label_scores(guessed, y, 3)
    present = np.unique(y)
    expected = f1_score(y, guessed, labels=present, average="macro", zero_division=0)
    assert scores["macro_f1"] == pytest.approx(expected)
    assert scores["accuracy"] == pytest.approx((y == guessed).mean())
    if set(guessed) <= set(y):
        assert scores["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, guessed))


def intervals_of(table: np.ndarray) -> dict[str, list[float]]:
    """Intervals of rows with the true and guessed codes of a confusion matrix."""
    kinds = np.repeat(np.arange(table.size), table.ravel())
    y, guessed = np.divmod(kinds, len(table))
    return score_intervals(guessed, y, len(table), seed=0)


def test_intervals_hold_the_score_and_shrink_with_rows() -> None:
    few, many = np.array([[40, 10], [5, 45]]), 100 * np.array([[40, 10], [5, 45]])
    for table in (few, many):
        low, high = intervals_of(table)["accuracy"]
        assert low < 0.85 < high
    widths = [np.ptp(intervals_of(t)["macro_f1"]) for t in (few, many)]
    assert widths[1] == pytest.approx(widths[0] / 10, rel=0.2)


def test_no_error_in_few_rows_is_no_certainty() -> None:
    low, high = intervals_of(np.diag([9, 9]))["accuracy"]
    assert (round(low, 3), high) == (0.815, 1.0)
    low, high = intervals_of(np.diag([20, 20, 1]))["balanced_accuracy"]
    assert (round(low, 3), high) == (round((2 + 0.025) / 3, 3), 1.0)
    assert intervals_of(np.diag([900, 900]))["accuracy"][0] > 0.997


def test_a_group_is_one_draw_of_an_interval() -> None:
    """Intervals hold the accuracy of new groups, not only that of new rows of these groups."""
    hits = {"groups": 0, "rows": 0}
    for draw in range(100):
        rng = np.random.default_rng(draw)
        groups = np.repeat(np.arange(20), 20)
        y = np.arange(400) % 2
        right = rng.random(400) < rng.beta(3.6, 0.4, 20)[groups]
        guessed = np.where(right, y, 1 - y)
        for name, owners in (("groups", groups), ("rows", None)):
            low, high = score_intervals(guessed, y, 2, 0, owners)["accuracy"]
            hits[name] += low <= 0.9 <= high
    assert hits["groups"] >= 87 > 75 >= hits["rows"]


def test_groups_that_are_alike_tell_no_more_than_their_rows() -> None:
    y = np.arange(40) % 2
    guessed = np.where(np.arange(40) % 20 == 0, 1 - y, y)
    groups = np.arange(40) // 20
    alone, grouped = (score_intervals(guessed, y, 2, 0, owners) for owners in (None, groups))
    assert grouped == alone
    assert alone["accuracy"][0] < 0.95 < alone["accuracy"][1]


def test_a_single_group_says_nothing() -> None:
    y = np.arange(40) % 2
    p = np.eye(2)[np.where(np.arange(40) < 30, y, 1 - y)] * 0.8 + 0.1
    intervals = score_predictions(p, Truth(y, ["a", "b"], np.zeros(40)), seed=0)["intervals"]
    assert intervals["accuracy"] == [0, 1]
    assert intervals["log_loss"][0] == 0
    assert intervals["log_loss"][1] > 16


def test_evaluation_names_every_score() -> None:
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
    scores = score_predictions(p, Truth(np.array([0, 1, 1, 1]), ["a", "b"]), seed=0)
    assert scores["confusion"] == [[1, 0], [1, 2]]
    assert scores["per_class"]["b"] == {"precision": 1.0, "recall": pytest.approx(2 / 3),
                                       "f1": 0.8, "support": 3}  # fmt: skip
    assert scores["log_loss"] == pytest.approx(-np.log([0.9, 0.6, 0.8, 0.3]).mean())
    low, high = scores["intervals"]["log_loss"]
    assert low <= scores["log_loss"] <= high


def test_calibration_error_is_the_gap_of_confidence_and_accuracy() -> None:
    p = np.tile([0.8, 0.2], (100, 1))
    assert calibration_error(p, np.repeat([0, 1], [80, 20])) == pytest.approx(0, abs=1e-9)
    assert calibration_error(p, np.repeat([0, 1], [50, 50])) == pytest.approx(0.3)


def test_a_temperature_softens_overconfidence_and_sharpens_doubt() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, (4000, 3))
    y = np.array([rng.choice(3, p=row) for row in soften(logits, 1.0)])
    assert fit_temperature(4 * logits, y) == pytest.approx(4, rel=0.1)
    assert fit_temperature(logits, y) == pytest.approx(1, rel=0.1)
    assert fit_temperature(logits / 4, y) == pytest.approx(0.25, rel=0.1)


def test_few_rows_without_an_error_leave_more_in_doubt_than_many() -> None:
    doubts = []
    for n in (10, 100, 1000):
        y = np.arange(n) % 3
        logits = 5.0 * np.eye(3)[y]
        right = soften(logits, fit_temperature(logits, y))[np.arange(n), y]
        doubts.append(1 - right.min())
    assert doubts == pytest.approx([2 / 3 * half_a_row(n) for n in (10, 100, 1000)], rel=0.1)


def test_a_tempered_loss_tells_classes_apart_not_confidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (500, 3))
    y = np.array([rng.choice(3, p=row) for row in soften(logits, 1.0)])
    right = tempered_loss(logits, y)
    assert tempered_loss(5 * logits, y) == pytest.approx(right, abs=1e-4)
    assert right == pytest.approx(log_loss(soften(logits, 1.0), y), abs=0.01)
    assert tempered_loss(logits + rng.normal(0, 2, (500, 3)), y) > right + 0.1


@settings(max_examples=20)
@given(y=st.lists(st.integers(0, 3), max_size=80), fraction=st.floats(0.1, 0.5))
def test_every_row_is_held_back_once_and_every_class_always_kept(
    y: list[int], fraction: float
) -> None:
    codes = np.array([*y, *[0, 1, 2, 3] * splits.HELD_CLASS])
    parts = holdout_folds(codes, None, fraction, seed=0)
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(len(codes)))
    for kept, held in parts:
        assert sorted([*kept, *held]) == list(range(len(codes)))
        assert set(codes[kept]) == set(codes)


def test_some_folds_of_many_hold_back_rare_classes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "HELD_ROWS", 58)
    monkeypatch.setattr(splits, "HELD_RAREST", 0)
    y = np.repeat([0, 1, 2, 3], [120, 70, 3, 3])
    for seed in range(5):
        parts = holdout_folds(y, None, 0.1, seed)
        held = np.concatenate([held for _, held in parts])
        assert len(parts) == 3
        assert len(set(held)) == len(held)
        assert set(y[held]) == {0, 1, 2, 3}


@settings(max_examples=15)
@given(y=st.lists(st.integers(0, 3), min_size=1, max_size=80), more=st.integers(1, 200))
def test_a_row_keeps_its_side_when_a_dataset_grows(y: list[int], more: int) -> None:
    codes = np.array([*range(4)] * 30 + y)
    ids = np.array([f"s{i}" for i in range(len(codes) + more)])
    _, few = assign_test(keys_of(ids[: len(codes)]), codes, 0.2, seed=0)
    grown = np.concatenate([codes, np.arange(more) % 4])
    _, many = assign_test(keys_of(ids), grown, 0.2, seed=0)
    assert set(few) == {row for row in many if row < len(codes)}


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(3, 8), min_size=2, max_size=6), seed=st.integers(0, 99))
def test_small_classes_train_and_test(sizes: list[int], seed: int) -> None:
    y = np.repeat(np.arange(len(sizes)), sizes)
    kept, held = assign_test(keys_of(np.array([f"s{i}" for i in range(len(y))])), y, 0.5, seed)
    assert np.bincount(y[kept], minlength=len(sizes)).min() >= 2
    assert np.bincount(y[held], minlength=len(sizes)).min() >= 1


def test_folds_cut_no_group_and_train_on_a_class_in_one_group_whatever_the_shuffle() -> None:
    groups = np.repeat(np.arange(9), 4)
    y = np.where(groups == 8, 2, groups % 2)
    for seed in range(20):
        parts = holdout_folds(y, groups, 0.2, seed)
        assert len(parts) >= 2
        for kept, held in parts:
            assert set(y[kept]) == {0, 1, 2}
            assert not set(groups[kept]) & set(groups[held])


def test_few_rows_of_every_class_are_split_by_group_too() -> None:
    for rows in (2, 3, 4):
        y, groups = np.tile([0, 1, 2], rows), np.arange(3 * rows)
        for kept, held in holdout_folds(y, groups, 0.1, seed=0):
            assert len(held) > 0
            assert set(y[kept]) == {0, 1, 2}


@pytest.mark.parametrize("rare", [[1], [2], [1, 2, 2]])
def test_a_class_of_one_or_two_rows_trains_in_every_fold(rare: list[int]) -> None:
    y = np.repeat(np.arange(2 + len(rare)), [9, 7, *rare])
    parts = holdout_folds(y, None, 0.2, seed=0)
    assert all(set(y[fitted]) == {*y.tolist()} for fitted, _ in parts)
    held = np.concatenate([held for _, held in parts])
    assert sorted(held) == [*range(16)]


def test_classes_that_are_all_of_two_rows_are_held_back_in_turn() -> None:
    y = np.array([0, 0, 1, 1])
    assert sorted(np.concatenate([held for _, held in holdout_folds(y, None, 0.5, 0)])) == [
        0,
        1,
        2,
        3,
    ]


def test_impossible_splits_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 series of a class"):
        holdout_folds(np.array([0, 1, 2]), None, 0.2, 0)
    with pytest.raises(ValueError, match="at least 2 groups"):
        holdout_folds(np.array([0, 0, 1, 1]), np.zeros(4, int), 0.2, 0)
    with pytest.raises(ValueError, match="more than one group"):
        holdout_folds(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), 0.5, 0)


def test_spread_worst_case_and_flips_of_seeds() -> None:
    y = np.array([0, 1, 0, 1])
    answers = np.array([[0, 1, 0, 1], [0, 1, 1, 0], [0, 1, 0, 0]])
    np.testing.assert_allclose(flips(answers), [0, 0, 1 / 3, 1 / 3])
    worst = worst_case(answers, y, 2, seed=0)
    low, high = worst["intervals"]["accuracy"]
    assert worst["position"] == 1
    assert low <= 0.5 <= high
    seeds = [{**label_scores(row, y, 2)} for row in answers]
    spread = spread_of(seeds)["accuracy"]
    assert (spread["min"], spread["max"], spread["mean"]) == (0.5, 1.0, 0.75)
    assert spread["sd"] == pytest.approx(0.25)
    assert spread_of(seeds[:1])["accuracy"]["sd"] is None


def test_scaling_is_robust_to_garbage_and_missing_values() -> None:
    x = np.random.default_rng(0).normal(5, 2, (100, 50, 1)).astype(np.float32)
    x[0] = 1e30
    x[1, :10] = np.nan
    scaling = fit_scaling(x)
    assert scaling.center[0] == pytest.approx(5, abs=0.1)
    assert scaling.scale[0] == pytest.approx(2, rel=0.05)


def test_a_channel_without_spread_has_scale_one() -> None:
    x = np.stack([np.full((4, 5), 7.0), np.full((4, 5), np.nan)], axis=-1)
    assert fit_scaling(x.astype(np.float32)).scale == (1.0, 1.0)


def test_a_mostly_constant_channel_takes_its_standard_deviation() -> None:
    x = np.zeros((10, 10, 1), np.float32)
    x[0, 0] = 100
    assert fit_scaling(x).scale[0] == pytest.approx(9.95, rel=0.01)


def test_summary_features_survive_holes_and_constants() -> None:
    x = np.full((3, 6, 2), np.nan, np.float32)
    x[0], x[1, 2] = 4.0, 1.0
    features = summary_features(x)
    assert features.shape == (3, 22)
    assert np.isfinite(features).all()


def test_baselines_learn_what_is_easy() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    x = rng.normal(0, 0.1, (80, 10, 1)).astype(np.float32) + y[:, None, None]
    answers = baseline_predictions(x[:60], y[:60], x[60:], seed=0)
    assert (answers["logistic_regression"] == y[60:]).all()
    assert (answers["nearest_neighbour"] == y[60:]).all()
    assert len(set(answers["majority"])) == 1


@pytest.mark.parametrize(
    ("form", "field", "value", "wanted"),
    [
        (Architecture, "dropout", 1.0, "at least 0 and below 1"),
        (Architecture, "units", 0, "at least 1"),
        (Recipe, "ema_decay", math.nan, "at least 0 and below 1"),
        (Recipe, "learning_rate", 0.0, "at least 1e-12"),
    ],
)
def test_a_value_out_of_its_range_is_refused(
    form: type, field: str, value: Any, wanted: str
) -> None:
    with pytest.raises(ValueError, match=f"^{field}: expected .*{wanted}, got .*; correct"):
        form(**{field: value})


@pytest.mark.parametrize(
    "changes", [{"seeds": 0}, {"first_seed": -1}, {"test_fraction": 0.0},
                {"validation_fraction": 0.9}, {"split_seed": -1}, {"members": ()},
                {"members": ("dense",)}, {"budget_s": 0.0}, {"budget_s": math.nan}],
)  # fmt: skip
def test_impossible_training_specs_are_refused_by_name(changes: dict) -> None:
    [name] = changes
    with pytest.raises(ValueError, match=f"^{name}: expected .*got"):
        TrainingSpec(**changes)


def test_the_hardest_rows_come_first() -> None:
    right = np.array([0.9, 0.2, 0.6, 0.2, 0.1])
    hardest = hardest_rows(np.stack([right, 1 - right], axis=1), np.zeros(5, np.int32), 4)
    assert hardest.tolist() == [4, 1, 3, 2]
