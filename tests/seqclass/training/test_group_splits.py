"""Splits by groups and by time: the share that was asked for, every class, or a word of it."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.row_split import describe_split, select_rows
from seqclass.store.root import Root
from seqclass.training.group_splits import tolerance
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import assign_newest, assign_test
from tests.support.series import keys_of
from tests.support.stored import store_series

DRAWS = 60


def drawn(seed: int, n_groups: int = 11) -> tuple[np.ndarray, np.ndarray]:
    """300 series in groups of unlike sizes; each has some of three classes only."""
    rng = np.random.default_rng(seed)
    group = rng.choice(n_groups, 300, p=rng.dirichlet(np.full(n_groups, 5.0)))
    taste = rng.dirichlet(np.ones(3), n_groups)
    y = np.array([rng.choice(3, p=taste[g]) for g in group])
    return np.array([f"g{g}" for g in group]), y


def is_right(y: np.ndarray, held: np.ndarray) -> bool:
    return abs(len(held) / len(y) - 0.2) <= 0.05 + 1e-9 and set(y[held]) == set(y)


@pytest.mark.parametrize("by", ["hash", "time"])
def test_few_groups_still_give_a_fifth_with_every_class(by: str) -> None:
    good = 0
    for seed in range(DRAWS):
        keys, y = drawn(seed)
        time = np.random.default_rng(seed).permutation(len(y))
        kept, held = (
            assign_test(keys_of(keys), y, 0.2, seed, True)
            if by == "hash"
            else assign_newest(keys_of(keys), y, time, 0.2)
        )
        assert not set(keys[kept]) & set(keys[held])
        good += is_right(y, held)
    assert good >= 0.95 * DRAWS


@pytest.mark.parametrize(("n_groups", "n_classes", "least"), [(18, 2, 3), (30, 2, 3), (60, 4, 2)])
def test_classes_with_many_groups_are_tested_by_several(
    n_groups: int, n_classes: int, least: int
) -> None:
    """Machines of one class each: few test by chance, and right answers to them show nothing."""
    groups = np.repeat(np.arange(n_groups), 8)
    y = groups % n_classes
    for seed in range(DRAWS):
        keys = np.char.add(f"{seed} ", groups.astype(str))
        _, held = assign_test(keys_of(keys), y, 0.2, 0, True)
        tested = [len(set(groups[held][y[held] == code])) for code in range(n_classes)]
        assert min(tested) >= least
        assert len(held) / len(groups) <= max(0.25, least * n_classes / n_groups)


@settings(max_examples=25)
@given(
    rows=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 3)), min_size=12, max_size=80),
    fraction=st.sampled_from([0.1, 0.2, 0.5]),
    seed=st.integers(0, 99),
)
def test_no_key_is_cut_and_two_of_every_class_train(
    rows: list[tuple[int, int]], fraction: float, seed: int
) -> None:
    groups, y = np.array(rows).T
    y = np.unique(y, return_inverse=True)[1]
    kept, held = assign_test(keys_of(groups.astype(str)), y, fraction, seed, True)
    assert sorted([*kept, *held]) == list(range(len(rows)))
    assert not set(groups[kept]) & set(groups[held])
    for code in set(y):
        keys = set(groups[y == code])
        assert len(keys & set(groups[kept])) >= min(2, len(keys))


def test_a_class_of_a_single_key_trains_where_two_others_want_to_test_by_that_key() -> None:
    rows = [(0, 0)] * 6 + [(0, 1), (0, 2), (3, 0), (4, 2), (6, 0), (7, 2)]
    groups, y = np.array(rows).T
    kept, held = assign_test(keys_of(groups.astype(str)), y, 0.5, 0, True)
    assert set(y[kept]) == {0, 1, 2}
    assert set(y[held]) == {0, 2}


def test_a_split_that_is_right_stays_as_it_is() -> None:
    rng = np.random.default_rng(0)
    keys, y = np.array([f"g{i // 3}" for i in range(3000)]), rng.integers(0, 3, 3000)
    plain, moved = (assign_test(keys_of(keys), y, 0.2, 0, is_moved)[1].tolist()
                    for is_moved in (False, True))  # fmt: skip
    assert is_right(y, np.array(plain))
    assert moved == plain


def test_many_series_of_classes_that_are_old_leave_the_newest_to_test() -> None:
    y = np.repeat([0, 1, 2, 3], 500)
    _, held = assign_newest(keys_of(np.arange(2000).astype(str)), y, np.arange(2000), 0.2)
    assert np.bincount(y[held]).tolist() == [1, 1, 1, 400]


def test_a_class_that_is_old_is_tested_by_its_newest_series() -> None:
    y = np.array([1] * 10 + [0] * 90)
    _, held = assign_newest(keys_of(np.arange(100).astype(str)), y, np.arange(100), 0.2)
    assert held.tolist() == [9, *range(80, 100)]


def test_only_groups_are_moved(root: Root) -> None:
    keys, y = drawn(3)
    labels = [f"c{code}" for code in y]
    stored = store_series(root, n=300, label=labels, group=pa.array(keys))
    tests = [select_rows(stored, TrainingSpec()).test.tolist()]
    tests += [assign_test(keys_of(np.char.add("group ", keys)), y, 0.2, 0, is_moved)[1].tolist()
              for is_moved in (False, True)]  # fmt: skip
    assert tests[0] != tests[1]
    assert tests[0] == tests[2]
    bare = store_series(root, "bare", n=20)
    ids = np.array(bare.labels()["series_id"].to_pylist())
    plain = assign_test(keys_of(ids), np.arange(20) % 2, 0.2, 0)[1].tolist()
    assert select_rows(bare, TrainingSpec()).test.tolist() == plain


@pytest.mark.parametrize("rare", [1, 2])
def test_all_series_of_a_class_with_one_or_two_train(root: Root, rare: int) -> None:
    stored = store_series(root, n=30, label=["a"] * (30 - rare) + ["b"] * rare)
    split = select_rows(stored, TrainingSpec())
    assert split.classes == ["a", "b"]
    assert {*range(30 - rare, 30)} <= {*split.train.tolist()}
    assert len(split.test) > 0
    [amiss] = describe_split(stored, split, TrainingSpec())["amiss"]
    assert "class 'b' has no test row" in amiss


def test_what_a_split_has_reached_is_told(root: Root) -> None:
    groups = ["big"] * 150 + [f"g{i % 3}" for i in range(150)]
    stored = store_series(root, n=300, group=groups)
    split = select_rows(stored, TrainingSpec(test_fraction=0.4))
    described = describe_split(stored, split, TrainingSpec(test_fraction=0.4))
    assert abs(described["share"] - 0.4) <= tolerance(0.4)
    assert described["amiss"] == []
    low = describe_split(stored, split, TrainingSpec(test_fraction=0.1))
    assert "instead of 10%; add groups, or smaller ones, or name" in low["amiss"][0]
    bare = store_series(root, "bare", n=300)
    split = select_rows(bare, TrainingSpec(test_fraction=0.4))
    low = describe_split(bare, split, TrainingSpec(test_fraction=0.1))
    assert "instead of 10%; add series, or name a --test split" in low["amiss"][0]
    assert json.dumps(described)
