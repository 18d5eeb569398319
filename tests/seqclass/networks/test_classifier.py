"""The network: what it may not depend on, and that it learns."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from seqclass.evaluation.metrics import Truth, seed_scores
from seqclass.evaluation.rule_choice import rule_for
from seqclass.networks.architecture import KINDS, Kind
from seqclass.networks.classifier import (
    NetworkBuilder,
    ViewsBuilder,
    average_classifiers,
    pooling_factor,
    probabilities_of,
    weights_by_network,
)
from seqclass.networks.layers import pool_steps
from seqclass.networks.outputs import (
    predict_all,
)
from seqclass.networks.scaling import Scaling, fit_scaling
from seqclass.pipeline.replicas import weights_digest
from seqclass.training.learnt_rows import Rows
from seqclass.training.members import add_to_bias, load_matching_weights, usual_steps
from seqclass.training.recipe import Recipe
from seqclass.training.replica import TrainingRows, train_replica
from tests.support.networks import (
    ONE_NETWORK,
    PLAIN,
    QUICK,
    SMALL,
    answers_alone,
    build_network,
    classifier_of,
    compiled,
    fit_lines,
    lines,
    quiet,
    softmax,
)
from tests.support.series import gappy


@pytest.fixture(scope="module", params=KINDS)
def network(request: pytest.FixtureRequest) -> keras.Model:
    scaling = Scaling((0.5, -1.0), (2.0, 0.1))
    return build_network(3, scaling, 3, replace(SMALL, kind=request.param), seed=0)


@pytest.fixture(scope="module")
def answer(network: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    return compiled(network)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_kernels_begin_alike_within_or_between_seeds(kind: Kind) -> None:
    build = NetworkBuilder(3, 6, 1, replace(SMALL, kind=kind))
    weights = [w for seed in range(4) for w in build(seed).get_weights()]
    seen = [w.tobytes() for w in weights if w.ndim > 1]
    assert len(set(seen)) == len(seen) > 8


def test_networks_of_one_seed_are_equal_and_of_equal_builders_too() -> None:
    first, second = (NetworkBuilder(3, 6, 2, replace(SMALL)) for _ in range(2))
    assert first == second
    assert weights_digest(first(5).get_weights()) == weights_digest(second(5).get_weights())


def test_padding_does_not_change_an_answer(answer: Callable) -> None:
    x = gappy()
    for extra in (1, 2, 7, 50):
        padding = np.full((len(x), extra, 2), np.nan, np.float32)
        padded = answer(np.concatenate([x, padding], axis=1))
        np.testing.assert_allclose(padded, answer(x), atol=1e-5)


def test_company_in_a_batch_does_not_change_an_answer(answer: Callable) -> None:
    x = gappy()
    together = answer(x)
    alone = np.concatenate([answer(row[None]) for row in x])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_a_missing_value_is_not_a_zero(answer: Callable) -> None:
    x = gappy(n=1)
    holed = x.copy()
    holed[0, 10] = np.nan
    assert np.abs(answer(holed) - answer(x)).max() > 1e-4


@pytest.mark.parametrize("value", [np.nan, 0.0, 1e30, -1e30, 1e-30])
def test_any_finite_or_missing_input_gives_a_finite_answer(answer: Callable, value: float) -> None:
    for steps in (1, 2, 3, 64):
        x = np.full((2, steps, 2), value, np.float32)
        assert np.isfinite(answer(x)).all()


def test_the_unit_of_a_channel_does_not_matter() -> None:
    x = gappy()
    answers = []
    for factor in (1.0, 1024.0):
        scaling = fit_scaling(x * np.float32(factor))
        network = build_network(2, scaling, 1, SMALL, seed=0)
        answers.append(predict_all(network, x * np.float32(factor)))
    np.testing.assert_allclose(answers[1], answers[0], atol=1e-4)


def test_a_channel_of_the_largest_numbers_is_not_lost() -> None:
    x = 3e38 * np.sign(gappy(channels=1)).astype(np.float32)
    level = predict_all(ViewsBuilder(fit_scaling(x))(), x)[..., :1]
    assert level[x > 0].min() > level[x < 0].max()


@pytest.mark.parametrize(
    ("typical", "longest", "factor"),
    [(1, 1, 1), (64, 64, 1), (65, 65, 2), (500, 510, 8), (500, 4096, 8), (100, 10_000, 20)],
)
def test_long_series_are_pooled_to_the_longest_recurrence(
    typical: int, longest: int, factor: int
) -> None:
    assert pooling_factor(typical, longest, 64) == factor


def test_pooled_steps_are_means_of_the_steps_inside() -> None:
    x = np.array([[[1.0], [2.0], [6.0], [4.0], [8.0], [0.0], [0.0], [0.0]]], np.float32)
    inside = (x > 0).astype(np.float32)
    pooled, mask = pool_steps(x, inside, 3)
    np.testing.assert_array_equal(np.ravel(pooled), [3, 6, 0])
    np.testing.assert_array_equal(np.ravel(mask), [1, 1, 0])


def test_trailing_padding_does_not_count_as_length() -> None:
    x = np.full((3, 50, 1), 1.0, np.float32)
    x[:, 20:] = np.nan
    x[:, 5] = np.nan
    assert usual_steps(x) == (20, 20)
    x[0, 39] = 1.0
    assert usual_steps(x)[1] == 40


def test_a_small_net_overfits_a_handful_of_rows() -> None:
    rng = np.random.default_rng(3)
    rows = Rows(rng.normal(0, 1, (8, 20, 1)).astype(np.float32), np.arange(8, dtype=np.int32) % 3)
    run = fit_lines(rows, recipe=Recipe(updates=600, epochs=1, restarts=0))
    assert (run.held_back_logits.argmax(axis=1) == rows.y).all()


def replica(seed: int) -> str:
    recipe = replace(QUICK, updates=100, shortest=50)
    made = train_replica(
        TrainingRows(lines(40), 2), replace(ONE_NETWORK, recipe=recipe), seed, quiet
    )
    return weights_digest(made.classifier.get_weights())


def test_a_seed_gives_the_same_bits_whatever_ran_before() -> None:
    first = replica(1)
    assert replica(2) != first
    assert replica(1) == first


def test_a_classifier_keeps_its_answers_when_saved_and_tempered(
    network: keras.Model, tmp_path: Path
) -> None:
    x = gappy()
    classifier = classifier_of(network, temperature=2.0)
    expected = softmax(predict_all(network, x) / 2)
    answers = predict_all(classifier, x)
    np.testing.assert_allclose(answers, expected, atol=1e-6)
    classifier.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_array_equal(predict_all(loaded, x), answers)


def test_networks_begin_with_members_of_their_own_form() -> None:
    wide = replace(SMALL, units=9)
    members = [build_network(2, PLAIN, 1, (SMALL, wide)[seed % 2], seed) for seed in range(4)]
    averages = average_classifiers([classifier_of(weight) for weight in members], 1.5)
    weights = weights_by_network(averages)
    assert len(weights) == 4
    for arch, number, member in ((SMALL, 0, 0), (SMALL, 1, 2), (SMALL, 2, 0), (wide, 0, 1)):
        begun = NetworkBuilder(2, 5, 1, arch)(9)
        load_matching_weights(begun, weights, number)
        for weight, given in zip(begun.get_weights(), members[member].get_weights(), strict=True):
            np.testing.assert_array_equal(weight, given)


def test_a_form_that_no_member_has_begins_fresh() -> None:
    weights = weights_by_network(classifier_of(build_network(2, PLAIN, 1, SMALL, 0)))
    other = NetworkBuilder(2, 5, 1, replace(SMALL, units=9))
    begun = other(9)
    load_matching_weights(begun, weights, 0)
    assert weights_digest(begun.get_weights()) == weights_digest(other(9).get_weights())


@pytest.mark.system
def test_the_file_loads_with_nothing_of_this_project(tmp_path: Path) -> None:
    x, scaling = gappy(), Scaling((0.5, -1.0), (2.0, 0.1))
    models = {
        kind: classifier_of(build_network(3, scaling, 3, replace(SMALL, kind=kind), seed=0))
        for kind in KINDS
    }
    for kind, answers in answers_alone(tmp_path, x, models).items():
        np.testing.assert_allclose(answers["probabilities"].sum(axis=1), 1, atol=1e-5)
        expected = predict_all(models[kind], x)
        np.testing.assert_allclose(answers["probabilities"], expected, atol=1e-6)


def test_class_shares_are_inside_the_network() -> None:
    x, prior = gappy(), np.log(np.array([0.9, 0.09, 0.01]))
    views = ViewsBuilder(Scaling((0.5, -1.0), (2.0, 0.1)))()
    network = NetworkBuilder(3, views.output_shape[-1] - 1, 2, SMALL)(0)
    seen = predict_all(views, x)
    before = predict_all(network, seen)
    add_to_bias(network, None)
    np.testing.assert_array_equal(predict_all(network, seen), before)
    add_to_bias(network, prior)
    np.testing.assert_allclose(predict_all(network, seen), before + prior, atol=1e-5)


@pytest.mark.system
def test_a_rare_class_is_found_and_its_probability_stays_honest() -> None:
    """One row in fifty, overlapping: unweighted training answers it almost never."""
    rng = np.random.default_rng(5)
    y = (rng.random(3000) < 0.02).astype(np.int32)
    x = (rng.normal(0, 1, (3000, 10, 1)) + 0.5 * y[:, None, None]).astype(np.float32)
    recipe = Recipe(updates=300, epochs=1, shortest=100, restart_check_step=300)
    results = []
    for balance in ("auto", "never"):
        spec = replace(ONE_NETWORK, recipe=replace(recipe, balance=balance))  # type: ignore[arg-type]
        trained = train_replica(TrainingRows(Rows(x[:2000], y[:2000]), 2), spec, 0, quiet)
        p = predict_all(probabilities_of(trained.classifier), x[2000:])
        truth = Truth(y[trained.held], ["often", "rare"])
        rule = rule_for(trained.held_probabilities, truth, "balanced_accuracy")
        results.append((p, seed_scores(p, y[2000:], rule), seed_scores(p, y[2000:])))
    (balanced, with_offsets, _), (_, _, plain) = results
    assert with_offsets["balanced_accuracy"] > plain["balanced_accuracy"] + 0.1
    assert abs(balanced[:, 1].mean() - 0.02) < 0.02
