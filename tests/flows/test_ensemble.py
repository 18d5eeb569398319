"""Ensembles: the average of the seeds, as one file of stock layers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from seqclass.store.models import load_keras
from seqclass.store.registry import open_model
from seqclass.store.root import (
    Root,
    open_root,
)
from tests.support.commands import Command
from tests.support.stored import store_series

SPEC = {
    "seeds": 2,
    "ensemble": True,
    "members": ["convolutions", "conv-lstm"],
    "networks": {"conv-lstm": 1},
    "recipe": {"updates": 100, "epochs": 1, "shortest": 50},
    "architecture": {"filters": 8, "units": 8},
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Root:
    from pydantic import TypeAdapter

    from seqclass.pipeline.training import train
    from seqclass.training.spec import TrainingSpec

    root = open_root(tmp_path_factory.mktemp("ensemble"))
    muddled = [("down", "up")[(i + (i % 5 == 0)) % 2] for i in range(160)]
    store_series(root, n=160, label=muddled)
    train(root, "toy", spec=TypeAdapter(TrainingSpec).validate_python(SPEC))
    return root


@pytest.fixture
def copy(original: Root, tmp_path: Path) -> Root:
    shutil.copytree(original.path, tmp_path / "copy")
    return open_root(tmp_path / "copy")


def test_the_average_of_log_probabilities_is_what_is_stored() -> None:
    import keras

    from seqclass.networks.architecture import Architecture
    from seqclass.networks.classifier import average_classifiers
    from seqclass.networks.outputs import predict_all
    from seqclass.training.assembly import committee_classifier
    from seqclass.training.committee import Mixture
    from tests.support.networks import PLAIN, branch, build_network, classifier_of

    small = Architecture(filters=8, units=8)
    networks = [build_network(3, PLAIN, 1, small, seed) for seed in range(4)]
    mixed = committee_classifier(
        [branch(network) for network in networks[1:3]], Mixture((0.3, 0.7), (0.5, 2.0), 1.5)
    )
    members = [classifier_of(networks[0]), mixed, classifier_of(networks[3], 3.0)]
    x = np.random.default_rng(0).normal(0, 1, (20, 15, 1)).astype(np.float32)
    x[3, 10:] = np.nan
    mean = np.mean([np.log(predict_all(member, x)) for member in members], axis=0) / 1.5
    expected = np.exp(mean) / np.exp(mean).sum(axis=1, keepdims=True)
    ensemble = average_classifiers(members, 1.5)
    np.testing.assert_allclose(predict_all(ensemble, x), expected, atol=1e-6)
    single = average_classifiers(members[:1], 1.0)
    np.testing.assert_allclose(predict_all(single, x), predict_all(members[0], x), atol=1e-6)
    stock = ("keras.src.", "keras.")
    assert all(type(layer).__module__.startswith(stock) for layer in ensemble.layers)
    assert isinstance(ensemble, keras.Model)


def test_members_that_stopped_earlier_are_averaged_over_the_rows_that_all_held_back() -> None:
    from seqclass.evaluation.calibration import mean_log_probabilities

    shares = np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]])
    longer, shorter = np.log(shares) + 3.0, np.log(shares[:2, ::-1])
    mean = mean_log_probabilities([longer, shorter])
    np.testing.assert_allclose(mean, np.log(np.sqrt([[0.09] * 2, [0.25] * 2])))


def test_what_the_ensemble_gains_is_stored_and_told(original: Root) -> None:
    model = open_model(original, "toy")
    metrics = model.read_json("metrics.json")
    assert model.manifest["registered_seed"] is None
    gain = metrics["ensemble"]["gain"]["log_loss"]
    seeds = model.read_json("stability.json")["seeds"]
    assert gain["mean_of_seeds"] == pytest.approx(np.mean([s["log_loss"] for s in seeds]))
    assert gain["ensemble"] == metrics["metrics"]["log_loss"]
    assert "what the ensemble gains" in Path(model.folder, "report.html").read_text()


def test_the_stored_ensemble_gives_the_recorded_answers(original: Root) -> None:
    from seqclass.row_split import select_rows
    from seqclass.store.datasets import open_dataset
    from seqclass.training.spec import TrainingSpec

    model, dataset = open_model(original, "toy"), open_dataset(original, "toy")
    stored = load_keras(original, model.path("model.keras"))
    rows = dataset.values(select_rows(dataset, TrainingSpec()).test)
    table = pq.read_table(model.path("predictions.parquet"))
    recorded = np.stack(table["probabilities"].to_numpy())
    outputs = stored.predict(rows, verbose=0)
    np.testing.assert_allclose(outputs["probabilities"], recorded, atol=1e-6)
    assert set(outputs) == {"probabilities", "p_value", "nearest", "distance"}


@pytest.mark.system
def test_an_ensemble_is_reproduced_to_the_bit(copy: Root, seqclass: Command) -> None:
    code, out, err = seqclass("reproduce", "toy", "--root", copy.path, "--json")
    assert (code, json.loads(out)["verdict"]) == (0, "identical"), err
