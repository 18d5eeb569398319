"""Task: import the user's files as a dataset."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from prefect import get_run_logger, task

from storage.datasets import write_dataset
from storage.formats import ColumnNames, expand, read_files
from storage.root import check_name, open_root
from tasks.display import counted


@dataclass(frozen=True)
class ImportSpec:
    """What to read: files or folders, an official test split, and the columns' names."""

    paths: tuple[str, ...]
    test_paths: tuple[str, ...] = ()
    columns: ColumnNames = field(default_factory=ColumnNames)


@task(name="ingest")
def ingest(spec: ImportSpec, name: str, root_url: str) -> str:
    """Read every file into one dataset and return its reference."""
    check_name(name)
    paths, test_paths = expand(list(spec.paths), "PATH"), expand(list(spec.test_paths), "--test")
    source = {"import": [_describe(path) for path in (*paths, *test_paths)]}
    tables = counted(_tables(paths, test_paths, spec.columns), None)
    dataset = write_dataset(open_root(root_url), name, tables, source, datetime.now(UTC))
    get_run_logger().info("%s: %d series", dataset.ref, dataset.manifest["n_series"])
    return dataset.ref


def _tables(paths: list[str], test_paths: list[str], names: ColumnNames) -> Iterator[pa.Table]:
    yield from read_files(paths, names, "train" if test_paths else None)
    if test_paths:
        yield from read_files(test_paths, names, "test")


def _describe(path: str) -> dict[str, Any]:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": os.path.abspath(path), "sha256": digest, "bytes": os.path.getsize(path)}
