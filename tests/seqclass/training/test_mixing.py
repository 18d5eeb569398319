"""Nested answers: a row decides nothing of what answers it."""

from dataclasses import replace

import numpy as np
import pytest

from seqclass.training.learnt_rows import Rows
from seqclass.training.members import (
    CLOSED,
    FrozenFeatures,
    TrainedMember,
    Training,
    train_closed,
)
from seqclass.training.mixing import nested_scores
from seqclass.training.spec import MEMBERS, TrainingSpec
from seqclass.training.splits import MAX_NESTED, holdout_folds
from tests.support.networks import lines, quiet


def fitted(number: int, scores: np.ndarray, **more: np.ndarray) -> TrainedMember:
    return TrainedMember(MEMBERS[number], lambda: None, scores, [], 0.0, **more)  # type: ignore


def training_of(rows: Rows, **more: object) -> Training:
    folds = holdout_folds(rows.y, None, 0.2, 0)
    frozen = FrozenFeatures(rows.x, (), 0)
    training = Training(rows, int(rows.y.max()) + 1, TrainingSpec(), 0, quiet, folds, None, frozen)
    return replace(training, **more)  # type: ignore[arg-type]


def guesses(training: Training, right: float, seed: int) -> np.ndarray:
    """Scores of a member that has this share of the rows right."""
    rng, y = np.random.default_rng(seed), training.rows.y[training.held]
    meant = np.where(rng.random(len(y)) < right, y, rng.integers(0, training.n_classes, len(y)))
    return 2.0 * np.eye(training.n_classes)[meant] + rng.normal(0, 1, (len(y), training.n_classes))


@pytest.fixture
def training() -> Training:
    return training_of(Rows(np.zeros((75, 4, 1), np.float32), np.arange(75, dtype=np.int32) % 3))


def test_labels_of_a_fold_decide_nothing_of_its_mixture(training: Training) -> None:
    members = [fitted(0, guesses(training, 0.9, 1)), fitted(1, guesses(training, 0.5, 2))]
    before = nested_scores(members, training)
    held = training.folds[1][1]
    y = training.rows.y.copy()
    y[held] = (y[held] + 1) % 3
    after = nested_scores(members, replace(training, rows=Rows(training.rows.x, y)))
    np.testing.assert_array_equal(after[1], before[1])
    for fold in (0, 2, 3, 4):
        assert not np.allclose(after[fold], before[fold])


def test_closed_forms_choose_their_penalty_without_the_fold_that_they_answer() -> None:
    rows = lines(30)
    training = training_of(
        Rows(rows.x + np.random.default_rng(1).normal(0, 2, rows.x.shape), rows.y)
    )
    held = training.folds[2][1]
    y = training.rows.y.copy()
    y[held] = 1 - y[held]
    other = replace(training, rows=Rows(training.rows.x, y))
    is_own = np.isin(training.held, held)
    for name in CLOSED:
        first, second = train_closed(name, training).unseen, train_closed(name, other).unseen
        assert first is not None
        assert second is not None
        np.testing.assert_allclose(second[is_own], first[is_own])
        assert not np.allclose(second[~is_own], first[~is_own])


def test_no_row_is_answered_so_where_one_fold_or_old_weights_or_many_rows_do(
    training: Training,
) -> None:
    scores = guesses(training, 0.9, 1)
    assert nested_scores([fitted(0, scores)], training).shape == (5, 75, 3)
    assert nested_scores([fitted(0, scores), fitted(1, scores[:30])], training).shape == (
        2, 30, 3,
    )  # fmt: skip
    one_fold = [fitted(0, scores), fitted(1, scores[:15])]
    assert not len(nested_scores(one_fold, training))
    warm = replace(training, initial=[[np.zeros(1)]])
    assert not len(nested_scores([fitted(0, scores)], warm))
    n = MAX_NESTED + 1
    many = training_of(Rows(np.zeros((n, 4, 1), np.float32), np.arange(n, dtype=np.int32) % 3))
    assert not len(nested_scores([fitted(0, guesses(many, 0.9, 1))], many))
