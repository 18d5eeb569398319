"""Questions to people about labels, and their answers; both are written once.

``queues/<model>/<time>-<number>/`` holds ``questions.parquet`` (a row is a series that was asked
about, and why). ``labels/<model>/<digest>/`` holds ``answers.parquet`` (a row is a label, with who
gave it and when); the digest is that of the file, the dataset's version and the time at which this
became the newest.
"""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.store.log import STAMP
from seqclass.store.manifests import SEALED_TYPES, Manifest
from seqclass.store.root import (
    DamagedError,
    Damages,
    Root,
    check_file,
    describe_folder,
    note,
    readable,
    write_manifest,
)
from seqclass.store.staging import commit, staging
from seqclass.store.tables import read_table

QUEUES, LABELS = "queues", "labels"
QUESTIONS, ANSWERS = "questions.parquet", "answers.parquet"


def write_queue(
    root: Root, name: str, questions: pa.Table, description: Mapping[str, Any], now: datetime
) -> None:
    """Seal questions about the rows of a dataset."""
    entry = f"{now.strftime(STAMP)}-{uuid.uuid4().hex[:4]}"
    record = {"kind": "queue", "name": name, **description}
    _seal(root, (QUEUES, name, entry), QUESTIONS, questions, record, now)


def write_labels(
    root: Root,
    place: tuple[str, str],
    answers: pa.Table,
    description: Mapping[str, Any],
    now: datetime,
) -> None:
    """Seal the answers of people under a model's name and a digest; the first ones stay."""
    name, digest = place
    record = {"kind": "labels", "name": name, **description}
    _seal(root, (LABELS, name, digest), ANSWERS, answers, record, now)


def _seal(
    root: Root,
    parts: tuple[str, str, str],
    file: str,
    table: pa.Table,
    description: Mapping[str, Any],
    now: datetime,
) -> None:
    with staging(root, parts[0]) as folder:
        with root.fs.open(f"{folder}/{file}", "wb") as sink:
            pq.write_table(table, sink, compression="zstd")
        manifest = {**description, "created": now.isoformat()}
        write_manifest(root, folder, {**manifest, "files": describe_folder(root, folder)})
        commit(root, folder, *parts)


def read_queued(
    root: Root, name: str, bad: Damages | None = None
) -> Iterator[tuple[Manifest, pa.Table]]:
    """Yield manifest and questions of every queue of a model, oldest first."""
    return _read(root, (QUEUES, name), QUESTIONS, bad)


def read_labels(
    root: Root, name: str, bad: Damages | None = None
) -> Iterator[tuple[Manifest, pa.Table]]:
    """Yield manifest and answers of every file of labels that was taken in for a model."""
    return _read(root, (LABELS, name), ANSWERS, bad)


def _read(
    root: Root, home: tuple[str, str], file: str, bad: Damages | None
) -> Iterator[tuple[Manifest, pa.Table]]:
    """Yield manifests and tables; damaged ones are left out and added to ``bad``."""
    for entry in root.sealed_names(*home):
        folder = root.join(*home, entry)
        manifest = readable(root, folder, SEALED_TYPES[home[0]], bad)
        if manifest is None:
            continue
        try:
            [file_entry] = [listed for listed in manifest["files"] if listed["path"] == file]
            yield manifest, read_table(root, check_file(root, folder, file_entry))
        except (ValueError, KeyError, OSError) as error:
            problem = error if isinstance(error, DamagedError) else DamagedError(str(error))
            note(bad, folder, problem)
