"""Auxiliary rows: they train at a weight that other rows choose, and nothing rests on them."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from seqclass.networks.classifier import probabilities_of
from seqclass.networks.outputs import predict_all
from seqclass.pipeline.replicas import weights_digest
from seqclass.training import members as members_module
from seqclass.training.auxiliary_weight import with_auxiliary
from seqclass.training.learnt_rows import Auxiliary, Mixed, Rows
from seqclass.training.members import (
    CLOSED,
    FrozenFeatures,
    LstmMember,
    Training,
    train_closed,
)
from seqclass.training.replica import Replica, TrainingRows, train_replica
from seqclass.training.spec import MEMBERS, Member, TrainingSpec
from seqclass.training.splits import holdout_folds
from tests.support.networks import BRIEF, quiet

SPEC = replace(BRIEF, members=("convolutions", "conv-lstm"), networks={"conv-lstm": 1})
N_CLASSES = 3


def songs(n: int, seed: int, noise: float = 1.5) -> Rows:
    """Waves whose frequency is their class, of any phase, in noise."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % N_CLASSES).astype(np.int32)
    phase = rng.uniform(0, 6, n)[:, None]
    x = np.sin((1 + 0.4 * y[:, None]) * np.linspace(0, 6, 40) + phase)
    return Rows((x + rng.normal(0, noise, x.shape)).astype(np.float32)[..., None], y)


def slopes(n: int, seed: int, noise: float) -> Rows:
    """Lines whose slope is their class, in noise."""
    rng = np.random.default_rng(seed)
    y = (np.arange(n) % N_CLASSES).astype(np.int32)
    x = np.linspace(-1, 1, 40) * (y[:, None] - 1) + rng.normal(0, noise, (n, 40))
    return Rows(x.astype(np.float32)[..., None], y)


def replica(rows: Rows, auxiliary: Rows | None, groups: np.ndarray | None = None) -> Replica:
    return train_replica(TrainingRows(rows, N_CLASSES, groups, auxiliary=auxiliary), SPEC, 0, quiet)


def training_of(rows: Rows) -> Training:
    folds = holdout_folds(rows.y, None, 0.2, 0)
    frozen = FrozenFeatures(rows.x, (), 0)
    return Training(rows, N_CLASSES, TrainingSpec(), 0, quiet, folds, None, frozen)


def at_weight(training: Training, others: Rows, weight: float) -> Training:
    first, n = len(training.rows), len(training.rows) + len(others)
    x, y = (np.concatenate([getattr(rows, name) for rows in (training.rows, others)])
            for name in ("x", "y"))  # fmt: skip
    folds = [(np.append(kept, np.arange(first, n)), held) for kept, held in training.folds]
    return replace(training, rows=Rows(x, y), folds=folds, auxiliary=Auxiliary(first, weight))


def answers(made: Replica, x: np.ndarray) -> np.ndarray:
    return predict_all(probabilities_of(made.classifier), x).argmax(axis=1)


def test_each_pass_of_a_network_has_its_share_of_auxiliary_rows() -> None:
    rows = Rows(np.zeros((50, 4, 1), np.float32), np.zeros(50, np.int32))
    mixed = Mixed(rows, np.arange(2, 10), np.arange(10, 50), 0.25)
    orders = [order for _, order in islice(mixed.windows(3), 8)]
    for order in orders:
        assert len(order) == len(mixed) == 18
        assert sorted(order[order < 10]) == [*range(2, 10)]
    drawn = np.bincount(np.concatenate(orders), minlength=50)[10:]
    assert set(drawn) == {2}, "in eight passes at a weight of a quarter each is seen twice"
    for passes in range(1, 9):
        assert mixed.seen(18 * passes) == len(np.unique(orders[:passes]))
    again = [order for _, order in islice(mixed.windows(3), 8)]
    np.testing.assert_array_equal(orders, again)


def test_folds_hold_back_none_and_keep_all_auxiliary_rows() -> None:
    training = training_of(songs(30, 1))
    mixed = with_auxiliary(training, songs(60, 2))
    assert mixed.auxiliary is not None
    for (kept, held), (kept_before, held_before) in zip(mixed.folds, training.folds, strict=True):
        np.testing.assert_array_equal(held, held_before)
        np.testing.assert_array_equal(kept, [*kept_before, *range(30, 90)])
    np.testing.assert_array_equal(mixed.primary.x, training.rows.x)
    for name in CLOSED:
        trained = train_closed(name, mixed)
        assert len(trained.scores) == len(training.held)
        assert trained.unseen is not None


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_learns_from_auxiliary_rows(name: Member) -> None:
    rows, others = slopes(30, 1, noise=3), slopes(90, 2, noise=1)
    training = replace(training_of(rows), spec=SPEC)
    training = replace(training, folds=training.folds[:1])
    truth = training.rows.y[training.held]
    leads = []
    for labels in (others.y, (others.y + 1) % N_CLASSES):
        mixed = at_weight(training, Rows(others.x, labels), 1.0)
        if name in CLOSED:
            scores = train_closed(name, mixed).scores
        else:
            member = LstmMember(mixed)
            member.next_fold()
            scores = member.trained().scores
        leads.append(scores[np.arange(len(truth)), truth].mean())
    assert leads[0] > leads[1]


def test_rows_of_the_same_kind_help_few_rows() -> None:
    rows, fresh = songs(24, 1), songs(600, 5)
    alone, helped = replica(rows, None), replica(rows, songs(300, 2))
    assert helped.auxiliary_weight > 0
    right = [(answers(made, fresh.x) == fresh.y).mean() for made in (alone, helped)]
    assert right[1] > right[0] + 0.1
    assert len(helped.validation_logits) == len(alone.validation_logits) == 24
    assert set(helped.references) <= set(range(24))


def test_misleading_rows_get_no_weight_and_change_no_bit() -> None:
    rows, others = songs(90, 1, noise=0.5), songs(300, 2, noise=0.5)
    misleading = Rows(others.x, (others.y + 1) % N_CLASSES)
    alone, misled = replica(rows, None), replica(rows, misleading)
    assert misled.auxiliary_weight == 0
    digests = [weights_digest(made.classifier.get_weights()) for made in (alone, misled)]
    assert digests[0] == digests[1]
    np.testing.assert_array_equal(misled.validation_logits, alone.validation_logits)


def test_rows_that_say_nothing_get_little_weight_or_none() -> None:
    weights = []
    for seed in range(2):
        others = songs(300, 100 + seed)
        shuffled = Rows(others.x, np.random.default_rng(seed).permutation(others.y))
        mixed = with_auxiliary(training_of(songs(60, seed)), shuffled)
        weights.append(mixed.auxiliary.weight if mixed.auxiliary else 0.0)
    assert min(weights) == 0.0, weights
    assert max(weights) < 0.5, weights


def test_few_auxiliary_rows_beside_many_may_all_be_left_out_of_the_sample(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(members_module, "MAX_CLOSED", 60)
    training, other = training_of(songs(90, 1)), songs(1, 2)
    training = replace(training, folds=training.folds[:1])
    for unlucky in (replace(training, seed=seed) for seed in range(99)):
        sample = at_weight(unlucky, other, 1.0).subsample()
        if len(sample.rows) == len(sample.primary):
            break
    assert with_auxiliary(unlucky, other).auxiliary is None


def test_longer_auxiliary_series_train_beside_shorter_rows() -> None:
    longer = songs(120, 2)
    longer = Rows(np.concatenate([longer.x, longer.x[:, :15]], axis=1), longer.y)
    one_group = np.arange(12) % N_CLASSES  # a class, so that a weight of 0 is not tried
    made = replica(songs(12, 1), longer, one_group)
    assert made.auxiliary_weight > 0
    assert answers(made, songs(30, 5).x).shape == (30,)


def test_a_class_of_one_group_is_held_back_whole_where_auxiliary_rows_speak_for_it() -> None:
    rows, groups = songs(12, 1), np.arange(12) % N_CLASSES
    with pytest.raises(ValueError, match="every class in more than one group"):
        holdout_folds(rows.y, groups, 0.2, 0)
    folds = holdout_folds(rows.y, groups, 0.2, 0, is_helped=True)
    assert sorted(np.concatenate([held for _, held in folds])) == [*range(12)]
    mixed = with_auxiliary(replace(training_of(rows), folds=folds, groups=groups), songs(120, 2))
    assert mixed.auxiliary is not None
    with pytest.raises(ValueError, match="at least 2 groups"):
        holdout_folds(rows.y, np.zeros(12, int), 0.2, 0, is_helped=True)
