"""Fits to parts of many rows: what they learn from, and that they cost little."""

from dataclasses import replace

import numpy as np

from seqclass.training.learnt_rows import Rows
from seqclass.training.part_fits import part_losses
from seqclass.training.recipe import Recipe
from seqclass.training.replica import TrainingRows
from seqclass.training.row_order import PARTS, part_of
from seqclass.training.spec import TrainingSpec
from tests.support.networks import SMALL, WINDOW, lines, quiet, windowed

SPEC = TrainingSpec(
    recipe=Recipe(updates=100, epochs=2, shortest=50), architecture=SMALL, window=WINDOW
)


def test_the_larger_part_holds_the_smaller_and_some_of_each_class() -> None:
    y = np.repeat([0, 1, 2], [20_000, 9_990, 10]).astype(np.int32)
    smaller, larger = (part_of(y, part, 3) for part in PARTS)
    assert np.isin(smaller, larger).all()
    assert np.bincount(y[smaller])[2] == 10
    assert 3000 <= len(smaller) <= 3010
    assert 10_000 <= len(larger) <= 10_010


def test_rows_of_a_part_alone_are_learnt_from_the_same_way_each_time() -> None:
    rows = lines(9_000)
    whole = TrainingRows(rows, 2)
    found = part_losses(whole, replace(SPEC, window=None), 0, quiet)
    assert found is not None
    fewer, more = found
    assert fewer.shape == more.shape == (1800,)
    assert more.mean() < 0.1
    again = part_losses(whole, replace(SPEC, window=None), 0, quiet)
    np.testing.assert_array_equal(found, again)


def test_windows_are_read_of_the_parts_alone() -> None:
    rows, read = lines(40_000), list[np.ndarray]()
    source = windowed(rows, read)
    sample = Rows(rows.x[source.sample], rows.y[source.sample])
    limits = set[int]()
    whole = TrainingRows(sample, 2, many=source)
    found = part_losses(whole, SPEC, 0, lambda *told: limits.add(told[2]))
    assert found is not None
    learnt = np.unique(np.concatenate(read))
    assert np.isin(learnt, part_of(rows.y, PARTS[-1], SPEC.split_seed)).all()
    most = SPEC.recipe.update_limit(WINDOW)
    assert sum(limits) <= max(2 * SPEC.recipe.updates, most // 4) + 100


def test_a_budget_that_does_not_suffice_leaves_no_curve() -> None:
    brief = replace(SPEC, window=None, budget_s=1e-3)
    assert part_losses(TrainingRows(lines(3000), 2), brief, 0, quiet) is None
