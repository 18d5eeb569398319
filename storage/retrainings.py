"""Retrainings: what was looked at, what was decided and why, written once.

``retrainings/<model>/<time>-<number>/`` holds the drift table and picture, the ids of rows whose
labels are doubted, and the manifest with the decision.
"""

import uuid
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from storage.root import (
    MANIFEST,
    DamagedError,
    Root,
    check_file,
    commit,
    describe_file,
    read_manifest,
    write_manifest,
)

RETRAININGS, SUSPECTS = "retrainings", "suspects.parquet"


def retrainings_of(root: Root, model: str) -> list[dict[str, Any]]:
    """Manifests of a model's retrainings, oldest first, with their ``folder``."""
    folders = [
        root.join(RETRAININGS, model, entry)
        for entry in root.names(RETRAININGS, model)
        if root.exists(RETRAININGS, model, entry, MANIFEST)
    ]
    return [{**read_manifest(root, folder), "folder": folder} for folder in folders]


def suspects_of(root: Root, records: list[dict[str, Any]]) -> set[str]:
    """Ids of rows whose labels a retraining has doubted and none has trusted since."""
    found: set[str] = set()
    for record in records:
        if record["trusted"]:
            found.clear()
        for entry in record["files"]:
            if entry["path"] == SUSPECTS:
                with root.fs.open(check_file(root, record["folder"], entry), "rb") as file:
                    found |= set(pq.read_table(file)["series_id"].to_pylist())
    return found


def write_suspects(root: Root, workspace: str, ids: list[str]) -> None:
    with root.fs.open(f"{workspace}/{SUSPECTS}", "wb") as file:
        pq.write_table(pa.table({"series_id": pa.array(ids, pa.string())}), file)


def commit_retraining(
    root: Root, workspace: str, model: str, description: dict[str, Any], now: datetime
) -> str:
    """Seal a staged folder; returns where it lies."""
    root.fs.makedirs(workspace, exist_ok=True)
    names = sorted(path.rsplit("/", 1)[-1] for path in root.fs.find(workspace))
    manifest = {
        "kind": "retraining",
        "name": model,
        "created": now.isoformat(),
        **description,
        "files": [describe_file(root, workspace, name) for name in names],
    }
    write_manifest(root, workspace, manifest)
    entry = f"{now.strftime('%Y%m%dT%H%M%S.%fZ')}-{uuid.uuid4().hex[:4]}"
    if not commit(root, workspace, RETRAININGS, model, entry):
        raise DamagedError(f"{entry}: expected a new folder of retrainings, it is there already")
    return root.join(RETRAININGS, model, entry)
