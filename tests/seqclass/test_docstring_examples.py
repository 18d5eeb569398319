"""The examples in the docstrings of the public names run, on one classifier and one store."""

import doctest
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import seqclass
from seqclass import SequenceClassifier, StoredClassifier, load_model, open_store
from seqclass.answering import Answering
from seqclass.inference.prediction import REFERENCES
from seqclass.pipeline.replicas import HISTORY
from seqclass.store.datasets import write_dataset
from seqclass.store.models import commit_model, save_keras
from seqclass.store.root import open_root
from seqclass.store.rows import from_dense
from seqclass.store.staging import staging
from seqclass.stores import Store
from tests.support.places import NOW
from tests.support.stored import DESCRIBED, make_champion

FINDER = doctest.DocTestFinder(exclude_empty=False)
READING = (StoredClassifier, load_model, open_store, Store)
CHEAP = "seeds=1, members=('convolutions',)"
"""What is trained instead of the example's seed of all members."""


def run(owner: Any, names: dict[str, Any]) -> None:
    """Run the examples of a name and then those of its methods; all share their names."""
    parts = FINDER.find(owner, owner.__name__, module=False, globs=names)
    for part in sorted(parts, key=lambda part: part.lineno or 0):
        part.globs = names
        for example in part.examples:
            example.source = example.source.replace("seeds=1", CHEAP)
        failures: list[str] = []
        doctest.DocTestRunner(verbose=False).run(part, out=failures.append, clear_globs=False)
        assert not failures, "".join(failures)


def fill_store(names: dict[str, Any]) -> None:
    """Store the examples' series and register their classifier as champion."""
    root, x, clf = open_root("my-store"), names["X"], names["clf"]
    table = pa.table({
        "series_id": [f"s{row:02d}" for row in range(len(x))],
        "label": names["y"],
        "n_steps": np.full(len(x), x.shape[1], np.int32),
        "value": from_dense(x.astype(np.float32)),
    })  # fmt: skip
    dataset = write_dataset(root, "courses", [table], {"test": "courses"}, NOW)
    description: Any = {
        **DESCRIBED, "dataset": dataset.ref, "classes": clf.classes_.tolist(),
        "decision": asdict(clf.decision_),
    }  # fmt: skip
    with staging(root, "model-courses") as workspace:
        root.fs.makedirs(workspace, exist_ok=True)
        save_keras(clf.keras_model_, root, f"{workspace}/model.keras")
        pq.write_table(table.select(["series_id"]), f"{workspace}/{REFERENCES}")
        pq.write_table(pa.Table.from_pylist([], HISTORY), f"{workspace}/history.parquet")
        root.fs.pipe_file(f"{workspace}/stability.json", b'{"seeds": []}')
        commit_model(root, workspace, "courses", description, NOW)
    make_champion(root, "courses", "v1")
    other = {"rises": "falls", "falls": "rises"}
    answers = zip(["s00", "s01"], [other[names["y"][0]], names["y"][1]], strict=True)
    Path("answers.csv").write_text("series_id,label\n" + "\n".join(map(",".join, answers)))
    steps = [
        f"m{row},{label},{step},{series[step]}"
        for row, (series, label) in enumerate(zip(x, names["y"], strict=True))
        for step in range(len(series))
    ]
    Path("machines.csv").write_text("\n".join(["machine,label,step,load", *steps]))


def test_every_example_gives_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    run(SequenceClassifier, names)
    run(Answering, names)
    fill_store(names)
    for owner in READING:
        run(owner, names)


def test_every_public_name_and_method_has_an_example() -> None:
    owners = [getattr(seqclass, name) for name in seqclass.__all__] + [Store, Answering]
    parts = [part for owner in owners for part in FINDER.find(owner, owner.__name__, module=False)]
    public = [part for part in parts if "._" not in part.name and part.docstring]
    missing = {part.name for part in public if not part.examples}
    of_scikit_learn = {name for name in missing if name.endswith("_request")}
    assert missing - of_scikit_learn == {"Answering", "Answering.keras_model_"}
