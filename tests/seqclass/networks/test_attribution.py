"""Evidence: where in a series an answer comes from, and what that may not depend on."""

from functools import cache

import keras
import numpy as np
import pyarrow.parquet as pq
import pytest
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
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.synthesis.random_series import Uniform
from seqclass.synthesis.signals import PRESETS, SignalSpec
from seqclass.training.assembly import committee_classifier
from seqclass.training.committee import Mixture
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec
from tests.support import series
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


def gappy(n: int = 6, steps: int = 40) -> np.ndarray:
    """Series with a step that nobody observed."""
    x = series.gappy(n, steps)
    x[:, 7] = np.nan
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
    evidence = find_attributions(lambda x, codes: x - np.float32(level), x, CODES[:2])
    burst, change = strongest_steps(evidence, x)
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
    evidence = find_attributions(energy_gradient, x, CODES[:4])
    np.testing.assert_allclose(evidence.sum(axis=1), gained - (level**2).sum(axis=(1, 2)) / 2, 1e-4)


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=[pytest.mark.system] * (k != "conv-lstm")) for k in KINDS]
)
def test_padding_and_company_do_not_change_evidence(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, gradient = gappy(), gradient_of(kind)
    evidence = find_attributions(gradient, x, CODES)
    assert evidence.dtype == np.float32
    padding = np.full((len(x), 23, 2), np.nan, np.float32)
    padded = find_attributions(gradient, np.concatenate([x, padding], axis=1), CODES)
    np.testing.assert_allclose(padded[:, :40], evidence, atol=1e-5)
    assert not padded[:, 40:].any()
    monkeypatch.setattr(module, "BATCH_STEPS", 80)
    compiled = gradient_of(kind, n_batches=n_batches(*x.shape[:2]))
    np.testing.assert_allclose(find_attributions(compiled, x, CODES), evidence, atol=1e-5)


def test_steps_that_were_not_observed_are_no_evidence() -> None:
    x = gappy()
    evidence = find_attributions(gradient_of(), x, CODES)
    seen = np.isfinite(x).any(axis=-1)
    assert (evidence[~seen] == 0).all()
    assert (evidence[seen] != 0).mean() > 0.8
    assert seen[np.arange(6), strongest_steps(evidence, x)].all()
    assert seen[np.arange(6), strongest_steps(-np.abs(evidence), x)].all()


def test_a_series_without_a_value_has_no_evidence_and_no_step() -> None:
    x = gappy()
    x[2] = np.nan
    x[3, :, 1] = np.nan
    evidence = find_attributions(gradient_of(), x, CODES)
    assert np.isfinite(evidence).all()
    assert not evidence[2].any()
    assert strongest_steps(evidence, x)[2] == -1


@pytest.mark.parametrize("value", [0.0, -1e30])
def test_any_finite_input_gives_finite_evidence(value: float) -> None:
    gradient = gradient_of()
    for steps in (1, 2, 3, 64):
        x = np.full((2, steps, 2), value, np.float32)
        x[1, steps // 2 :] *= -1
        assert np.isfinite(find_attributions(gradient, x, CODES[:2])).all()


def test_evidence_of_an_ensemble_is_the_mean_of_its_members() -> None:
    x, members = gappy(), [classifier(seed=seed) for seed in range(2)]
    evidence = find_attributions(score_gradient(average_classifiers(members, 1.0), 1), x, CODES)
    each = [find_attributions(gradient_of(seed=seed), x, CODES) for seed in range(2)]
    np.testing.assert_allclose(evidence, np.mean(each, axis=0), atol=1e-5)


def test_hits_are_counted_by_class_up_to_the_end_of_the_event() -> None:
    events = np.array([[2, 4], [2, 4], [2, 4], [0, 10]])
    steps, lengths = np.array([2, 4, 1, 9]), np.full(4, 10)
    rates = hit_rates(steps, events, lengths, np.array(["b", "b", "b", "a"], dtype=object))
    assert list(rates) == ["a", "b"]
    assert rates["a"] == {"rows": 1, "hits": 1.0, "chance": 1.0}
    assert rates["b"] == {"rows": 3, "hits": pytest.approx(1 / 3), "chance": pytest.approx(0.2)}
    assert hit_rates(steps[:0], events[:0], lengths[:0], np.array([], dtype=object)) == {}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a model of short series whose level says nothing."""
    from seqclass.pipeline.generate import generate_dataset
    from seqclass.pipeline.training import train

    root = open_root(tmp_path_factory.mktemp("evidence"))
    plainer = {**PRESETS["hard"], "shift": Uniform(3.0, 5.0), "burst_height": Uniform(5.0, 8.0)}
    generate_dataset("signals", SignalSpec(900, 40, **plainer), "signals", root)
    recipe = Recipe(updates=400, epochs=1, shortest=400)
    spec = TrainingSpec(
        seeds=1, members=("conv-lstm",), networks={"conv-lstm": 1}, recipe=recipe,
        architecture=SMALL,
    )  # fmt: skip
    train(root, "signals", spec=spec)
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
    evidence = pq.read_table(model.path("evidence.parquet"))
    answers = pq.read_table(model.path("predictions.parquet"))
    assert evidence["series_id"].equals(answers["series_id"])
    values = np.stack(evidence["evidence"].to_numpy())
    assert values.shape == (len(answers), 40)
    assert (evidence["evidence_step"].to_numpy() == values.argmax(axis=1)).all()
