"""A root with a version that doubts labels and has answered rows, made without training."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.inference.partitions import partitions_of
from seqclass.store.datasets import Dataset, Provenance, write_rows
from seqclass.store.models import ANSWERS, HELD, Model, commit_model
from seqclass.store.retrainings import commit_retraining, write_suspect_labels
from seqclass.store.root import Root
from seqclass.store.rows import from_dense
from seqclass.store.scores import TABLE, ScoreSet
from seqclass.store.staging import staging
from tests.support.arrivals import rows
from tests.support.places import NOW
from tests.support.stored import DECIDED, DESCRIBED, make_champion, store_series

CLASSES = ["down", "up"]
TURNED, DOUBTED, ELSEWHERE = {"s003", "s010"}, "s020", "t0104"
"""Ids of rows whose labels held-back answers doubt, or a retraining; and of an unknown row of a
file that the dataset lacks."""


def store_version_that_doubts(root: Root, dataset: Dataset) -> Model:
    """A champion that was tested on the first 20 rows and held the others back; it is sure of all
    labels but those of ``TURNED``."""
    table = dataset.labels().select(["series_id", "label"])
    sure = np.linspace(0.9, 0.97, len(table))
    for row, name in enumerate(table["series_id"].to_pylist()):
        sure[row] = {"s003": 0.02, "s010": 0.05}.get(name, sure[row])
    up = np.array([label == "up" for label in table["label"].to_pylist()])
    chance = np.where(up, sure, 1 - sure).astype(np.float32)
    shares = pa.array(list(np.stack([1 - chance, chance], axis=1)), pa.list_(pa.float32()))
    table = table.append_column("probabilities", shares)
    predicted = pa.array(np.where(chance >= 0.5, "up", "down"))
    confidence = pa.array(np.maximum(chance, 1 - chance), pa.float32())
    tested = table.append_column("prediction", predicted).append_column("confidence", confidence)
    tested = tested.append_column("answer", predicted)
    tested = tested.append_column("familiarity", pa.array(np.linspace(0.05, 1, len(table))))
    tested = tested.append_column("nearest", pa.array([["s050"]] * len(table)))
    with staging(root, "model") as folder:
        root.fs.makedirs(folder, exist_ok=True)
        for name, part in ((ANSWERS, tested.slice(0, 20)), (HELD, table.slice(20))):
            with root.fs.open(f"{folder}/{name}", "wb") as file:
                pq.write_table(part, file)
        description = {**DESCRIBED, "dataset": dataset.ref}
        model = commit_model(root, folder, dataset.manifest["name"], description, NOW)  # type: ignore[arg-type]
    make_champion(root, model.name, model.version)
    return model


def store_scores(model: Model, path: Path, series: pa.Table, unknown: int) -> Path:
    """Scores of a file of series without labels, of which the first ones are unknown, each surer
    than the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(series.drop(["label"]), path)
    root, n = model.root, len(series)
    confidence = np.linspace(0.5, 0.6, n) if unknown else np.linspace(0.9, 0.99, n)
    answers = [("unknown" if row < unknown else "up") for row in range(n)]
    table = pa.table({
        "series_id": series["series_id"], "label": pa.nulls(n, pa.string()),
        "prediction": ["up"] * n, "answer": answers,
        "reason": ["ambiguous" if row < unknown else None for row in range(n)],
        "confidence": pa.array(confidence, pa.float32()),
        "familiarity": pa.array(np.linspace(0.05, 1, n), pa.float32()),
        "nearest": pa.array([["s001", "s002"]] * n),
    })  # fmt: skip
    [partition] = partitions_of(root, str(path))
    with staging(root, "scores") as folder:
        root.fs.makedirs(folder, exist_ok=True)
        with root.fs.open(f"{folder}/{TABLE}", "wb") as file:
            pq.write_table(table, file)
        description = {"rows": n, "unknown": unknown, "path": str(path), "reading": {}}
        place = ScoreSet(root, model.name, model.version, "files", partition.digest)
        place.write(folder, description, NOW)
    return path


def noisy(first: int, n: int) -> pa.Table:
    """Series of noise, no two of which are alike, with the ids of ``rows``."""
    values = np.random.default_rng(first).standard_normal((n, 12), dtype=np.float32)
    return rows(first, n, value=from_dense(values))


def store_doubts(root: Root, folder: Path) -> Model:
    """Everything that a queue asks about: two turned labels, a label that a retraining doubted and
    five unknown rows without a label, two of them alike; and an unknown row of a file alone."""
    dataset = store_series(root, n=60)
    model = store_version_that_doubts(root, dataset)
    with staging(root, "retraining") as work:
        root.fs.makedirs(work, exist_ok=True)
        write_suspect_labels(root, work, [(DOUBTED, "down")])
        description = {**DECIDED, "dataset": dataset.ref, "champion": model.ref}
        commit_retraining(root, work, "toy", description, NOW)
    new = noisy(100, 8)
    new = new.set_column(1, "label", pa.nulls(len(new), pa.string()))
    twin = new.slice(0, 1).set_column(0, "series_id", pa.array(["twin"]))
    new = pa.concat_tables([new.slice(0, 1), twin, new.slice(1)])
    store_scores(model, folder / "new.parquet", new, 6)
    imported = new.filter(pc.not_equal(new["series_id"], ELSEWHERE))
    write_rows(root, "toy", [*dataset.tables(), imported], Provenance({"test": "toy"}))
    return model
