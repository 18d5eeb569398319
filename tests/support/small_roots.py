"""A root with one of everything that a store keeps, made without training."""

import json
from datetime import timedelta

import numpy as np
import pyarrow as pa

from seqclass.monitoring.policy import ModelPolicy
from seqclass.pages.index_pages import write_all
from seqclass.policies import set_policy
from seqclass.store.datasets import recordings_folder
from seqclass.store.log import next_turn
from seqclass.store.models import DRAWINGS, REPORT
from seqclass.store.quarantine import Quarantine
from seqclass.store.queues import write_labels, write_queue
from seqclass.store.references import StudyRef
from seqclass.store.registry import MoveReason, write_refusal
from seqclass.store.retrainings import commit_retraining
from seqclass.store.root import Root, replace_file
from seqclass.store.scores import TABLE, ScoreSet
from seqclass.store.staging import staging
from seqclass.store.studies import commit_study, run_path
from tests.support.arrivals import rows
from tests.support.places import NOW
from tests.support.stored import DECIDED, SCORES, make_champion, store_series, store_version

RECORDS = {
    "model": "models/m/v1/manifest.json",
    "dataset": "datasets/toy/*/manifest.json",
    "study": "studies/toy/*/manifest.json",
    "scores": "scores/m/v2/toy/*/manifest.json",
    "retraining": "retrainings/m/*/manifest.json",
    "entry": "log/models/m/000002.json",
}
"""Patterns of the places of records."""
NOTHING_DRAWN = {"made": NOW.isoformat(), "card": {}, "curves": {}, "hardest": []}


def store_all(root: Root) -> None:
    """Two versions of a dataset and three of a model, of which the second is champion and the
    third refused; a policy, a retraining, scores, votes, a study with a run, rows set aside, a
    queue with an answer, the page of a recording, all other pages."""
    old, new = store_series(root, n=20), store_series(root, n=24)
    for number, dataset in enumerate((old, new, new)):
        description = {"metrics": SCORES, "spec": {}, "dataset": dataset.ref}
        model = store_version(root, "m", records={DRAWINGS: NOTHING_DRAWN}, **description)
        replace_file(root, f"{model.folder}/{REPORT}", b"<html>report</html>")
        if number < 2:
            make_champion(root, "m", model.version, number)
    write_refusal(
        next_turn(root, "m"), "v3", MoveReason("me", "worse", {}, NOW + timedelta(seconds=2))
    )
    set_policy(root, "m", ModelPolicy(owner="ann"), "why", NOW + timedelta(seconds=3))
    _store_records(root, old.ref)
    write_all(root)


def _store_records(root: Root, dataset: str) -> None:
    aside = Quarantine(root, root.join(".staging", "aside"))
    aside.add(rows(0), ["frozen"] * len(rows(0)))
    aside.close()
    aside.commit("toy")
    root.fs.rm(root.join(".staging", "aside"), recursive=True)
    replace_file(root, f"{recordings_folder(root, 'toy')}/{'0' * 16}.html", b"<html>song</html>")
    replace_file(root, run_path(root, "toy", "0" * 16), b'{"seed": 0}')
    votes = root.join("scores", "m", "v2", f"votes-{'0' * 16}.json")
    replace_file(root, votes, json.dumps({"answers": []}).encode())
    with staging(root, "study") as folder:
        _put(root, folder, "stability.json", b"{}")
        study = {"dataset": dataset, "spec": {}, "numerics": {}}
        commit_study(root, folder, StudyRef("toy", "0" * 16), study, NOW)
    with staging(root, "scores") as folder:
        _put(root, folder, TABLE, np.arange(9).tobytes())
        ScoreSet(root, "m", "v2", "toy", "0" * 16).write(folder, {"rows": 9, "unknown": 0}, NOW)
    asked = pa.table({"series_id": ["s001"]})
    about = {"model": "models/m@v2", "dataset": dataset}
    write_queue(root, "m", asked, {**about, "reasons": {}}, NOW)
    given = pa.table({"series_id": ["s001"], "label": ["up"]})
    counted = {"parent": dataset, "changed": 1, "confirmed": 0, "sha256": "0" * 64}
    write_labels(root, ("m", "0" * 16), given, {**about, **counted}, NOW)
    with staging(root, "retraining") as folder:
        _put(root, folder, "drift.parquet", b"drift")
        description = {"dataset": dataset, "champion": "v2", "challenger": "models/m@v3"}
        commit_retraining(root, folder, "m", {**DECIDED, **description}, NOW)


def _put(root: Root, folder: str, name: str, content: bytes) -> None:
    root.fs.makedirs(folder, exist_ok=True)
    root.fs.pipe_file(f"{folder}/{name}", content)
