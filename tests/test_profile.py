"""Series whose steps mean the same: a scale for each step, and networks that see all steps."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from test_classifier import QUICK, SMALL, gappy, lines, quiet

from tasks.learning.classifier import Blueprint, weights_by_network
from tasks.learning.dense import DEPTH, MOST_INPUTS, build_dense
from tasks.learning.fitting import Fit, Rows, predict_logits
from tasks.learning.layers import series_features
from tasks.learning.scaling import (
    NARROWEST,
    Profile,
    Scaling,
    explained,
    fit_profile,
    fit_scaling,
)
from tasks.learning.spec import Recipe, TrainingSpec
from tasks.learning.training import Replica, Way, preferred, ranked, train_replica, ways

UNITS = 16


def daily(n: int = 200, steps: int = 30) -> np.ndarray:
    """Series ``(n, steps, 1)`` of one course, with little noise where it is high."""
    rng = np.random.default_rng(4)
    course, noise = np.sin(np.linspace(0, 3, steps)), np.linspace(2, 0.1, steps)
    x = 100 + 50 * course + noise * rng.normal(0, 1, (n, steps))
    return x[..., None].astype(np.float32)


def far_apart(n: int) -> Rows:
    """Noise; which of two steps far from each other is the higher is all that tells."""
    x = np.random.default_rng(5).normal(0, 1, (n, 12, 1)).astype(np.float32)
    return Rows(x, (x[:, 2, 0] > x[:, 9, 0]).astype(np.int32))


@pytest.fixture
def dense() -> keras.Model:
    x = gappy(n=30, steps=160)
    scaling = fit_scaling(x)
    return build_dense(3, scaling, fit_profile(x, 50, scaling), UNITS, seed=0)


def test_each_step_has_the_mean_and_spread_of_its_rows() -> None:
    x = daily()
    found = fit_profile(x, 20, fit_scaling(x))
    np.testing.assert_allclose(found.center, x[:, :20].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.scale, x[:, :20].std(axis=0), rtol=1e-4)


def test_a_step_of_few_rows_or_of_no_spread_falls_back_on_the_channel() -> None:
    x, scaling = np.zeros((12, 4, 1), np.float32), Scaling((7.0,), (2.0,))
    x[:3, 0] = x[:, 3] = np.nan
    x[:2, 1] = np.nan
    found = fit_profile(x, 4, scaling)
    assert found.center == ((7.0,), (0.0,), (0.0,), (7.0,))
    assert found.scale == ((2.0,), (2 * NARROWEST,), (2 * NARROWEST,), (2.0,))


def test_the_smallest_unit_keeps_scales_that_float32_can_divide_by() -> None:
    x = np.full((12, 3, 1), 1.0, np.float32)
    found = fit_profile(x, 3, Scaling((0.0,), (2e-38,)))
    assert np.isfinite(1 / np.array(found.scale, np.float32)).all()


def test_a_sixth_feature_is_the_value_on_the_scale_of_its_step() -> None:
    x = daily(6)
    x[1, 4], x[2, 20:] = np.nan, np.nan
    scaling, profile = fit_scaling(x), Profile(((90.0,),) * 20, ((4.0,),) * 20)
    raw = keras.Input((None, 1))
    plain = np.array(keras.Model(raw, series_features(raw, scaling)[0])(x))
    found = np.array(keras.Model(raw, series_features(raw, scaling, profile=profile)[0])(x))
    np.testing.assert_array_equal(found[..., :5], plain)
    middle, spread = np.full((30, 1), scaling.center), np.full((30, 1), scaling.scale)
    middle[:20], spread[:20] = 90, 4
    wanted = np.nan_to_num(np.arcsinh((x - middle) / spread))
    np.testing.assert_allclose(found[..., 5:], wanted, atol=1e-5)


@pytest.mark.parametrize("by_step", [False, True])
def test_answers_depend_on_neither_padding_nor_company_nor_unit(by_step: bool) -> None:
    x = gappy(n=12, steps=60)
    answers = []
    for factor in (1.0, 1024.0):
        given = x * np.float32(factor)
        scaling = fit_scaling(given)
        profile = fit_profile(given, 30, scaling)
        build = Blueprint(3, scaling, 3, SMALL, profile=profile, dense=not by_step)
        network = build(0)
        answers.append(predict_logits(network, given))
        padded = np.pad(given, ((0, 0), (0, 33), (0, 0)), constant_values=np.nan)
        answers.append(predict_logits(network, padded))
        answers.append(np.concatenate([predict_logits(network, row[None]) for row in given[:3]]))
    for other in answers[1:]:
        np.testing.assert_allclose(other, answers[0][: len(other)], atol=2e-4)


def test_a_dense_network_takes_any_length_and_any_value(dense: keras.Model) -> None:
    x = gappy(n=2, steps=160)
    earlier = x.copy()
    earlier[0, 40] += 5
    for steps in (1, 2, 49, 50, 51):
        assert np.isfinite(predict_logits(dense, x[:, :steps])).all()
    assert np.abs(predict_logits(dense, earlier) - predict_logits(dense, x)).max() > 1e-4
    for value in (np.nan, 1e30, -1e30, 1e-30, 0.0):
        assert np.isfinite(predict_logits(dense, np.full((2, 7, 2), value, np.float32))).all()


def test_a_wide_series_is_averaged_before_a_dense_network() -> None:
    scaling = Scaling((0.0,) * 40, (1.0,) * 40)
    profile = Profile(((0.0,) * 40,) * 100, ((1.0,) * 40,) * 100)
    network = build_dense(2, scaling, profile, UNITS, seed=0)
    kernels = [w.shape for w in network.get_weights() if w.ndim == 2][1:]
    assert MOST_INPUTS / 2 < kernels[0][0] <= MOST_INPUTS
    assert len(kernels) == DEPTH + 1


def test_dense_networks_are_saved_as_they_are(dense: keras.Model, tmp_path: Path) -> None:
    x = gappy(n=6, steps=160)
    dense.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_array_equal(predict_logits(loaded, x), predict_logits(dense, x))


def test_ways_are_tried_where_held_back_rows_can_choose() -> None:
    recipe = Recipe()
    both = [Way(0.5), Way(0.0)]
    assert ways(recipe, several=True, aligned=True) == [*both, Way(0.5, by_step=True)]
    assert ways(recipe, several=True, aligned=False) == both
    assert ways(recipe, several=False, aligned=False) == [Way(0.0)]
    never = replace(recipe, change_dropout=0.0)
    assert ways(never, several=True, aligned=True) == [Way(0.0), Way(0.0, by_step=True)]


def test_a_common_course_explains_what_it_does_and_noise_nothing() -> None:
    x, noise = daily(400), np.random.default_rng(0).normal(0, 1, (400, 30, 2))
    both = np.concatenate([x, noise.astype(np.float32), np.ones_like(x)], axis=-1)
    both[::3, 10:] = np.nan
    scaling = fit_scaling(both)
    found = explained(both, fit_profile(both, 30, scaling))
    level = x[..., 0].mean(axis=0)
    assert found[0] == pytest.approx(1 - (x[..., 0] - level).var() / x.var(), abs=0.02)
    assert (found[1:3] < 0.02).all()
    assert found[3] == 0


def test_the_lowest_of_the_clearly_better_ways_is_taken() -> None:
    losses = np.random.default_rng(0).exponential(1, 50)
    first, second, third = Way(0.5), Way(0.0), Way(0.5, by_step=True)
    assert preferred({first: losses, second: losses - 0.1, third: losses - 0.2}, None) == third
    assert preferred({first: losses, second: losses - 0.2, third: losses - 0.1}, None) == second
    assert preferred({first: losses, second: losses, third: losses}, None) == first


def test_of_ways_that_drop_as_much_the_lower_is_taken_and_not_dropping_must_be_clear() -> None:
    losses = np.random.default_rng(0).exponential(1, 50)
    barely = losses - np.where(np.arange(50) == 7, 5.0, 0.0)
    dropping, plain, by_step = Way(0.5), Way(0.0), Way(0.5, by_step=True)

    def taken(*, dropped: np.ndarray, none: np.ndarray, scaled: np.ndarray) -> Way:
        return preferred(ranked({dropping: dropped, plain: none, by_step: scaled}), None)

    assert taken(dropped=losses, none=losses, scaled=barely) == by_step
    assert taken(dropped=losses, none=barely, scaled=losses) == dropping
    assert taken(dropped=losses, none=losses, scaled=losses) == dropping
    assert taken(dropped=losses, none=losses - 0.1, scaled=losses + 0.1) == plain
    assert taken(dropped=losses, none=losses - 0.1, scaled=losses - 0.1) == by_step


def test_a_scale_for_each_step_is_taken_where_it_tells() -> None:
    x = daily(80, steps=20)
    y = (np.arange(80) % 2).astype(np.int32)
    x[y == 1, -6:] += 0.3
    recipe = replace(QUICK, updates=100, warm_up=20)
    small = replace(SMALL, filters=4, units=4)
    spec = TrainingSpec(recipe=recipe, architecture=small, validation_fraction=0.5)
    made = train_replica(Rows(x, y), None, 2, spec, 0, quiet)
    assert made.way.by_step
    assert made.tried[made.way] == min(made.tried.values())
    assert made.opinion is None
    tables = [w for w in made.classifier.get_weights() if w.shape == (21, 2)]
    assert len(tables) == 5


def trained(n_rows: int, updates: int) -> Replica:
    recipe = replace(QUICK, updates=updates, change_rows=0)
    architecture = replace(SMALL, filters=4, units=4, longest_recurrence=4, dense=UNITS)
    spec = TrainingSpec(recipe=recipe, architecture=architecture)
    return train_replica(far_apart(n_rows), None, 2, spec, 0, quiet)


def has_layers(one: Fit, kind: type[keras.Layer]) -> bool:
    return any(isinstance(layer, kind) for layer in one.network.layers)


def test_dense_networks_answer_where_rows_held_back_speak_for_them() -> None:
    made = trained(200, updates=100)
    assert made.opinion is not None
    assert made.opinion.taken
    assert made.opinion.together < made.opinion.alone == made.tried[Way(0.0)]
    fresh = far_apart(1200).take(np.arange(200, 1200))
    logits = np.array([one.network(fresh.x) for one in made.fits])
    recurrent = [has_layers(one, keras.layers.Bidirectional) for one in made.fits]
    assert (len(recurrent), sum(recurrent)) == (20, 10)
    found = np.array(made.classifier(fresh.x))
    mean = logits.mean(axis=0)
    wanted = np.exp(mean) / np.exp(mean).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    alone = logits[recurrent].mean(axis=0)
    assert (found.argmax(axis=1) == fresh.y).mean() > (alone.argmax(axis=1) == fresh.y).mean()


@pytest.mark.slow
def test_dense_networks_that_add_nothing_do_not_answer() -> None:
    easy = lines(60)
    recipe = replace(QUICK, updates=50, shortest=50, change_rows=0, solved=1e-9)
    architecture = replace(SMALL, filters=4, units=4, dense=UNITS)
    noise = Rows(easy.x, np.random.default_rng(0).permutation(easy.y))
    spec = TrainingSpec(recipe=recipe, architecture=architecture)
    made = train_replica(noise, None, 2, spec, 0, quiet)
    assert made.opinion is not None
    assert not made.opinion.taken
    assert len(made.fits) == 15
    members = weights_by_network(made.classifier)
    assert len(members) == 10
    none = replace(spec, architecture=replace(architecture, dense=0))
    alone = train_replica(noise, None, 2, none, 0, quiet)
    assert alone.opinion is None
    for one, other in zip(
        made.classifier.get_weights(), alone.classifier.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)
