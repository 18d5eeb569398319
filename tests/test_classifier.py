"""The network: what it may not depend on, and that it learns."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tasks.learning.classifier import (
    as_classifier,
    average_classifiers,
    build_network,
    pooling_factor,
    weights_by_network,
)
from tasks.learning.fitting import Fit, Rows, fit, predict_logits
from tasks.learning.layers import pool_steps, series_features
from tasks.learning.metrics import seed_scores
from tasks.learning.scaling import Scaling, fit_scaling
from tasks.learning.spec import KINDS, Architecture, Kind, Recipe, TrainingSpec
from tasks.learning.training import (
    begin_with,
    finished_classifier,
    held_back_parts,
    train_replica,
    usual_steps,
)
from tasks.replicas import weights_digest

SMALL = Architecture(filters=8, units=8, longest_recurrence=16)
QUICK = Recipe(updates=200, epochs=1, shortest=100, verdict=100, patience=100)


def quiet(update: int, of: int, loss: float) -> None:
    pass


def gappy(n: int = 6, steps: int = 40, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (n, steps, channels)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    for row in range(1, n):
        x[row, steps - 5 * row :] = np.nan
    return x


@pytest.fixture(scope="module", params=KINDS)
def network(request: pytest.FixtureRequest) -> keras.Model:
    scaling = Scaling((0.5, -1.0), (2.0, 0.1))
    return build_network(3, scaling, 3, replace(SMALL, kind=request.param), seed=0)


def lines(n: int = 120) -> Rows:
    rng = np.random.default_rng(1)
    y = (np.arange(n) % 2).astype(np.int32)
    x = np.linspace(-1, 1, 20) * np.where(y, 1, -1)[:, None] + rng.normal(0, 0.3, (n, 20))
    return Rows(x[..., None].astype(np.float32), y)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_kernels_begin_alike_within_or_between_seeds(kind: Kind) -> None:
    seen = []
    for seed in range(4):
        arch, many = replace(SMALL, kind=kind), seed % 2 == 1
        model = build_network(3, Scaling((0.0,), (1.0,)), 1, arch, seed, many_scales=many)
        seen += [w.tobytes() for w in model.get_weights() if w.ndim > 1]
    assert len(set(seen)) == len(seen)


def test_padding_does_not_change_an_answer(network: keras.Model) -> None:
    x = gappy()
    for extra in (1, 2, 7, 50):
        padding = np.full((len(x), extra, 2), np.nan, np.float32)
        padded = predict_logits(network, np.concatenate([x, padding], axis=1))
        np.testing.assert_allclose(padded, predict_logits(network, x), atol=1e-5)


def test_batches_of_long_series_are_smaller() -> None:
    shapes = []

    def infer(x: tf.Tensor) -> tf.Tensor:
        shapes.append(tuple(x.shape))
        return x[:, 0]

    for steps in (100, 10_000):
        predict_logits(None, np.zeros((600, steps, 1), np.float32), infer)
    assert {(n, steps) for n, steps, _ in shapes} == {(256, 100), (26, 10_000)}


def test_company_in_a_batch_does_not_change_an_answer(network: keras.Model) -> None:
    x = gappy()
    together = predict_logits(network, x)
    alone = np.concatenate([predict_logits(network, row[None]) for row in x])
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_a_missing_value_is_not_a_zero(network: keras.Model) -> None:
    x = gappy(n=1)
    holed = x.copy()
    holed[0, 10] = np.nan
    assert np.abs(predict_logits(network, holed) - predict_logits(network, x)).max() > 1e-4


@pytest.mark.parametrize("value", [np.nan, 0.0, 1e30, -1e30, 1e-30])
def test_any_finite_or_missing_input_gives_a_finite_answer(
    network: keras.Model, value: float
) -> None:
    for steps in (1, 2, 3, 64):
        x = np.full((2, steps, 2), value, np.float32)
        assert np.isfinite(predict_logits(network, x)).all()


def test_the_unit_of_a_channel_does_not_matter() -> None:
    x = gappy()
    answers = []
    for factor in (1.0, 1024.0):
        scaling = fit_scaling(x * np.float32(factor))
        network = build_network(2, scaling, 1, SMALL, seed=0)
        answers.append(predict_logits(network, x * np.float32(factor)))
    np.testing.assert_allclose(answers[1], answers[0], atol=1e-4)


@pytest.mark.parametrize(
    ("typical", "longest", "factor"),
    [(1, 1, 1), (64, 64, 1), (65, 65, 2), (500, 510, 8), (500, 4096, 8), (100, 10_000, 20)],
)
def test_long_series_are_pooled_to_the_longest_recurrence(
    typical: int, longest: int, factor: int
) -> None:
    assert pooling_factor(typical, longest, 64) == factor


@pytest.mark.parametrize(
    ("pooling", "early", "late"), [(2, 1, 2), (8, 1, 8), (9, 2, 5), (17, 3, 6), (157, 20, 8)]
)
def test_the_first_residual_block_sees_every_step_where_series_are_not_very_long(
    pooling: int, early: int, late: int
) -> None:
    made = build_network(3, Scaling((0.0,), (1.0,)), pooling, SMALL, seed=0)
    order = [
        "conv" if isinstance(layer, keras.layers.Conv1D) else layer.pool_size
        for layer in made.layers
        if isinstance(layer, keras.layers.Conv1D | keras.layers.AveragePooling1D)
    ]
    first = [(early,)] if early > 1 else []
    assert order == ["conv", *first, "conv", "conv", (late,), "conv", "conv"]


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
    assert (predict_logits(run.network, rows.x).argmax(axis=1) == rows.y).all()


def fit_lines(rows: Rows, held: Rows | None = None, recipe: Recipe = QUICK, seed: int = 0) -> Fit:
    scaling = fit_scaling(rows.x)
    return fit(lambda s: build_network(3, scaling, 1, SMALL, s), rows, held, recipe, seed, quiet)


def replica(seed: int, n_rows: int) -> str:
    recipe = replace(QUICK, updates=100, shortest=50)
    spec = TrainingSpec(recipe=recipe, architecture=SMALL, refit_below=100, validation_fraction=0.5)
    made = train_replica(lines(n_rows), None, 2, spec, seed, quiet)
    return weights_digest(made.classifier.get_weights())


@pytest.mark.parametrize("n_rows", [40, 120])
def test_a_seed_gives_the_same_bits_whatever_ran_before(n_rows: int) -> None:
    first = replica(1, n_rows)
    assert replica(2, n_rows) != first
    assert replica(1, n_rows) == first


def test_changes_are_dropped_a_channel_and_a_series_at_a_time_and_in_training_alone() -> None:
    scaling, raw = Scaling((0.5, -1.0), (2.0, 0.1)), keras.Input((None, 2))
    features = keras.Model(raw, series_features(raw, scaling, change_dropout=0.5)[0])
    x = np.repeat(gappy(n=1), 400, axis=0)
    seen, trained = (np.array(features(x, training=flag)) for flag in (False, True))
    plain = keras.Model(raw, series_features(raw, scaling)[0])
    np.testing.assert_array_equal(seen, plain(x))
    levels, changes, observed = slice(0, 4), slice(4, 8), slice(8, 10)
    for untouched in (levels, observed):
        np.testing.assert_array_equal(trained[..., untouched], seen[..., untouched])
    kept = (trained[..., changes] != 0).any(axis=1)
    np.testing.assert_allclose(trained[..., changes], 2 * seen[..., changes] * kept[:, None])
    assert (abs(kept[:, :2].mean(axis=0) - 0.5) < 0.1).all()
    assert abs((kept[:, 0] & kept[:, 1]).mean() - 0.25) < 0.1


def test_a_classifier_keeps_its_answers_when_saved_and_tempered(
    network: keras.Model, tmp_path: Path
) -> None:
    x = gappy()
    logits = predict_logits(network, x)
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    classifier = finished_classifier([clone], temperature=2.0)
    expected = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict_logits(classifier, x), expected, atol=1e-6)
    classifier.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_array_equal(predict_logits(loaded, x), predict_logits(classifier, x))


@pytest.mark.parametrize(
    ("change_rows", "share", "answering"), [(250, 0.5, slice(2, 7)), (0, 0.25, slice(9))]
)
def test_those_of_all_rows_and_of_nearly_all_answer_for_a_small_set(
    change_rows: int, share: float, answering: slice, tmp_path: Path
) -> None:
    recipe = replace(QUICK, updates=40, change_rows=change_rows)
    only = replace(SMALL, dense=0)
    spec = TrainingSpec(recipe=recipe, architecture=only, validation_fraction=0.5)
    small = train_replica(lines(), None, 2, spec, 0, quiet)
    held = [rows for _, rows in held_back_parts(lines().y, None, spec)]
    assert [len(rows) for rows in held] == [120 * share] * round(1 / share)
    assert sorted(np.concatenate(held)) == [*range(120)]
    assert [len(one.held_back_logits) for one in small.fits] == [*map(len, held), *[0] * 5]
    assert small.validation_logits.shape == (120, 2)
    x = lines().x[:9]
    logits = np.mean([one.network(x) for one in small.fits[answering]], axis=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict_logits(small.classifier, x), expected, atol=1e-6)
    small.classifier.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_array_equal(predict_logits(loaded, x), predict_logits(small.classifier, x))


@pytest.mark.parametrize("change_rows", [250, 120])
def test_where_all_answer_those_of_all_rows_see_many_scales(change_rows: int) -> None:
    recipe = replace(QUICK, updates=50, change_rows=change_rows, change_dropout=0)
    spec = TrainingSpec(recipe=recipe, architecture=replace(SMALL, dense=0))
    made = train_replica(lines(), None, 2, spec, 0, quiet)
    found = [sorted(first_widths(one.network)) for one in made.fits]
    assert found == [[8]] * 5 + [[8] if change_rows > 120 else [4, 8, 16, 32]] * 5


def first_widths(network: keras.Model) -> list[int]:
    """Of the convolutions that see the features themselves."""
    made = convolutions(network)
    return [conv.kernel_size[0] for conv in made if conv.input is made[0].input]


def convolutions(network: keras.Model) -> list[keras.layers.Conv1D]:
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Conv1D)]


@pytest.mark.parametrize(
    ("filters", "shares"), [(8, [2, 2, 2, 2]), (6, [2, 2, 1, 1]), (3, [1, 1, 1])]
)
def test_scales_share_the_filters(filters: int, shares: list[int]) -> None:
    arch = replace(SMALL, filters=filters)
    made = build_network(3, Scaling((0.0,), (1.0,)), 1, arch, seed=0, many_scales=True)
    assert [conv.filters for conv in convolutions(made)] == [*shares, *[filters] * 4]


def test_networks_begin_with_members_of_their_own_form() -> None:
    builds = [
        partial(build_network, 2, Scaling((0.0,), (1.0,)), 1, SMALL, many_scales=many)
        for many in (False, True)
    ]
    members = [builds[many](seed) for seed, many in enumerate((False, True, False, True))]
    weights = weights_by_network(
        average_classifiers([as_classifier(members[:2]), as_classifier(members[2:])], 1.5)
    )
    for many, number, member in ((0, 0, 0), (0, 1, 2), (0, 2, 0), (1, 4, 1), (1, 5, 3)):
        begun = builds[many](9)
        begin_with(begun, weights, number)
        for own, given in zip(begun.get_weights(), members[member].get_weights(), strict=True):
            np.testing.assert_array_equal(own, given)
    for number in (0, 5):
        fresh = builds[1](9)
        begin_with(fresh, weights[:1], number)
        assert weights_digest(fresh.get_weights()) == weights_digest(builds[1](9).get_weights())
    wider = build_network(2, Scaling((0.0,), (1.0,)), 1, replace(SMALL, units=9), 0)
    with pytest.raises(ValueError, match="warm_start: expected weights of the same architecture"):
        begin_with(wider, weights, 0)


LOAD_ALONE = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"flows", "tasks", "storage", "prefect", "pandas", "sklearn"}:
            raise ImportError(name + " is not to be had here")

sys.meta_path.insert(0, Blocked())
import keras, numpy
model = keras.saving.load_model(sys.argv[1], safe_mode=True)
numpy.save(sys.argv[3], model.predict(numpy.load(sys.argv[2]), verbose=0))
"""


def test_the_file_loads_with_nothing_of_this_project(network: keras.Model, tmp_path: Path) -> None:
    x = gappy()
    finished_classifier([network], 1.0).save(tmp_path / "m.keras")
    np.save(tmp_path / "x.npy", x)
    subprocess.run(
        [sys.executable, "-c", LOAD_ALONE, "m.keras", "x.npy", "p.npy"], cwd=tmp_path, check=True,
        capture_output=True,
    )  # fmt: skip
    probabilities = np.load(tmp_path / "p.npy")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    model = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(probabilities, predict_logits(model, x), atol=1e-6)


def test_class_shares_are_inside_the_finished_classifier(network: keras.Model) -> None:
    x, prior = gappy(), np.log(np.array([0.9, 0.09, 0.01]))
    logits = predict_logits(network, x) + prior
    clone = keras.models.clone_model(network)
    clone.set_weights(network.get_weights())
    expected = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    found = predict_logits(finished_classifier([clone], 2.0, prior), x)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_rare_class_is_found_and_its_probability_stays_honest() -> None:
    """One row in fifty, overlapping: unweighted training answers it almost never."""
    rng = np.random.default_rng(5)
    y = (rng.random(3000) < 0.02).astype(np.int32)
    x = (rng.normal(0, 1, (3000, 10, 1)) + 0.5 * y[:, None, None]).astype(np.float32)
    recipe = Recipe(updates=300, epochs=1, shortest=100, verdict=300)
    found = []
    for balance in ("auto", "never"):
        spec = TrainingSpec(recipe=replace(recipe, balance=balance), architecture=SMALL)  # type: ignore[arg-type]
        trained = train_replica(Rows(x[:2000], y[:2000]), None, 2, spec, 0, quiet)
        p = predict_logits(trained.classifier, x[2000:])
        found.append((p, seed_scores(p, y[2000:], trained.decision.offsets)))
    (balanced, with_offsets), (_, plain) = found
    assert with_offsets["balanced_accuracy"] > plain["balanced_accuracy"] + 0.1
    assert abs(balanced[:, 1].mean() - 0.02) < 0.02
