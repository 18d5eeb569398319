"""How long a network is trained, with what, and how many networks a replica has."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from test_classifier import QUICK, SMALL, fit_lines, lines, quiet

from tasks.learning.classifier import build_network
from tasks.learning.fitting import Rows, fit, predict_logits
from tasks.learning.scaling import fit_scaling
from tasks.learning.spec import Recipe, TrainingSpec
from tasks.learning.training import Way, held_back_parts, preferred, train_replica


def test_a_solved_task_stops_early_and_a_fixed_length_is_kept() -> None:
    run = fit_lines(lines(), recipe=Recipe(updates=1000, shortest=100))
    assert run.history[-1].update < 500
    assert run.restarts == 0
    scaling = fit_scaling(lines().x)
    fixed = fit(
        lambda s: build_network(2, scaling, 1, SMALL, s),
        lines(),
        None,
        QUICK,
        0,
        quiet,
        updates=150,
    )
    assert [p.update for p in fixed.history] == [50, 100, 150]


def test_what_is_solved_on_held_back_rows_too_stops_at_half_the_shortest() -> None:
    rows = lines(300)
    recipe = Recipe(updates=1000, shortest=400, solved=0.1)
    assert fit_lines(rows, lines(), recipe).history[-1].update == 200
    assert fit_lines(rows, None, recipe).history[-1].update == 400


def test_noise_is_begun_again_and_counted() -> None:
    rng = np.random.default_rng(0)
    noise = Rows(rng.normal(0, 1, (640, 20, 1)).astype(np.float32), rng.integers(0, 3, 640))
    run = fit_lines(noise, recipe=Recipe(updates=100, epochs=1, verdict=50, restarts=2))
    assert run.restarts == 2
    assert run.history[-1].update == 100


def test_an_exploding_loss_ends_finite() -> None:
    run = fit_lines(lines(), recipe=Recipe(updates=100, epochs=1, learning_rate=1e30, restarts=1))
    assert run.restarts == 1
    assert np.isnan(run.history[-1].training_loss)
    assert all(np.isfinite(w).all() for w in run.network.get_weights())


def test_validation_decides_what_is_kept() -> None:
    rows = lines(200)
    held = Rows(rows.x, 1 - rows.y)
    run = fit_lines(rows, held, Recipe(updates=400, epochs=1, shortest=300, patience=100))
    losses = {p.update: p.validation_loss for p in run.history}
    assert run.updates == min(losses, key=losses.__getitem__)


@pytest.mark.parametrize(("few_rows", "last"), [(199, 100), (200, 300)])
def test_a_network_of_few_rows_goes_on_though_its_validation_loss_rises(
    few_rows: int, last: int
) -> None:
    rows = lines(200)
    held = Rows(rows.x, 1 - rows.y)
    recipe = Recipe(
        updates=300, epochs=1, shortest=100, patience=50, solved=0, better=9, few_rows=few_rows
    )
    assert fit_lines(rows, held, recipe).history[-1].update == last


def test_weight_decay_holds_kernels_small_and_less_so_the_more_rows_there_are() -> None:
    recipe = Recipe(updates=300, epochs=1, solved=0, weight_decay=5, few_rows=200)
    sizes = []
    for changed in (recipe, replace(recipe, few_rows=20), replace(recipe, weight_decay=0)):
        head = fit_lines(lines(200), recipe=changed).network.get_layer("logits")
        sizes.append(float(np.square(head.kernel.numpy()).sum()))
    assert sizes[0] < sizes[1] < sizes[2]
    assert [Recipe().decay(n) for n in (30, 1000, 4000)] == [0.1, 0.1, 0.025]


def repeats(n: int) -> Rows:
    """Noise; in every second series four steps are as the one before, which is all that tells."""
    rng = np.random.default_rng(3)
    y = (np.arange(n) % 2).astype(np.int32)
    x = rng.normal(0, 1, (n, 40))
    x[1::2, 7::8] = x[1::2, 6::8]
    return Rows(x[..., None].astype(np.float32), y)


def test_a_set_of_few_rows_is_trained_with_and_without_all_changes() -> None:
    recipe, only = replace(QUICK, updates=100, change_rows=61), replace(SMALL, units=4, dense=0)
    spec = TrainingSpec(recipe=recipe, architecture=only, validation_fraction=0.5)
    made = train_replica(repeats(60), None, 2, spec, 0, quiet)
    assert made.way == Way(0.0)
    assert [*made.tried] == [Way(0.5), Way(0.0)]
    never = replace(spec, recipe=replace(recipe, change_dropout=0.0))
    alone = train_replica(repeats(60), None, 2, never, 0, quiet)
    np.testing.assert_array_equal(alone.validation_logits, made.validation_logits)
    brief = replace(spec, recipe=replace(recipe, updates=20))
    assert train_replica(repeats(61), None, 2, brief, 0, quiet).tried.keys() == {Way(0.0)}


def test_what_is_solved_the_first_way_is_not_trained_the_second() -> None:
    easy = replace(QUICK, solved=0.5)
    made = train_replica(
        lines(40), None, 2, TrainingSpec(recipe=easy, architecture=SMALL), 0, quiet
    )
    assert made.tried.keys() == {Way(0.5)}
    kinds = [type(layer) for one in made.fits for layer in one.network.layers]
    assert kinds.count(keras.layers.SpatialDropout1D) == 10


def test_the_second_way_is_taken_where_it_is_clearly_better_alone() -> None:
    dropping, plain = Way(0.5), Way(0.0)
    losses = np.random.default_rng(0).exponential(1, 50)
    groups = np.repeat([0, 1], 25)
    noisy = losses - np.where(np.arange(50) == 7, 5.0, 0.0)
    one_sided = losses + np.where(groups == 0, -0.3, 0.05)
    assert preferred({plain: losses}, None) == plain
    for other, grouped in (
        (losses, None),
        (losses + 0.1, None),
        (noisy, None),
        (one_sided, groups),
    ):
        assert preferred({dropping: losses, plain: other}, grouped) == dropping
    for other in (losses - 0.1, one_sided):
        assert preferred({dropping: losses, plain: other}, None) == plain


@pytest.mark.parametrize("trusted", [60, 61])
def test_networks_of_all_rows_run_as_long_as_trusted_rows_advise(trusted: int) -> None:
    noise = Rows(lines(120).x, np.random.default_rng(0).permutation(lines(120).y))
    recipe = replace(QUICK, solved=0, trusted_validation=trusted, change_dropout=0)
    spec = TrainingSpec(recipe=recipe, architecture=SMALL, validation_fraction=0.5)
    fits = train_replica(noise, None, 2, spec, 0, quiet).fits
    advised = min(one.updates for one in fits[:2])
    assert {one.updates for one in fits[2:]} == {advised}
    assert (advised < 200) == (trusted == 60)


def test_networks_of_all_rows_learn_where_any_number_of_rows_is_trusted() -> None:
    recipe = replace(QUICK, trusted_validation=0, change_dropout=0)
    spec = TrainingSpec(recipe=recipe, architecture=SMALL, validation_fraction=0.5)
    made = train_replica(lines(120), None, 2, spec, 0, quiet)
    assert all(one.updates >= 50 for one in made.fits)
    fresh = lines(240).take(np.arange(120, 240))
    answers = predict_logits(made.classifier, fresh.x).argmax(axis=1)
    assert (answers == fresh.y).mean() > 0.95


@pytest.mark.parametrize(("solved", "networks"), [(9.0, 1), (0.0, 3)])
def test_a_set_that_one_network_solves_gets_no_others(solved: float, networks: int) -> None:
    recipe = replace(QUICK, updates=50, solved=solved)
    spec = TrainingSpec(recipe=recipe, architecture=SMALL)
    made = train_replica(lines(1000), None, 2, spec, 0, quiet)
    assert len(made.fits) == networks
    assert made.validation_logits.shape == (100 * networks, 2)


@pytest.mark.parametrize(
    ("n_rows", "n_parts", "n_held"),
    [
        (99, 5, 99),
        (249, 5, 249),
        (250, 5, 125),
        (999, 5, 500),
        (1000, 3, 300),
        (2000, 1, 400),
    ],
)
def test_the_fewer_rows_the_more_networks_hold_some_back(
    n_rows: int, n_parts: int, n_held: int
) -> None:
    parts = held_back_parts(lines(n_rows).y, None, TrainingSpec(refit_below=2000))
    held = np.concatenate([rows for _, rows in parts])
    assert (len(parts), len(held), len(set(held))) == (n_parts, n_held, n_held)
    assert all(len(kept) + len(own) == n_rows for kept, own in parts)
