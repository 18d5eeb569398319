"""The order of training rows: that of all at once where they fit, windows of mixed groups else."""

from itertools import islice

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.training.row_order import (
    FEWEST_OF_CLASS,
    MIXED_GROUPS,
    SAMPLE_SHARE,
    order,
    sampled,
    windows,
)
from tests.support.networks import lines

SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=60).filter(any)


def test_rows_in_memory_are_learnt_from_in_one_permutation_an_epoch() -> None:
    rows, rng = lines(50), np.random.Generator(np.random.Philox(3))
    for window, permutation in islice(rows.windows(3), 5):
        assert window is rows
        np.testing.assert_array_equal(permutation, rng.permutation(50))


@settings(max_examples=25)
@given(sizes=SIZES, seed=st.integers(0, 2**31 - 1), epoch=st.integers(0, 99),
       window=st.integers(1, 300))  # fmt: skip
def test_an_epoch_has_every_row_once(sizes: list[int], seed: int, epoch: int, window: int) -> None:
    parts = list(order(sizes, seed, epoch, window))
    assert all(len(rows) <= max(window, 1) or len(parts) == 1 for rows in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(sum(sizes)))
    again = list(order(sizes, seed, epoch, window))
    assert [rows.tolist() for rows in again] == [rows.tolist() for rows in parts]


def test_epoch_and_window_say_where_a_training_is() -> None:
    sizes, whole = [10] * 40, windows([10] * 40, 5, 100)
    for epoch in range(3):
        for rows in order(sizes, 5, epoch, 100):
            np.testing.assert_array_equal(next(whole), rows)


def test_a_file_sorted_by_class_is_mixed() -> None:
    group = np.repeat(np.arange(3 * MIXED_GROUPS), 100)
    first = next(order([100] * 3 * MIXED_GROUPS, 0, 0, 1000))
    assert len(np.unique(group[first])) == MIXED_GROUPS
    is_late = group[first] >= 3 * MIXED_GROUPS // 2
    assert 0.25 < is_late.mean() < 0.75


def test_a_sample_stands_for_all_and_keeps_rare_classes() -> None:
    y = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [40_000, 20_000, 50, 7]))
    assert sampled(y, None, 0) is None
    assert sampled(y, len(y), 0) is None
    rows = sampled(y, 10_000, 0)
    assert rows is not None
    assert (np.diff(rows) > 0).all()
    counts = np.bincount(y[rows])
    assert abs(len(rows) - 10_000 / SAMPLE_SHARE) <= FEWEST_OF_CLASS + 7
    assert counts[2] >= FEWEST_OF_CLASS
    assert counts[3] == 7
    assert 0.6 < counts[0] / len(rows) < 0.72
