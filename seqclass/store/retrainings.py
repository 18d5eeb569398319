"""Retrainings: the data, the decision and its reasons, written once.

``retrainings/<model>/<time>-<number>/`` holds the drift table and picture, the rows whose labels
are doubted, and the manifest with the decision.
"""

import contextlib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.store.log import LOG, STAMP, entry_name, read_entry
from seqclass.store.manifests import RetrainingManifest, RetrainingRecord
from seqclass.store.record_types import Attempt, Overdue
from seqclass.store.root import (
    DamagedError,
    Damages,
    Root,
    check_file,
    describe_folder,
    note,
    read_record,
    readable,
    remove_file,
    replace_file,
    write_manifest,
)
from seqclass.store.staging import commit, staging
from seqclass.store.tables import read_table

RETRAININGS, SUSPECTS, FAILED = "retrainings", "suspects.parquet", "failed"
DRIFT_TABLE = "drift.parquet"
COLUMNS = ("series_id", "label")
Pair = tuple[str, str | None]
"""Id and label of a row; a label is doubted, not the row."""


def retrainings_of(root: Root, model: str, bad: Damages | None = None) -> list[RetrainingRecord]:
    """Return manifests of a model's retrainings, oldest first, with their ``folder``.

    Damaged ones are left out, and added to ``bad``.
    """
    folders = [
        root.join(RETRAININGS, model, name) for name in root.sealed_names(RETRAININGS, model)
    ]
    records = [read_retraining(root, folder, bad) for folder in folders]
    return [record for record in records if record is not None]


def read_retraining(root: Root, folder: str, bad: Damages | None = None) -> RetrainingRecord | None:
    """Return a retraining's manifest with its ``folder``; None, with a note in ``bad``, if bad.

    None also for a decision that no entry of the log carries out, since its run was killed before.
    """
    manifest = readable(root, folder, RetrainingManifest, bad)
    if manifest is None:
        return None
    record: RetrainingRecord = {**manifest, "folder": folder}
    if manifest["entry"] is None:
        return record
    _, model, name = root.parts_of(folder)
    file = entry_name(manifest["entry"])
    try:
        is_there = root.exists(LOG, "models", model, file)
        is_carried_out = is_there and read_entry(root, model, file).record.get("retraining") == name
    except DamagedError as error:
        note(bad, folder, error)
        return None
    return record if is_carried_out else None


def last_settled(root: Root, model: str) -> RetrainingRecord | None:
    """Return the newest settled retraining; only as many as needed are read."""
    for entry in reversed(root.sealed_names(RETRAININGS, model)):
        record = read_retraining(root, root.join(RETRAININGS, model, entry))
        if record and record["settled"]:
            return record
    return None


def suspect_labels(root: Root, records: list[RetrainingRecord]) -> set[Pair]:
    """Return rows, by id and label, whose labels were doubted and not trusted since."""
    pairs: set[Pair] = set()
    for record in records:
        if record["trusted"]:
            pairs.clear()
        for entry in record["files"]:
            if entry["path"] == SUSPECTS:
                table = read_table(root, check_file(root, record["folder"], entry))
                pairs |= set(zip(*(table[name].to_pylist() for name in COLUMNS), strict=True))
    return pairs


def write_suspect_labels(root: Root, workspace: str, pairs: list[Pair]) -> None:
    """Store ids with the labels that are doubted, at least one."""
    columns = zip(COLUMNS, zip(*pairs, strict=True), strict=True)
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns})
    with root.fs.open(f"{workspace}/{SUSPECTS}", "wb") as file:
        pq.write_table(table, file)


def commit_retraining(
    root: Root,
    workspace: str,
    model: str,
    description: Mapping[str, Any],
    now: datetime,
    entry: int | None = None,
) -> str:
    """Seal a copy of a staged folder; returns its final path.

    entry: number of the entry of the log that is to carry the decision out.
    """
    with staging(root, f"retraining-{model}") as folder:
        for path in root.fs.find(workspace) if root.fs.exists(workspace) else ():
            root.fs.cp_file(path, f"{folder}/{path.rpartition('/')[2]}")
        manifest = {
            "kind": "retraining",
            "name": model,
            "created": now.isoformat(),
            **description,
            "entry": entry,
            "files": describe_folder(root, folder),
        }
        write_manifest(root, folder, manifest)
        name = f"{now.strftime(STAMP)}-{uuid.uuid4().hex[:4]}"
        if not commit(root, folder, RETRAININGS, model, name):
            raise DamagedError(f"{name}: expected a new folder of retrainings, it is there already")
        return root.join(RETRAININGS, model, name)


ATTEMPT, TOLD, RETRAINING = "attempt.json", "overdue.json", "retraining"


def read_attempt(root: Root, model: str) -> Attempt | None:
    """Return the attempt that waits for a decision; None if none can be read."""
    with contextlib.suppress(DamagedError):
        return read_record(root, _path(root, model), Attempt)
    return None


def write_attempt(root: Root, model: str, attempt: Attempt) -> None:
    """Keep the attempt until it is decided."""
    replace_file(root, _path(root, model), json.dumps(attempt, indent=2).encode())


def end_attempt(root: Root, model: str) -> None:
    """Forget the attempt: it was decided, or nothing waits for it any more."""
    remove_file(root, _path(root, model))


def attempted(root: Root) -> list[str]:
    """Return the models with an attempt, whose decision is pending or was not carried out.

    An object store is asked for all files at once, since each question takes its time.
    """
    if not root.is_local:
        below = [root.parts_of(path)[1:] for path in root.fs.find(root.join(RETRAININGS))]
        return sorted(parts[0] for parts in below if parts[1:] == [ATTEMPT])
    return [name for name in root.names(RETRAININGS) if root.fs.exists(_path(root, name))]


def is_told(root: Root, model: str, dataset: str) -> bool:
    """Check whether somebody was told that the decision on this dataset is overdue."""
    with contextlib.suppress(DamagedError):
        return read_record(root, _path(root, model, TOLD), Overdue)["dataset"] == dataset
    return False


def note_told(root: Root, model: str, dataset: str) -> None:
    """Record that somebody was told, so that nobody is told twice."""
    replace_file(root, _path(root, model, TOLD), json.dumps({"dataset": dataset}).encode())


def _path(root: Root, model: str, file: str = ATTEMPT) -> str:
    return root.join(RETRAININGS, model, file)
