"""Flows, once each, on a real Prefect server, with real training in worker processes."""

import hashlib
import html
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from seqclass.export import mlflow_loader
from seqclass.store.datasets import open_dataset
from seqclass.store.log import read_log
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root, open_root
from tests.support.commands import Command, modules_of
from tests.support.stored import store_series
from tests.support.waiting import until

ARTIFACTS = {
    "MLmodel", "README.md", "comparison.json", "evidence.parquet", "held.parquet",
    "history.parquet", "manifest.json", "metrics.json", "model.keras", "predictions.parquet",
    "references.parquet", "report.html", "report.json", "split.parquet", "stability.json",
}  # fmt: skip


WHOLE = {"members": ["conv-lstm"], "networks": {"conv-lstm": 1}}
"""A single network instead of one for each share of the rows, which would take longer."""
CHEAP = {"members": ["convolutions"]}
"""For what the flow does with any model."""
QUICK = {"updates": 200, "epochs": 1, "shortest": 100, "restart_check_step": 100, "restarts": 1}


@pytest.fixture(scope="module")
def trained(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, dict]:
    """A root with one model of a toy dataset, and what its flow returned."""
    from flows.training import train_classifier
    from seqclass.training.spec import TrainingSpec

    root = open_root(tmp_path_factory.mktemp("trained"))
    store_series(root, n=120)
    return root, train_classifier("toy", spec=TrainingSpec(seeds=2, **WHOLE), root=root.path)


@pytest.fixture
def cheap(tmp_path: Path) -> Path:
    (tmp_path / "cheap.json").write_text(json.dumps(CHEAP))
    return tmp_path / "cheap.json"


def test_a_model_version_holds_every_artifact(trained: tuple[Root, dict]) -> None:
    root, outcome = trained
    model = open_model(root, outcome["model"])
    assert {path.name for path in Path(model.folder).iterdir()} == ARTIFACTS
    assert {f["path"] for f in model.manifest["files"]} == ARTIFACTS - {
        "manifest.json", "report.html",
    }  # fmt: skip
    assert model.manifest["dataset"] == open_dataset(root, "toy").ref
    assert champion_of(root, "toy") == "v1"
    assert [entry["what"] for entry in read_log(root, "toy")] == ["register", "promote"]


def test_a_version_is_a_model_of_mlflow_and_of_hugging_face(trained: tuple[Root, dict]) -> None:
    yaml = pytest.importorskip("yaml")
    root, outcome = trained
    model = open_model(root, outcome["model"])
    described = yaml.safe_load(Path(model.path("MLmodel")).read_text())
    function = described["flavors"]["python_function"]
    assert function["loader_module"] == mlflow_loader.__name__
    data = Path(model.folder, function["data"])
    stored = pq.read_table(model.path("predictions.parquet"))
    dataset = open_dataset(root, outcome["dataset"])
    ids = dataset.labels()["series_id"].to_pylist()
    rows = sorted(ids.index(name) for name in stored["series_id"].to_pylist())
    x = dataset.values(np.array(rows))
    found = mlflow_loader._load_pyfunc(str(data)).predict(pd.DataFrame({"value": list(x[:, :, 0])}))
    wanted = dict(zip(stored["series_id"].to_pylist(), stored["answer"].to_pylist(), strict=True))
    assert found["answer"].tolist() == [wanted[ids[row]] for row in rows]
    outputs = json.loads(described["signature"]["outputs"])
    assert [own["name"] for own in outputs] == [*found.columns]
    _, front, _ = Path(model.path("README.md")).read_text().split("---\n", 2)
    [result] = yaml.safe_load(front)["model-index"][0]["results"]
    assert {own["type"]: own["value"] for own in result["metrics"]} == {
        "accuracy": model.manifest["metrics"]["accuracy"],
        "f1": model.manifest["metrics"]["macro_f1"],
        "balanced_accuracy": model.manifest["metrics"]["balanced_accuracy"],
    }


def test_a_model_is_shown_without_statistics_where_it_has_answered_nothing(
    trained: tuple[Root, dict],
) -> None:
    root, outcome = trained
    name = outcome["model"].partition("@")[0].rpartition("/")[2]
    assert modules_of(root, "show", name) & {"scipy", "jinja2", "tensorflow", "prefect"} == set()


def test_the_run_is_called_by_what_it_worked_on(trained: tuple[Root, dict]) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(limit=200)
    assert "train toy@v1" in {run.name for run in runs}


def test_test_rows_are_held_back_and_scored(trained: tuple[Root, dict]) -> None:
    root, outcome = trained
    model = open_model(root, outcome["model"])
    metrics = model.read_json("metrics.json")
    answers = pq.read_table(model.path("predictions.parquet"))
    seeds = model.read_json("stability.json")["seeds"]
    assert [seed for seed in seeds if "references" in seed] == []
    assert metrics["references"] == pq.read_table(model.path("references.parquet")).num_rows
    assert metrics["test_rows"] == len(answers)
    assert 10 < metrics["test_rows"] < 30
    assert metrics["train_rows"] + metrics["test_rows"] == 120
    held = metrics["out_of_fold"]
    assert (held["rows"], held["accuracy"]) == (20, 1.0)  # the fold that one network left out
    assert 0.8 < held["interval"][0] < held["interval"][1] == 1.0
    assert metrics["metrics"]["macro_f1"] == 1.0
    assert answers["prediction"].to_pylist() == answers["label"].to_pylist()
    assert metrics["where"] is None
    assert set(metrics["baselines"]) == {"majority", "logistic_regression", "nearest_neighbour"}


def test_the_stored_file_gives_the_recorded_predictions(trained: tuple[Root, dict]) -> None:
    import keras

    from seqclass.row_split import select_rows
    from seqclass.training.spec import TrainingSpec

    root, outcome = trained
    model, dataset = open_model(root, outcome["model"]), open_dataset(root, outcome["dataset"])
    chosen = select_rows(dataset, TrainingSpec())
    classifier = keras.saving.load_model(model.path("model.keras"), safe_mode=True)
    found = classifier.predict(dataset.values(chosen.test), verbose=0)["probabilities"]
    recorded = np.stack(
        pq.read_table(model.path("predictions.parquet"))["probabilities"].to_numpy()
    )
    np.testing.assert_allclose(found, recorded, atol=1e-6)


def test_a_version_keeps_its_split_whatever_its_spec_would_say_now(
    trained: tuple[Root, dict],
) -> None:
    from seqclass.row_split import split_of
    from seqclass.store.split import SPLIT

    model = open_model(trained[0], trained[1]["model"])
    assert [entry["path"] for entry in model.manifest["files"]].count(SPLIT) == 1
    own = split_of(model)
    later = replace(model, manifest={**model.manifest, "spec": {"split_seed": 7}})
    assert split_of(later).test.tolist() == own.test.tolist()
    tested = pq.read_table(model.path("predictions.parquet"))["series_id"].to_pylist()
    rows = pq.read_table(model.path(SPLIT)).to_pylist()
    assert [row["series_id"] for row in rows if row["part"] == "test"] == tested


def test_the_report_stands_alone(trained: tuple[Root, dict]) -> None:
    root, outcome = trained
    page = Path(open_model(root, outcome["model"]).folder, "report.html").read_text()
    assert not re.findall(r'src=|(?:href)="(?!\.\./|#|[a-z]+\.json)[^"]*"', page)
    for part in (
        "95% interval",
        "logistic regression",
        "Hardest test series",
        "Data",
        "Worst case: seed",
    ):
        assert part in page


def test_a_seed_tells_which_of_its_networks_it_is_at(root: Root) -> None:
    from seqclass.networks.architecture import Architecture
    from seqclass.pipeline.replicas import train_seed
    from seqclass.row_split import select_rows
    from seqclass.training.recipe import Recipe
    from seqclass.training.spec import TrainingSpec
    from seqclass.workers import Progress, workers

    dataset = store_series(root, n=60)
    small = Architecture(filters=4, units=4)
    recipe = Recipe(updates=100, epochs=1, shortest=100, restarts=0)
    spec = TrainingSpec(
        seeds=1, validation_fraction=0.25, members=("conv-lstm",), recipe=recipe, architecture=small
    )
    told: list[Progress] = []
    job = dataset, select_rows(dataset, spec), spec, 0, root.join("x.keras")
    workers().call(train_seed, *job, watch=told.append)
    steps = [(one.network, one.update) for one in told]
    every = [(network, update) for network in range(1, 5) for update in (50, 100)]
    assert steps == every


@pytest.mark.system
def test_a_model_says_what_each_member_of_a_seed_did(prefect: str, tmp_path: Path) -> None:
    from flows.training import train_classifier
    from seqclass.networks.architecture import Architecture
    from seqclass.training.recipe import Recipe
    from seqclass.training.spec import MEMBERS, TrainingSpec

    root = open_root(tmp_path)
    muddled = [("down", "up")[(i + (i % 5 == 0)) % 2] for i in range(90)]
    store_series(root, "few", n=90, label=muddled)
    small = Architecture(filters=4, units=4)
    recipe = Recipe(updates=50, epochs=1, shortest=50)
    spec = TrainingSpec(seeds=1, validation_fraction=0.5, recipe=recipe, architecture=small)
    model = open_model(root, train_classifier("few", spec=spec, root=root.path)["model"])
    [seed] = model.read_json("stability.json")["seeds"]
    assert [member["name"] for member in seed["members"]] == [*MEMBERS]
    assert sum(member["weight"] for member in seed["members"]) == pytest.approx(1)
    for member in seed["members"]:
        assert (member["weight"] == 0) == (member["why"] in ("solved", "no gain"))


def test_prefect_s_log_follows_every_seed(trained: tuple[Root, dict], prefect: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.sorting import LogSort

    def lines() -> list[str]:
        with get_client(sync_client=True) as client:
            found = client.read_logs(sort=LogSort.TIMESTAMP_DESC)
        return [log.message for log in found]

    until(lambda: any("(2 of 2)" in line for line in lines()))
    said = lines()
    for seed in (0, 1):
        losses = [float(line.rpartition(" ")[2]) for line in said
                  if line.startswith(f"seed {seed}: LSTM, network 1, at update")]  # fmt: skip
        assert losses, "the losses of the LSTM on its way"


def test_prefect_shows_scores_and_seeds(trained: tuple[Root, dict], prefect: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=["toy", "toy-seeds"]))
        )
    assert {(a.key, a.type) for a in found} == {("toy", "markdown"), ("toy-seeds", "table")}
    text = max((a for a in found if a.key == "toy"), key=lambda a: a.created).data
    assert "models/toy@v1" in text
    for part in ("## Stability", "over 2 seeds: mean 1.0000", "worst case, seed", "gate: passed"):
        assert part in text


@pytest.mark.system
def test_a_seed_does_not_depend_on_its_company(trained: tuple[Root, dict]) -> None:
    root, _ = trained
    script = (
        "from seqclass.pipeline.replicas import train_seed\n"
        "from seqclass.training.spec import TrainingSpec\n"
        "from seqclass.runtime import environment; import os; os.environ.update(environment())\n"
        f"spec, to = TrainingSpec(**{WHOLE}), {root.join('alone.keras')!r}\n"
        "from seqclass.store.datasets import open_dataset\n"
        "from seqclass.store.root import open_root\n"
        "from seqclass.row_split import select_rows\n"
        f"toy = open_dataset(open_root({root.path!r}), 'toy')\n"
        "r = train_seed(toy, select_rows(toy, spec), spec, 1, to)\n"
        "print(r['weights_sha256'])"
    )
    alone = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    seeds = open_model(root, "toy@v1").read_json("stability.json")["seeds"]
    assert alone.stdout.strip() == seeds[1]["weights_sha256"]


def test_a_better_model_takes_the_place_of_a_worse_one(
    trained: tuple[Root, dict], seqclass_json: Callable[..., dict], cheap: Path
) -> None:
    root, _ = trained
    muddled = [("down", "up")[(i + (i % 10 == 0)) % 2] for i in range(200)]
    worse = store_series(root, "hardly", n=200, label=muddled)
    words = ("--seeds", 1, "--name", "line", "--root", root.path, "--spec", cheap)
    first = seqclass_json("train", worse.ref, *words)
    second = seqclass_json("train", "toy", *words)
    assert first["metrics"]["macro_f1"] < 1
    assert (second["verdict"], second["promoted"]) == ("promoted", True)
    assert "not worse than champion v1: macro F1 1.0000 against" in second["decision"]
    assert champion_of(root, "line") == "v2"
    decided = [(entry["what"], entry["from"]) for entry in read_log(root, "line")]
    assert decided == [
        ("register", None), ("promote", None), ("register", "v1"), ("promote", "v1"),
    ]  # fmt: skip


def test_a_champion_of_other_classes_stays(
    trained: tuple[Root, dict], seqclass: Command, cheap: Path
) -> None:
    root, _ = trained
    other = store_series(root, "other", label=["p", "q"] * 30)
    words = ("--seeds", 1, "--spec", cheap, "--name", "toy", "--root", root.path, "--json")
    code, out, _ = seqclass("train", other.ref, *words)
    found = json.loads(out)
    assert (code, found["verdict"], found["promoted"]) == (1, "refused", False)
    assert "answers other classes" in found["decision"]


@pytest.mark.parametrize(
    ("labels", "spec", "says"),
    [
        pytest.param(
            None,
            {**WHOLE, "recipe": {**QUICK, "learning_rate": 1e4}},
            "below the floor|began again",
            marks=pytest.mark.system,
        ),
        ([("up", "down")[i % 7 % 3 % 2] for i in range(90)], CHEAP, "below the floor"),
    ],
    ids=["diverging", "shuffled labels"],
)
def test_the_gate_refuses_what_can_t_be_trusted(
    trained: tuple[Root, dict], seqclass: Command, tmp_path: Path, labels: list, spec: dict,
    says: str,
) -> None:  # fmt: skip
    root, _ = trained
    columns = {} if labels is None else {"label": labels}
    dataset = store_series(root, "doubtful", n=90, **columns)
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    before = champion_of(root, "toy")
    code, out, err = seqclass(
        "train", dataset.ref, "--seeds", 2, "--name", "toy", "--root", root.path, "--json",
        "--spec", tmp_path / "spec.json",
    )  # fmt: skip
    found = json.loads(out)
    assert code == 1
    assert re.search(says, found["refused"])
    assert err.splitlines()[-1] == f"seqclass: {found['refused']}"
    assert not found["promoted"]
    assert champion_of(root, "toy") == before
    report = html.unescape(Path(found["report"]).read_text())
    reasons = found["refused"].removeprefix("refused by the gate: ").split("; and ")
    assert [reason for reason in reasons if reason not in report] == []
    code, out, _ = seqclass("models", "--root", root.path)
    assert "refused" in out


def test_generated_bytes_are_the_same_again(
    seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    digests = []
    for folder in ("one", "two"):
        found = seqclass_json(
            "generate", "signals", "--n-series", 3000, "--root", tmp_path / folder
        )
        files = Path(tmp_path / folder, found["dataset"].replace("@", "/")).glob("*.parquet")
        digests.append([hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(files)])
    assert digests[0] == digests[1] != []
