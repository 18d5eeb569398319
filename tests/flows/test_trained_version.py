"""What a training leaves: a version with its split, its answers and its evidence."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from seqclass.export import mlflow_loader
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.compare import pair_with
from seqclass.pipeline.promote import promote_version, roll_back
from seqclass.pipeline.training import train
from seqclass.row_split import select_rows, split_of
from seqclass.store.datasets import open_dataset
from seqclass.store.log import read_log
from seqclass.store.models import Model
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root, open_root
from seqclass.store.split import SPLIT
from seqclass.stores import open_store
from tests.support.stored import QUICK, store_series, store_version
from tests.support.stored_files import undeclared

N_SERIES = 120


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    root = open_root(tmp_path_factory.mktemp("trained"))
    store_series(root, n=N_SERIES)
    return open_model(root, train(root, "toy", spec=replace(QUICK, seeds=2))["model"])


def test_a_version_is_registered_and_holds_what_is_declared(model: Model) -> None:
    files = {path.name for path in Path(model.folder).iterdir()}
    assert {"MLmodel", "README.md", "model.keras", "report.html", "split.parquet"} < files
    described = {file["path"] for file in model.manifest["files"]}
    assert described == files - {"manifest.json", "report.html"}
    assert undeclared(model.root) == []
    assert model.manifest["dataset"] == open_dataset(model.root, "toy").ref
    assert champion_of(model.root, "toy") == "v1"
    assert [entry["what"] for entry in read_log(model.root, "toy")] == ["register", "promote"]


def test_test_rows_are_held_back_and_scored(model: Model) -> None:
    metrics = model.read_json("metrics.json")
    answers = pq.read_table(model.path("predictions.parquet"))
    seeds = model.read_json("stability.json")["seeds"]
    assert [seed for seed in seeds if "references" in seed] == []
    assert metrics["references"] == pq.read_table(model.path("references.parquet")).num_rows
    assert 10 < metrics["test_rows"] == len(answers) < 30
    assert metrics["train_rows"] + metrics["test_rows"] == N_SERIES
    held = metrics["out_of_fold"]
    assert (held["rows"], held["accuracy"]) == (metrics["train_rows"], 1.0)
    assert 0.8 < held["interval"][0] < held["interval"][1] == pytest.approx(1)
    assert metrics["metrics"]["macro_f1"] == 1.0
    assert answers["prediction"].to_pylist() == answers["label"].to_pylist()
    assert set(metrics["baselines"]) == {"majority", "logistic_regression", "nearest_neighbour"}


def test_a_version_keeps_its_split_whatever_its_spec_would_say_now(model: Model) -> None:
    split = split_of(model)
    later = replace(model, manifest={**model.manifest, "spec": {"split_seed": 7}})
    assert split_of(later).test.tolist() == split.test.tolist()
    tested = pq.read_table(model.path("predictions.parquet"))["series_id"].to_pylist()
    rows = pq.read_table(model.path(SPLIT)).to_pylist()
    assert [row["series_id"] for row in rows if row["part"] == "test"] == tested


def test_a_version_is_a_model_of_mlflow_and_of_hugging_face(model: Model) -> None:
    described = yaml.safe_load(Path(model.path("MLmodel")).read_text())
    function = described["flavors"]["python_function"]
    assert function["loader_module"] == mlflow_loader.__name__
    stored = pq.read_table(model.path("predictions.parquet"))
    dataset = open_dataset(model.root, model.manifest["dataset"])
    ids = dataset.labels()["series_id"].to_pylist()
    rows = sorted(ids.index(name) for name in stored["series_id"].to_pylist())
    series = pd.DataFrame({"value": list(dataset.values(np.array(rows))[:, :, 0])})
    loaded = mlflow_loader._load_pyfunc(str(Path(model.folder, function["data"])))
    answers = loaded.predict(series)
    recorded = dict(zip(stored["series_id"].to_pylist(), stored["answer"].to_pylist(), strict=True))
    assert answers["answer"].tolist() == [recorded[ids[row]] for row in rows]
    outputs = json.loads(described["signature"]["outputs"])
    assert [output["name"] for output in outputs] == [*answers.columns]
    _, front, _ = Path(model.path("README.md")).read_text().split("---\n", 2)
    [result] = yaml.safe_load(front)["model-index"][0]["results"]
    assert {metric["type"]: metric["value"] for metric in result["metrics"]} == {
        "accuracy": model.manifest["metrics"]["accuracy"],
        "f1": model.manifest["metrics"]["macro_f1"],
        "balanced_accuracy": model.manifest["metrics"]["balanced_accuracy"],
    }


@pytest.mark.parametrize(
    ("other", "named"), [({"classes": ["p", "q"]}, "p, q"), ({"channels": ["speed"]}, "speed")]
)
def test_a_champion_of_other_classes_or_channels_is_not_compared(
    root: Root, other: dict, named: str
) -> None:
    dataset, champion = store_series(root), store_version(root, "toy", **other)
    candidate = Candidate(dataset, select_rows(dataset, QUICK), QUICK, root.join("workspace"))
    evaluated: Any = SimpleNamespace(metrics={"classes": ["down", "up"]})
    paired, answers = pair_with(champion, dataset, candidate, evaluated)
    assert named in str(paired["incomparable"])
    assert (paired["old"], len(answers.truth)) == (None, 0)


@pytest.fixture
def copied(model: Model, root: Root) -> Root:
    """A root of one's own with the trained version."""
    shutil.copytree(model.root.path, root.path)
    return root


def test_a_repeated_training_is_the_version_that_is_there(copied: Root) -> None:
    spec = replace(QUICK, seeds=2)
    repeated = train(copied, "toy", spec=spec)
    assert (repeated["model"], repeated["repeated"]) == ("models/toy@v1", True)
    assert (repeated["verdict"], repeated["promoted"]) == ("promoted", True)
    assert [entry["what"] for entry in read_log(copied, "toy")] == ["register", "promote"]
    again = train(copied, "toy", spec=spec, again=True)
    assert (again["model"], again["repeated"]) == ("models/toy@v2", False)
    another = train(copied, "toy", spec=replace(spec, seeds=1))
    assert (another["model"], another["repeated"]) == ("models/toy@v3", False)


def test_a_repeated_training_does_not_undo_a_rollback_but_makes_a_lost_version_anew(
    copied: Root,
) -> None:
    spec = replace(QUICK, seeds=2)
    open_store(copied.url).train("toy", again=True, **vars(replace(spec, first_seed=1)))
    promote_version(copied, "toy@v2", "it is newer", force=True)
    roll_back(copied, "toy", "worse on new rows")
    repeated = train(copied, "toy", spec=replace(spec, first_seed=1))
    assert (repeated["model"], repeated["promoted"]) == ("models/toy@v2", False)
    assert champion_of(copied, "toy") == "v1"
    Path(open_model(copied, "toy@v2").path("model.keras")).unlink()
    whole = train(copied, "toy", spec=replace(spec, first_seed=1))
    assert (whole["model"], whole["repeated"]) == ("models/toy@v3", False)


def test_a_training_that_ended_before_its_decision_is_decided_when_repeated(root: Root) -> None:
    store_series(root, n=N_SERIES)

    def step(function: Any) -> Any:
        if function.__name__ == "promote":
            raise KeyboardInterrupt
        return function

    with pytest.raises(KeyboardInterrupt):
        train(root, "toy", spec=QUICK, step=step)
    assert champion_of(root, "toy") is None
    repeated = train(root, "toy", spec=QUICK)
    assert (repeated["model"], repeated["repeated"]) == ("models/toy@v1", True)
    assert champion_of(root, "toy") == "v1"
