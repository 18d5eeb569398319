"""A training with an auxiliary dataset, from the command to its reproduction."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Dataset, write_dataset
from seqclass.store.models import ANSWERS, HELD, Model
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.store.rows import from_dense
from seqclass.training.spec import TrainingSpec
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.stored import SMALL


def store_songs(root: Root, name: str, n: int, seed: int) -> Dataset:
    """Waves of two frequencies and any phase in noise, two series a group."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) // 2 % 2
    waves = np.sin((1 + y[:, None]) * np.linspace(0, 6, 30) + rng.uniform(0, 6, n)[:, None])
    table = pa.table(
        {
            "series_id": [f"{name}-{i}" for i in range(n)],
            "label": [("slow", "fast")[code] for code in y],
            "n_steps": np.full(n, 30, np.int32),
            "group": [f"{name}-{i // 2}" for i in range(n)],
            "value": from_dense((waves + rng.normal(0, 1.5, (n, 30))).astype(np.float32)),
        }
    )
    return write_dataset(root, name, [table], {"test": name}, NOW)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    from seqclass.pipeline.training import train

    root = open_root(tmp_path_factory.mktemp("auxiliary"))
    store_songs(root, "real", 40, 0)
    store_songs(root, "generated", 200, 1)
    fields = {**SMALL, "seeds": 1, "auxiliary": "generated"}
    spec = TypeAdapter(TrainingSpec).validate_python(fields)
    return open_model(root, str(train(root, "real", spec=spec)["model"]))


@pytest.fixture
def root(trained: Model) -> Root:
    return trained.root


def test_auxiliary_rows_train_and_are_neither_tested_nor_held_back(trained: Model) -> None:
    [seed] = trained.read_json("stability.json")["seeds"]
    assert seed["auxiliary_weight"] > 0
    real = {f"real-{i}" for i in range(40)}
    for name in (ANSWERS, HELD):
        with trained.root.fs.open(trained.path(name), "rb") as file:
            assert set(pq.read_table(file)["series_id"].to_pylist()) < real
    metrics = trained.read_json("metrics.json")
    assert metrics["train_rows"] + metrics["test_rows"] == 40


def test_it_is_reproduced_from_the_version_that_it_names(
    trained: Model, seqclass_json: Callable[..., dict]
) -> None:
    store_songs(trained.root, "generated", 100, 2)
    assert seqclass_json("reproduce", "real@v1")["verdict"] == "identical"


def test_a_dataset_that_a_version_learned_from_is_not_deleted(
    trained: Model, seqclass: Command
) -> None:
    code, _, err = seqclass("delete", trained.manifest["spec"]["auxiliary"], "--yes")
    assert code == 2
    assert "learned from it; it stays" in err
    assert verify_tree(trained.root)["bad"] == []
