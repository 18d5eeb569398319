"""The files to score, either of a dataset or the user's own, and labels that come later."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.duplicates import repeated_name
from seqclass.store.formats import ColumnNames, Limits, expand
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.formats.table import cast
from seqclass.store.models import Model
from seqclass.store.references import DatasetRef
from seqclass.store.root import Root, check_file, printable
from seqclass.store.rows import channels_of

DIGITS = 16
ID_ROWS = 4_096
"""Ids that are read at once."""


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
        dataset = _open_dataset(root, data)
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
    partitions: dict[str, Partition] = {}
    paths = expand([data], "DATASET")
    if parquets := [path for path in paths if _is_parquet(path)]:
        with IsolatedReader() as reader:
            for path in parquets:
                reader.check_parquet(path, limits or Limits())
    for path in paths:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]
        partition = Partition("files", digest, os.path.abspath(path), is_stored=False)
        partitions.setdefault(digest, partition)
    return list(partitions.values())


def is_wide(path: str, names: ColumnNames) -> bool:
    """Check for a Parquet file whose rows are series, under the names of a dataset's columns."""
    if not _is_parquet(path):
        return False
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(
            f"{path}: expected a Parquet file, got {reason}; write it again"
        ) from error
    meant = replace(names, repeated_steps=None)  # of files with a row for each step alone
    return bool(channels_of(schema)) and not meant.to_record()


def check_ids(path: str, file: BinaryIO) -> None:
    """Refuse with ValueError a wide Parquet file in which two series have one id."""

    def ids() -> Iterator[pa.ChunkedArray]:
        file.seek(0)
        with pq.ParquetFile(file) as parquet:
            if "series_id" in parquet.schema_arrow.names:
                batches = parquet.iter_batches(ID_ROWS, columns=["series_id"], use_threads=False)
                for batch in batches:
                    table = cast(path, pa.Table.from_batches([batch]))
                    yield table["series_id"].drop_null()

    if (name := repeated_name(ids)) is not None:
        raise ValueError(
            f"{path}: expected a different id for every series, got {printable(name)!r} more than "
            "once; rename or remove the repeats"
        )


def check_channels(path: str, present: Sequence[str], channels: Sequence[str], ref: str) -> None:
    """Refuse with ValueError columns that lack a channel of the model."""
    if missing := [name for name in channels if name not in present]:
        raise ValueError(
            f"{path}: expected the channels {', '.join(channels)} of {ref}, got no "
            f"{', '.join(missing)}; rename the columns"
        )


def check_first_values(path: str, table: pa.Table, model: Model) -> None:
    """Refuse with ValueError labels that are values if a file of the model's rows lacks labels.

    None of them is a class of the model, and with one value more the series are as long as those
    that it learnt from.
    """
    classes = model.manifest["classes"]
    lowest, highest = open_dataset(model.root, model.manifest["dataset"]).manifest["n_steps"]
    labels = pc.unique(table["label"].drop_null()).to_pylist()
    n_values = pc.max(table["n_steps"]).as_py() + 1
    if labels and not {*labels} & {*classes} and lowest <= n_values <= highest:
        raise ValueError(
            f"{path}: expected a class ({printable(', '.join(classes))}) or ? before the values of "
            f"a series, got {printable(repr(labels[0]))} before {n_values - 1} values; write ? and "
            "a tab before the first value where a series has no label"
        )


def _open_dataset(root: Root, data: str) -> Dataset:
    """Open a dataset; a refusal says how a folder of its name is meant, if there is one."""
    try:
        return open_dataset(root, data)
    except ValueError as error:
        if os.path.isdir(data):
            raise ValueError(f"{error}; write ./{data} for the folder") from error
        raise


def _is_path(data: str) -> bool:
    return (
        os.path.isfile(data)
        or os.sep in DatasetRef.parse(data).short
        or (os.path.splitext(data)[1] in (".parquet", ".csv"))
    )


def _is_parquet(path: str) -> bool:
    return path.lower().endswith(".parquet")


def labels_in_file(path: str, limits: Limits | None = None, argument: str = "--labels") -> pa.Table:
    """Return the labels in a file, each id once, as ``read_label_file`` reads them."""
    if not os.path.isfile(path):
        raise ValueError(f"{argument}: expected an existing file, got {path!r}; check the path")
    with IsolatedReader() as reader:
        return pa.concat_tables(reader.read_labels(path, limits or Limits()))
