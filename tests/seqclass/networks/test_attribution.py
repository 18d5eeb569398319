"""Evidence: where in a series an answer comes from, and what that may not depend on."""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.networks import attribution as module
from seqclass.networks.architecture import KINDS, Architecture
from seqclass.networks.attribution import (
    find_attributions,
    hit_rates,
    n_batches,
    opening_level,
    strongest_steps,
)
from seqclass.networks.classifier import (
    average_classifiers,
    score_gradient,
)
from seqclass.networks.scaling import Scaling
from seqclass.store.datasets import open_dataset
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.synthesis.random_series import Uniform
from seqclass.synthesis.signals import PRESETS, SignalSpec
from seqclass.training.assembly import committee_classifier
from seqclass.training.committee import Mixture
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec
from tests.support.networks import SMALL, branch, build_network


def energy_gradient(x: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Of half the sum of squares: whatever leaves zero speaks for the class."""
    return x


def classifier(kind: str = "conv-lstm", seed: int = 0) -> keras.Model:
    architecture = Architecture(kind, filters=8, units=8)  # type: ignore[arg-type]
    scaling = Scaling((0.5, -1.0), (2.0, 0.1))
    networks = [branch(build_network(3, scaling, 3, architecture, seed + k)) for k in (0, 100)]
    return committee_classifier(networks, Mixture((0.25, 0.75), (0.5, 2.0), 1.5))


@cache
def gradient_of(kind: str = "conv-lstm", seed: int = 0, n_batches: int = 1) -> module.Gradient:
    """Of one classifier for all tests: what takes seconds is building it."""
    return score_gradient(classifier(kind, seed), n_batches)


def gappy(n: int = 6, steps: int = 40, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (n, steps, channels)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[:, 7] = np.nan
    for row in range(1, n):
        x[row, steps - 5 * row :] = np.nan
    return x


CODES = np.arange(6, dtype=np.int32) % 3


@given(first=st.integers(4, 30), length=st.integers(1, 6), level=st.floats(-50, 50))
@settings(max_examples=50, deadline=None)
def test_a_planted_burst_and_a_planted_change_are_found(
    first: int, length: int, level: float
) -> None:
    rng = np.random.default_rng(first)
    x = (level + rng.normal(0, 0.1, (2, 40, 1))).astype(np.float32)
    x[0, first : first + length] += 3
    x[1, first:] += 3
    found = find_attributions(lambda x, codes: x - np.float32(level), x, CODES[:2])
    burst, change = strongest_steps(found, x)
    assert first <= burst < first + length
    assert first <= change


@pytest.mark.parametrize("event", [slice(6, 25), slice(6, None)])
def test_the_opening_level_is_not_that_of_an_early_event(event: slice) -> None:
    x = np.full((1, 100, 1), 10, np.float32)
    x[:, event] = 500
    assert opening_level(x) == 10


def test_evidence_adds_up_to_what_the_score_gained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLUR", 0)
    x = gappy(n=4, steps=20)
    gained = np.nansum(x**2, axis=(1, 2)) / 2
    level = np.where(np.isfinite(x), opening_level(x), 0)
    found = find_attributions(energy_gradient, x, CODES[:4])
    np.testing.assert_allclose(found.sum(axis=1), gained - (level**2).sum(axis=(1, 2)) / 2, 1e-4)


@pytest.mark.parametrize(
    "kind", [pytest.param(one, marks=[pytest.mark.system] * (one != "conv-lstm")) for one in KINDS]
)
def test_padding_and_company_do_not_change_evidence(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, gradient = gappy(), gradient_of(kind)
    found = find_attributions(gradient, x, CODES)
    assert found.dtype == np.float32
    padding = np.full((len(x), 23, 2), np.nan, np.float32)
    padded = find_attributions(gradient, np.concatenate([x, padding], axis=1), CODES)
    np.testing.assert_allclose(padded[:, :40], found, atol=1e-5)
    assert not padded[:, 40:].any()
    monkeypatch.setattr(module, "BATCH_STEPS", 80)
    compiled = gradient_of(kind, n_batches=n_batches(*x.shape[:2]))
    np.testing.assert_allclose(find_attributions(compiled, x, CODES), found, atol=1e-5)


def test_gradients_are_compiled_once_for_all_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    began, gradient = [], score_gradient(classifier("lstm"), n_batches=100)
    plain = tf.GradientTape

    def tape() -> tf.GradientTape:
        began.append(1)
        return plain()

    monkeypatch.setattr(tf, "GradientTape", tape)
    for n, steps in [(6, 40), (5, 40), (6, 30)]:
        assert gradient(gappy(n, steps), CODES[:n]).shape == (n, steps, 2)
    assert len(began) == 1


@pytest.mark.parametrize(("n", "steps"), [(1, 5), (6, 30), (6, 2000), (2, 9000)])
def test_gradients_are_asked_for_as_often_as_foretold(n: int, steps: int) -> None:
    asked = []

    def gradient(x: np.ndarray, codes: np.ndarray) -> np.ndarray:
        asked.append(codes)
        return x

    find_attributions(gradient, np.ones((n, steps, 1), np.float32), CODES[:n])
    assert len(asked) == n_batches(n, steps)
    assert max(map(len, asked)) <= max(1, module.BATCH_STEPS // steps)
    assert sorted(np.concatenate(asked)) == sorted([*CODES[:n]] * module.NODES)


def test_steps_that_were_not_observed_are_no_evidence() -> None:
    x = gappy()
    found = find_attributions(gradient_of(), x, CODES)
    seen = np.isfinite(x).any(axis=-1)
    assert (found[~seen] == 0).all()
    assert (found[seen] != 0).mean() > 0.8
    assert seen[np.arange(6), strongest_steps(found, x)].all()
    assert seen[np.arange(6), strongest_steps(-np.abs(found), x)].all()


def test_a_series_without_a_value_has_no_evidence_and_no_step() -> None:
    x = gappy()
    x[2] = np.nan
    x[3, :, 1] = np.nan
    found = find_attributions(gradient_of(), x, CODES)
    assert np.isfinite(found).all()
    assert not found[2].any()
    assert strongest_steps(found, x)[2] == -1


@pytest.mark.parametrize("value", [0.0, 1e30, -1e30, 1e-30])
def test_any_finite_input_gives_finite_evidence(value: float) -> None:
    gradient = gradient_of()
    for steps in (1, 2, 3, 64):
        x = np.full((2, steps, 2), value, np.float32)
        x[1, steps // 2 :] *= -1
        assert np.isfinite(find_attributions(gradient, x, CODES[:2])).all()


def test_evidence_of_an_ensemble_is_the_mean_of_its_members() -> None:
    x, members = gappy(), [classifier(seed=seed) for seed in range(2)]
    found = find_attributions(score_gradient(average_classifiers(members, 1.0), 1), x, CODES)
    each = [find_attributions(gradient_of(seed=seed), x, CODES) for seed in range(2)]
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-5)


def test_hits_are_counted_by_class_up_to_the_end_of_the_event() -> None:
    events = np.array([[2, 4], [2, 4], [2, 4], [0, 10]])
    steps, lengths = np.array([2, 4, 1, 9]), np.full(4, 10)
    found = hit_rates(steps, events, lengths, np.array(["b", "b", "b", "a"], dtype=object))
    assert list(found) == ["a", "b"]
    assert found["a"] == {"rows": 1, "hits": 1.0, "chance": 1.0}
    assert found["b"] == {"rows": 3, "hits": pytest.approx(1 / 3), "chance": pytest.approx(0.2)}
    assert hit_rates(steps[:0], events[:0], lengths[:0], np.array([], dtype=object)) == {}


@pytest.fixture(scope="module")
def trained(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a model of short series whose level says nothing."""
    from flows.generation import generate_signals
    from seqclass.pipeline.training import train

    root = open_root(tmp_path_factory.mktemp("evidence"))
    plainer = {**PRESETS["hard"], "shift": Uniform(3.0, 5.0), "burst_height": Uniform(5.0, 8.0)}
    dataset = generate_signals("signals", SignalSpec(900, 40, **plainer), root.path)
    recipe = Recipe(updates=400, epochs=1, shortest=400)
    spec = TrainingSpec(
        seeds=1, members=("conv-lstm",), networks={"conv-lstm": 1}, recipe=recipe,
        architecture=SMALL,
    )  # fmt: skip
    train(root, dataset, spec=spec)
    return root


@pytest.mark.system
def test_bursts_and_changes_are_found_where_they_were_put(trained: Root) -> None:
    metrics = open_model(trained, "signals").read_json("metrics.json")
    assert metrics["explained_rows"] == metrics["test_rows"]
    assert list(metrics["where"]) == ["burst", "change_point"]
    for row in metrics["where"].values():
        assert row["rows"] > 15
        assert row["hits"] > (row["chance"] + 1) / 2


@pytest.mark.system
def test_the_evidence_of_test_rows_is_stored(trained: Root) -> None:
    model = open_model(trained, "signals")
    found = pq.read_table(model.path("evidence.parquet"))
    answers = pq.read_table(model.path("predictions.parquet"))
    assert found["series_id"].equals(answers["series_id"])
    values = np.stack(found["evidence"].to_numpy())
    assert values.shape == (len(answers), 40)
    assert (found["evidence_step"].to_numpy() == values.argmax(axis=1)).all()


@pytest.mark.system
def test_where_is_told_in_the_report_and_by_show(
    trained: Root, seqclass: Callable[..., tuple[int, str, str]]
) -> None:
    model = open_model(trained, "signals")
    page = Path(model.folder, "report.html").read_text()
    assert "Does it look at the right place?" in page
    code, out, _ = seqclass("show", "signals", "--root", trained.path)
    assert code == 0
    assert re.search(r"where: .* \(chance 0\.\d{4}; lowest for \w+: [01]\.\d{4}\)", out)


@pytest.mark.system
def test_only_the_first_rows_and_the_hardest_are_explained(
    trained: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from seqclass.evaluation.decisions import LARGEST
    from seqclass.pipeline import explain
    from seqclass.row_split import select_rows

    model, dataset = open_model(trained, "signals"), open_dataset(trained, "signals")
    answers = pq.read_table(model.path("predictions.parquet"))
    monkeypatch.setattr(explain, "MAX_VALUES", 40 * 20)
    chosen = select_rows(dataset, TrainingSpec())
    path = model.path("model.keras")
    said = explain.answer_in_full(dataset, chosen, path, LARGEST)
    np.testing.assert_allclose(
        said.probabilities, np.stack(answers["probabilities"].to_numpy()), atol=1e-6
    )
    found = explain.explain(dataset, chosen, said, said.probabilities.argmax(axis=1), str(tmp_path))
    assert found["explained_rows"] == 20
    assert sum(row["rows"] for row in found["where"].values()) <= 20
    stored = explain.read_attributions(trained, str(tmp_path))
    first = set(answers["series_id"].to_pylist()[:20])
    assert first <= set(stored)
    assert len(set(stored) - first) <= explain.HARDEST
    json.dumps(found)
