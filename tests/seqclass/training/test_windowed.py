"""Training on rows that are too many to be held at once."""

from dataclasses import replace

import numpy as np
import pytest

from seqclass.evaluation.contribution import LSTM
from seqclass.networks.classifier import NetworkBuilder, ViewsBuilder
from seqclass.networks.outputs import predict_all
from seqclass.networks.scaling import fit_scaling
from seqclass.training.fitting import FitConfig, Learner, fit
from seqclass.training.learnt_rows import Rows
from seqclass.training.recipe import Recipe
from seqclass.training.replica import TrainingRows, train_replica
from seqclass.training.spec import Member, TrainingSpec
from tests.support.networks import SMALL, WINDOW, lines, quiet, windowed


def test_windows_hold_the_series_and_codes_that_their_order_names() -> None:
    rows, read = lines(20_000), list[np.ndarray]()
    source = windowed(rows, read)
    seen = list[np.ndarray]()
    for window, order in source.windows(4):
        assert len(window) <= WINDOW
        assert (np.diff(read[-1]) > 0).all()
        np.testing.assert_array_equal(window.x, rows.x[read[-1]])
        np.testing.assert_array_equal(window.y, rows.y[read[-1]])
        seen.append(read[-1][order])
        if sum(map(len, seen)) == len(rows):
            break
    assert sorted(np.concatenate(seen).tolist()) == list(range(len(rows)))


def test_rows_that_fit_into_one_window_are_read_once_and_learnt_from_as_those_in_memory() -> None:
    """They are fewer than 50 updates take, so that no single pass over them fills a chunk."""
    rows, read = lines(20_000), list[np.ndarray]()
    numbers = np.arange(0, len(rows), 20)
    inside = rows.take(numbers)

    def values(numbers_read: np.ndarray) -> np.ndarray:
        read.append(numbers_read)
        assert len(read) == 1, "read again"
        return rows.x[numbers_read]

    few = replace(windowed(rows, []), read=values, rows=numbers)
    views = ViewsBuilder(fit_scaling(inside.x))
    learner = Learner(NetworkBuilder(2, views().output_shape[-1] - 1, 1, SMALL), views)
    config = FitConfig(Recipe(updates=100, epochs=0, solved=0.0), 0, quiet)
    read_once, held = (fit(learner, source, rows.x[:5], config) for source in (few, inside))
    np.testing.assert_array_equal(read_once.losses, held.losses)


@pytest.mark.parametrize("grouped", [False, True])
def test_what_is_held_back_is_not_learnt_from(grouped: bool) -> None:
    rows = lines(20_000)
    groups = np.arange(len(rows)) // 10 if grouped else None
    source = windowed(rows, [], groups)
    held = np.array([0, 5, 17])
    numbers = source.sample[held]
    left = source.without(held)
    gone = np.isin(groups, groups[numbers]) if groups is not None else np.isin(source.rows, numbers)
    np.testing.assert_array_equal(left.rows, np.flatnonzero(~gone))
    assert len(left) == len(rows) - (30 if grouped else 3)


def test_an_lstm_learns_from_windows_and_all_else_from_a_sample() -> None:
    rows, read = lines(20_000), list[np.ndarray]()
    source = windowed(rows, read)
    recipe = Recipe(updates=150, epochs=0, longest=150, solved=0.0)
    members: tuple[Member, ...] = ("convolutions", LSTM)
    spec = TrainingSpec(members=members, recipe=recipe, window=WINDOW)
    sample = Rows(rows.x[source.sample], rows.y[source.sample])
    made = train_replica(TrainingRows(sample, 2, many=source), spec, 0, quiet)
    learnt = np.unique(np.concatenate(read))
    assert 2 * WINDOW >= len(learnt) > WINDOW
    assert np.isin(made.references, source.sample).all()
    answers = predict_all(made.classifier, rows.x[:500])["probabilities"].argmax(axis=1)
    assert (answers == rows.y[:500]).mean() > 0.9


def test_a_window_holds_two_chunks_of_the_largest_batches() -> None:
    with pytest.raises(ValueError, match="window: expected at least"):
        replace(TrainingSpec(), window=10)
    with pytest.raises(ValueError, match="with batches of up to 128"):
        replace(TrainingSpec(), window=WINDOW, recipe=Recipe(largest_batch=128))
    with pytest.raises(ValueError, match="with batches of up to 200"):
        replace(TrainingSpec(), window=WINDOW, recipe=Recipe(smallest_batch=200))
