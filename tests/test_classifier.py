"""The network: what it may not depend on, and that it learns."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tasks.learning.classifier import build_network, pooling_factor
from tasks.learning.fitting import Fit, Rows, fit, predict_logits
from tasks.learning.layers import series_features
from tasks.learning.metrics import seed_scores
from tasks.learning.scaling import Scaling, fit_scaling
from tasks.learning.spec import KINDS, Architecture, Kind, Recipe, TrainingSpec
from tasks.learning.training import (
    finished_classifier,
    held_back_parts,
    preferred,
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
        model = build_network(3, Scaling((0.0,), (1.0,)), 1, replace(SMALL, kind=kind), seed)
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


def wiggles(n: int) -> Rows:
    """Noise whose classes differ in how much a step has in common with the one before."""
    rng = np.random.default_rng(3)
    y = (np.arange(n) % 2).astype(np.int32)
    white = rng.normal(0, 1, (n, 41))
    x = np.where(y[:, None] == 1, white[:, 1:] + white[:, :-1], white[:, 1:] * np.sqrt(2))
    return Rows(x[..., None].astype(np.float32), y)


def test_a_set_of_few_rows_is_trained_with_and_without_all_changes() -> None:
    recipe = replace(QUICK, change_rows=61)
    spec = TrainingSpec(recipe=recipe, architecture=SMALL, validation_fraction=0.5)
    made = train_replica(wiggles(60), None, 2, spec, 0, quiet)
    assert (made.change_dropout, *made.tried) == (0.0, 0.5, 0.0)
    never = replace(spec, recipe=replace(recipe, change_dropout=0.0))
    alone = train_replica(wiggles(60), None, 2, never, 0, quiet)
    np.testing.assert_array_equal(alone.validation_logits, made.validation_logits)
    assert train_replica(wiggles(61), None, 2, spec, 0, quiet).tried.keys() == {0.0}


def test_what_is_solved_the_first_way_is_not_trained_the_second() -> None:
    easy = replace(QUICK, solved=0.5)
    made = train_replica(
        lines(40), None, 2, TrainingSpec(recipe=easy, architecture=SMALL), 0, quiet
    )
    assert made.tried.keys() == {0.5}
    kinds = [type(layer) for one in made.fits for layer in one.network.layers]
    assert kinds.count(keras.layers.SpatialDropout1D) == 10


def test_the_second_way_is_taken_where_it_is_clearly_better_alone() -> None:
    losses = np.random.default_rng(0).exponential(1, 50)
    groups = np.repeat([0, 1], 25)
    noisy = losses - np.where(np.arange(50) == 7, 5.0, 0.0)
    one_sided = losses + np.where(groups == 0, -0.3, 0.05)
    assert preferred({0.0: losses}, None) == 0.0
    for other, grouped in (
        (losses, None),
        (losses + 0.1, None),
        (noisy, None),
        (one_sided, groups),
    ):
        assert preferred({0.5: losses, 0.0: other}, grouped) == 0.5
    for other in (losses - 0.1, one_sided):
        assert preferred({0.5: losses, 0.0: other}, None) == 0.0


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


def test_a_small_set_s_classifier_is_the_mean_of_a_network_per_fold(tmp_path: Path) -> None:
    spec = TrainingSpec(recipe=QUICK, architecture=SMALL, validation_fraction=0.5)
    small = train_replica(lines(), None, 2, spec, 0, quiet)
    assert len(small.fits) == 2
    assert sorted(np.concatenate([h for _, h in held_back_parts(lines().y, None, spec)])) == [
        *range(120)
    ]
    assert small.validation_logits.shape == (120, 2)
    x = lines().x[:9]
    logits = np.mean([predict_logits(one.network, x) for one in small.fits], axis=0)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predict_logits(small.classifier, x), expected, atol=1e-6)
    small.classifier.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras", safe_mode=True)
    np.testing.assert_array_equal(predict_logits(loaded, x), predict_logits(small.classifier, x))


@pytest.mark.parametrize(("solved", "networks"), [(9.0, 1), (0.0, 3)])
def test_a_set_that_one_network_solves_gets_no_others(solved: float, networks: int) -> None:
    recipe = replace(QUICK, updates=50, solved=solved)
    spec = TrainingSpec(recipe=recipe, architecture=SMALL)
    made = train_replica(lines(1000), None, 2, spec, 0, quiet)
    assert len(made.fits) == networks
    assert made.validation_logits.shape == (100 * networks, 2)


@pytest.mark.parametrize(
    ("n_rows", "n_parts", "n_held"),
    [(99, 10, 99), (100, 5, 100), (249, 5, 249), (250, 5, 125), (1000, 3, 300), (2000, 1, 400)],
)
def test_the_fewer_rows_the_more_networks(n_rows: int, n_parts: int, n_held: int) -> None:
    parts = held_back_parts(lines(n_rows).y, None, TrainingSpec(refit_below=2000))
    held = np.concatenate([rows for _, rows in parts])
    assert (len(parts), len(held), len(set(held))) == (n_parts, n_held, n_held)
    assert all(len(kept) + len(own) == n_rows for kept, own in parts)


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
