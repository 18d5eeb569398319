"""The files to score, either of a dataset or the user's own, and labels that come later."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from seqclass.store.datasets import open_dataset
from seqclass.store.formats import ColumnNames, Limits, expand, names_of
from seqclass.store.formats.isolated import IsolatedReader, preview
from seqclass.store.formats.parquet import check_parquets
from seqclass.store.models import Model
from seqclass.store.references import DatasetRef
from seqclass.store.root import Root, check_file

DIGITS = 16


@dataclass(frozen=True)
class Partition:
    """A file of series to score, with its source and the digest of its content."""

    source: str
    digest: str
    path: str
    is_stored: bool


def partitions_of(root: Root, data: str, limits: Limits | None = None) -> list[Partition]:
    """Return the files of a dataset version, or those at a path, each content once.

    limits: bounds on what a file at a path may hold.
    """
    if not _is_path(data):
        dataset = open_dataset(root, data)
        source = DatasetRef.parse(dataset.ref).short
        return [
            Partition(
                source,
                entry["sha256"][:DIGITS],
                check_file(root, dataset.folder, entry),
                is_stored=True,
            )
            for entry in dataset.manifest["files"]
        ]
    found: dict[str, Partition] = {}
    paths = expand([data], "DATASET")
    list(check_parquets([path for path in paths if _is_parquet(path)], limits or Limits()))
    for path in paths:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
        partition = Partition("files", digest, os.path.abspath(path), is_stored=False)
        found.setdefault(digest, partition)
    return list(found.values())


def check_scorable(
    partitions: list[Partition], model: Model, columns: ColumnNames, limits: Limits
) -> None:
    """Refuse with ValueError files that no reader takes, or that lack a channel of the model.

    columns: options for these files, which override those of the import of the model's dataset.
    """
    names = replace(columns.merge(names_of(model.manifest)), unlabelled=True)
    paths = [partition.path for partition in partitions if not partition.is_stored]
    for path, table in preview(paths, names, False, limits):
        check_channels(path, table.column_names, model.manifest["channels"], model.ref)


def check_channels(path: str, present: Sequence[str], channels: Sequence[str], ref: str) -> None:
    """Refuse with ValueError columns that lack a channel of the model."""
    if missing := [name for name in channels if name not in present]:
        raise ValueError(
            f"{path}: expected the channels {', '.join(channels)} of {ref}, got no "
            f"{', '.join(missing)}; rename the columns"
        )


def _is_path(data: str) -> bool:
    return (
        os.path.isfile(data)
        or os.sep in DatasetRef.parse(data).short
        or (os.path.splitext(data)[1] in (".parquet", ".csv"))
    )


def _is_parquet(path: str) -> bool:
    return path.lower().endswith(".parquet")


def read_labels(path: str, limits: Limits | None = None, argument: str = "--labels") -> pa.Table:
    """Return the labels in a file, each id once, as ``read_label_file`` reads them."""
    if not os.path.isfile(path):
        raise ValueError(f"{argument}: expected an existing file, got {path!r}; check the path")
    with IsolatedReader() as reader:
        return pa.concat_tables(reader.read_labels(path, limits or Limits()))
