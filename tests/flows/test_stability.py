"""Stability studies: resumable, one row a run, the same table however they came about."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from seqclass.store.catalogue import verify_tree
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.store.studies import open_study
from tests.support.commands import Command
from tests.support.stored import SMALL, store_series
from tests.support.waiting import until


def rows_of(root: Root, ref: str) -> list[dict]:
    return pq.read_table(f"{open_study(root, ref).folder}/runs.parquet").to_pylist()


def without_seconds(rows: list[dict]) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_a_study_trains_every_seed_of_every_variant_once(
    prefect: str, root: Root, seqclass_json: Callable[..., dict], seqclass: Command, small: Path
) -> None:
    store_series(root, n=90)
    small.write_text(json.dumps({**SMALL, "members": ["convolutions"]}))
    calm = {**SMALL, "members": ["convolutions"], "validation_fraction": 0.3}
    (small.parent / "calm.json").write_text(json.dumps(calm))
    recipes = f"{small},{small.parent / 'calm.json'}"
    words = ("stability", "toy", "--recipes", recipes, "--architectures", "lstm")
    first = seqclass_json(*words, "--seeds", 1)
    assert first["trained"] == 2
    again = seqclass_json(*words, "--seeds", 1)
    assert (again["trained"], again["study"]) == (0, first["study"])
    larger = seqclass_json(*words, "--seeds", 2)
    assert larger["trained"] == 2
    assert larger["study"] != first["study"]
    rows = rows_of(root, larger["study"])
    assert [(r["recipe"], r["architecture"], r["seed"]) for r in rows] == [
        (recipe, "lstm", seed) for recipe in ("small", "calm") for seed in (0, 1)
    ]
    assert len({row["weights_sha256"] for row in rows}) >= 2
    assert all(0.9 < v["spread"]["macro_f1"]["min"] <= 1 for v in larger["variants"])
    page = Path(larger["report"]).read_text()
    assert page.count("<svg") == 1
    assert all(f"{recipe}, lstm" in page for recipe in ("small", "calm"))
    assert "studies/toy/" in Path(root.join("index.html")).read_text()
    assert verify_tree(root)["bad"] == []
    code, out, _ = seqclass("show", larger["study"])
    assert code == 0
    assert "passed" in out


@pytest.mark.system
def test_a_study_s_seeds_are_those_of_training_whose_manifest_says_what_decides_the_bits(
    prefect: str, root: Root, seqclass_json: Callable[..., dict], small: Path
) -> None:
    store_series(root, n=150)
    study = seqclass_json("stability", "toy", "--seeds", 2, "--recipes", small)
    trained = seqclass_json("train", "toy", "--seeds", 2, "--spec", small)
    by_study, by_training = (
        [(s["weights_sha256"], s["macro_f1"]) for s in seeds]
        for seeds in (rows_of(root, study["study"]), trained["seeds"])
    )
    assert by_study == by_training
    manifest = open_model(root, "toy").manifest
    assert set(manifest["numerics"]) == {
        "threads", "onednn", "op_determinism", "kernel", "learning_code",
    }  # fmt: skip
    assert {"python", "tensorflow-cpu", "keras", "numpy"} & set(manifest["software"])
    assert {"cpu", "vector_flags", "cores"} <= set(manifest["machine"])


@pytest.mark.system
def test_a_killed_study_goes_on_and_ends_with_the_same_table(
    prefect: str,
    root: Root,
    tmp_path: Path,
    seqclass_json: Callable[..., dict],
    small: Path,
) -> None:
    store_series(root, n=90)
    words = ["stability", "toy", "--seeds", "6", "--recipes", str(small)]
    environment = {**os.environ, "SEQCLASS_STORAGE": root.path}
    runs = Path(root.join("studies", "toy", "runs"))
    process = subprocess.Popen(
        [sys.executable, "-m", "seqclass.flows", *words], env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: process.poll() is not None or len(list(runs.glob("*.json"))) > 1)
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    done = {path: path.stat().st_mtime_ns for path in runs.glob("*.json")}
    assert 2 <= len(done) < 6
    assert not [v for v in root.names("studies", "toy") if v != "runs"]
    finished = seqclass_json(*words)
    assert finished["trained"] == 6 - len(done)
    assert all(path.stat().st_mtime_ns == moment for path, moment in done.items())
    other = open_root(tmp_path / "undisturbed")
    store_series(other, n=90)
    whole = seqclass_json(*words, "--root", other.path)
    assert whole["study"] == finished["study"]
    tables = [without_seconds(rows_of(r, whole["study"])) for r in (root, other)]
    assert tables[0] == tables[1]
    assert verify_tree(root)["bad"] == []


@pytest.mark.system
def test_a_record_that_can_t_be_read_is_trained_again(
    prefect: str, root: Root, seqclass_json: Callable[..., dict], small: Path
) -> None:
    store_series(root, n=90)
    words = ("stability", "toy", "--seeds", 1, "--recipes", small)
    seqclass_json(*words)
    [run] = Path(root.join("studies", "toy", "runs")).iterdir()
    run.write_text('{"seed": 0, "accu')
    assert seqclass_json(*words)["trained"] == 1


@pytest.mark.system
def test_threads_are_part_of_the_fingerprint(
    prefect: str, root: Root, seqclass_json: Callable[..., dict], small: Path
) -> None:
    """Stock layers sum in the same order with two threads, and the verdict says what changed."""
    store_series(root, n=130)
    seqclass_json("train", "toy", "--seeds", 1, "--spec", small)
    module = [sys.executable, "-m", "seqclass.flows"]
    words = [*module, "reproduce", "toy", "--root", root.path, "--json"]
    environment = {**os.environ, "SEQCLASS_THREADS": "2"}
    found = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    verdict = json.loads(found.stdout)
    assert verdict["verdict"] in ("identical", "equivalent")
    assert verdict["changed_fingerprint"] == ["threads"]
    wrong = subprocess.run(
        words, env={**os.environ, "SEQCLASS_THREADS": "two"}, capture_output=True, text=True
    )
    assert wrong.returncode == 2
    assert "SEQCLASS_THREADS: expected a whole number" in wrong.stderr.splitlines()[-1]
