"""Small datasets and versions in a root."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.evaluation.decisions import LARGEST
from seqclass.inference.prediction import REFERENCES
from seqclass.pipeline.replicas import HISTORY, train_and_store
from seqclass.row_split import select_rows
from seqclass.store.datasets import Dataset, write_dataset
from seqclass.store.log import next_turn, read_log
from seqclass.store.models import ANSWERS, Model, commit_model
from seqclass.store.record_types import LogEntry
from seqclass.store.registry import MoveReason, champion_of, move_champion
from seqclass.store.root import MANIFEST, Root, sha256_of
from seqclass.store.rows import from_dense
from seqclass.store.split import write_split
from seqclass.store.staging import staging
from seqclass.store.states import REGISTER
from seqclass.training.spec import TrainingSpec
from seqclass.workers import workers
from tests.support.evidence import stored
from tests.support.places import NOW

RECORDS = ("metrics.json", "stability.json", "comparison.json", "report.json")
"""What pages read of a version."""
SEALED = {"kind", "name", "created", "files", "software", "machine"}
"""What a version is given when it is sealed."""
QUICK = TrainingSpec(seeds=1, members=("convolutions",))

SMALL = {
    "members": ["conv-lstm"],
    "networks": {"conv-lstm": 1},
    "recipe": {"updates": 100, "epochs": 1, "shortest": 50, "warm_up": 20},
    "architecture": {"filters": 8, "units": 8},
}
"""A single small network, as people write it down."""


SCORES = {"macro_f1": 0.9, "accuracy": 0.9, "log_loss": 0.3}
"""What a manifest says of a version's test."""
DESCRIBED = {
    "dataset": "datasets/toy@0", "dataset_digest": "0" * 64, "dataset_source": {}, "reading": {},
    "classes": ["down", "up"], "channels": ["value"], "registered_seed": 0, "metrics": SCORES,
    "decision": asdict(LARGEST), "symbols": {}, "refused": None, "spec": {}, "numerics": {},
}  # fmt: skip
"""What every version's manifest says of it."""
DECIDED = {
    "dataset": "datasets/toy@0", "decision": "refused", "reasons": ["worse"],
    "champion": "models/m@v1", "challenger": None, "trusted": False, "settled": True,
    "new_rows": 0, "seen": [], "quality": None, "drift": None, "doubted": False, "waited_s": 0.0,
}  # fmt: skip
"""What every retraining's manifest says of it."""


def store_series(root: Root, name: str = "toy", n: int = 60, **columns: list) -> Dataset:
    """Two classes, rising and falling lines of 12 steps with noise, and further columns."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    line = np.linspace(-1, 1, 12, dtype=np.float32) * np.where(y, 1, -1)[:, None]
    table = pa.table(
        {
            "series_id": [f"s{i:03d}" for i in range(n)],
            "label": [("down", "up")[code] for code in y],
            "n_steps": np.full(n, 12, np.int32),
            "value": from_dense(line + 0.1 * rng.standard_normal(line.shape, dtype=np.float32)),
            **columns,
        }
    )
    return write_dataset(root, name, [table], {"test": name}, NOW)


def store_version(
    root: Root, name: str, comparison: dict | None = None,
    records: Mapping[str, object] | None = None, **description: object,
) -> Model:  # fmt: skip
    """A version of two files that no network can be read from, and of further records.

    comparison: with the champion; that with another one than there is, if None.
    """
    manifest = {**DESCRIBED, **description}
    with staging(root, f"model-{name}") as workspace:
        root.fs.makedirs(workspace, exist_ok=True)
        artifacts = {
            "comparison.json": comparison or stored("v0"),
            "model.keras": {},
            **(records or {}),
        }
        for artifact, content in artifacts.items():
            written = content if isinstance(content, bytes) else json.dumps(content).encode()
            root.fs.pipe_file(f"{workspace}/{artifact}", written)
        return commit_model(root, workspace, name, manifest, NOW)


def make_champion(root: Root, name: str, version: str, second: int = 0) -> None:
    """Move the champion, so many seconds after ``NOW``."""
    move_champion(
        next_turn(root, name), version, MoveReason("me", "why", {}, NOW + timedelta(seconds=second))
    )


def register_again(root: Root, name: str, version: str) -> None:
    """Let the log name the manifest that a version has now, as a careful forger would."""
    turn, champion = next_turn(root, name), champion_of(root, name)
    manifest = sha256_of(root, root.join("models", name, version, MANIFEST))
    turn.append({"what": REGISTER, "from": champion, "to": champion, "candidate": version,
                 "actor": "me", "reason": "forged", "evidence": {MANIFEST: manifest}})  # fmt: skip


def newest_entry_of(root: Root, name: str) -> str:
    """The path of the newest entry of a model's log."""
    return max(root.fs.find(root.join("log", "models", name)))


def store_champion(root: Root, name: str, second: int = 0, **description: object) -> Model:
    """A version like those of ``store_version`` that is champion from that second on."""
    model = store_version(root, name, **description)
    make_champion(root, name, model.version, second)
    return model


TRAINED: dict[str, tuple[dict, bytes]] = {}
"""What is known of a classifier, and its file, by its dataset: a process trains it once."""


def trained(dataset: Dataset) -> tuple[dict, bytes]:
    if dataset.ref not in TRAINED:
        path = dataset.root.join("trained.keras")
        job = train_and_store, (dataset, select_rows(dataset, QUICK), QUICK, 0, path)
        [record] = workers().run([job])
        TRAINED[dataset.ref] = record, Path(path).read_bytes()
    return TRAINED[dataset.ref]


def store_again(
    root: Root, trained: Model, name: str, drawings: dict | None = None,
    verdict: dict | None = None, **metrics: object,
) -> Model:  # fmt: skip
    """A version with the records of a trained one, but for these drawings, verdict and metrics."""
    texts = {artifact: trained.read_json(artifact) for artifact in RECORDS}
    texts["metrics.json"] |= metrics
    texts["report.json"] |= drawings or {}
    texts["comparison.json"] |= verdict or {}
    manifest = {key: value for key, value in trained.manifest.items() if key not in SEALED}
    with staging(root, f"model-{name}") as workspace:
        root.fs.makedirs(workspace, exist_ok=True)
        for artifact, content in texts.items():
            root.fs.pipe_file(f"{workspace}/{artifact}", json.dumps(content).encode())
        return commit_model(root, workspace, name, manifest, NOW)


def register(dataset: Dataset, **more: object) -> Iterator[Model]:
    """Two versions of one trained classifier, its split, its references and such answers to its
    tests as if all were right, and nothing else."""
    root, (record, content) = dataset.root, trained(dataset)
    split, ids = select_rows(dataset, QUICK), dataset.labels()["series_id"]
    references = pa.table({"series_id": ids.take(pa.array(split.train[record["references"]]))})
    labels = dataset.labels().take(pa.array(split.test)).select(["series_id", "label"])
    sure = np.full(len(labels), 0.9)
    answers = labels.append_column("prediction", labels["label"]).append_column(
        "confidence", pa.array(sure)).append_column("familiarity", pa.array(sure))  # fmt: skip
    description = {
        **DESCRIBED,
        "dataset": dataset.ref,
        "classes": sorted(dataset.manifest["classes"]),
        "channels": dataset.channels,
        "decision": record["decision"],
        "spec": asdict(QUICK),
        **more,
    }
    for _ in range(2):
        with staging(root, "model") as workspace:
            root.fs.pipe_file(f"{workspace}/model.keras", content)
            write_split(root, workspace, split, ids)
            seeds = json.dumps({"seeds": [{**record, "seed": 0}]})
            root.fs.pipe_file(f"{workspace}/stability.json", seeds.encode())
            losses = pa.Table.from_pylist([], HISTORY)
            tables = {REFERENCES: references, ANSWERS: answers, "history.parquet": losses}
            for name, table in tables.items():
                with root.fs.open(f"{workspace}/{name}", "wb") as file:
                    pq.write_table(table, file)
            yield commit_model(root, workspace, "toy", description, NOW)


def read_decisions(root: Root, name: str) -> list[LogEntry]:
    """Return the sound entries of a model's log but for registrations of versions."""
    return [entry for entry in read_log(root, name) if entry["what"] != REGISTER]
