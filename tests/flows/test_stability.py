"""Stability studies: one row a run, each trained once, the same table however they came about."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pydantic import TypeAdapter

from seqclass.pages.index_pages import refresh
from seqclass.pipeline.study import missing_runs, summarise_study, train_run
from seqclass.pipeline.training import train
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import Dataset
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.store.studies import open_study
from seqclass.training.spec import TrainingSpec
from seqclass.training.study_spec import StudySpec
from tests.support.commands import Command
from tests.support.stored import QUICK, SMALL, store_series

SPEC = TypeAdapter(TrainingSpec).validate_python(SMALL)


def studied(dataset: Dataset, spec: StudySpec) -> tuple[str, int]:
    """A study's reference, and how many runs were trained for it."""
    missing = missing_runs(dataset, spec)
    for label, run in missing.items():
        train_run(label, run, dataset)
    return summarise_study(dataset, spec), len(missing)


def rows_of(root: Root, ref: str) -> list[dict]:
    return pq.read_table(f"{open_study(root, ref).folder}/runs.parquet").to_pylist()


def test_a_study_trains_every_seed_of_every_variant_once(root: Root, seqclass: Command) -> None:
    dataset = store_series(root, n=90)
    recipes = {"quick": QUICK, "calm": replace(QUICK, validation_fraction=0.3)}
    smaller, larger = (StudySpec(n, 0, ("lstm",), recipes) for n in (1, 2))
    first, trained = studied(dataset, smaller)
    assert trained == 2
    assert studied(dataset, smaller) == (first, 0)
    run, _ = sorted(Path(root.join("studies", "toy", "runs")).iterdir())
    run.write_text('{"seed": 0, "accu')
    assert studied(dataset, smaller) == (first, 1), "one whose record can't be read"
    second, trained = studied(dataset, larger)
    assert trained == 2
    assert second != first
    rows = rows_of(root, second)
    assert [(row["recipe"], row["architecture"], row["seed"]) for row in rows] == [
        (recipe, "lstm", seed) for recipe in recipes for seed in (0, 1)
    ]
    assert len({row["weights_sha256"] for row in rows}) >= 2
    study = open_study(root, second)
    variants = study.read_json("stability.json")["variants"]
    assert all(0.9 < variant["spread"]["macro_f1"]["min"] <= 1 for variant in variants)
    page = Path(study.folder, "report.html").read_text()
    assert page.count("<svg") == 1
    assert all(f"{recipe}, lstm" in page for recipe in recipes)
    refresh(root, [second])
    assert "studies/toy/" in Path(root.join("index.html")).read_text()
    assert verify_tree(root)["bad"] == []
    code, out, _ = seqclass("show", second)
    assert (code, "passed" in out) == (0, True)


@pytest.mark.system
def test_a_study_s_seeds_are_those_of_training_whose_manifest_says_what_decides_the_bits(
    root: Root,
) -> None:
    dataset = store_series(root, n=150)
    ref, _ = studied(dataset, StudySpec(2, 0, (), {"small": SPEC}))
    model = open_model(root, train(root, "toy", spec=replace(SPEC, seeds=2))["model"])
    by_study, by_training = (
        [(seed["weights_sha256"], seed["macro_f1"]) for seed in seeds]
        for seeds in (rows_of(root, ref), model.read_json("stability.json")["seeds"])
    )
    assert by_study == by_training
    assert set(model.manifest["numerics"]) == {
        "threads", "onednn", "op_determinism", "kernel", "learning_code",
    }  # fmt: skip
    assert {"python", "tensorflow-cpu", "keras", "numpy"} & set(model.manifest["software"])
    assert {"cpu", "vector_flags", "cores"} <= set(model.manifest["machine"])
