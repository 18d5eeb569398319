"""The files to score, either of a dataset or the user's own, and labels that come later."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from seqclass.store.datasets import open_dataset
from seqclass.store.formats import ColumnNames, Limits, expand, names_of
from seqclass.store.formats.parquet import check_parquet, check_parquets
from seqclass.store.formats.preview import preview
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
    """Read ``series_id`` and ``label`` from a Parquet or CSV file, each id once.

    Rows without a label are left out, so that a file with a row for each step needs only one.
    """
    if not os.path.isfile(path):
        raise ValueError(f"{argument}: expected an existing file, got {path!r}; check the path")
    try:
        is_parquet = _is_parquet(path)
        if is_parquet:
            check_parquet(path, limits or Limits())
        text = {"series_id": pa.string(), "label": pa.string()}
        options = pacsv.ConvertOptions(column_types=text)
        table = pq.read_table(path) if is_parquet else pacsv.read_csv(path, convert_options=options)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).split("\n")[0]
        raise ValueError(
            f"{argument}: expected a Parquet or CSV file, got {path!r} ({reason}); write it again"
        ) from error
    if missing := {"series_id", "label"} - set(table.column_names):
        raise ValueError(
            f"{argument}: expected the columns series_id and label, {path!r} has no "
            f"{', '.join(sorted(missing))}; rename the columns"
        )
    pairs = table.select(["series_id", "label"]).cast(
        pa.schema({"series_id": pa.string(), "label": pa.string()})
    )
    pairs = pairs.filter(pc.not_equal(pairs["label"], ""))
    distinct = pairs.group_by(["series_id", "label"], use_threads=False).aggregate([])
    if pc.count_distinct(distinct["series_id"], mode="all").as_py() < len(distinct):
        raise ValueError(
            f"{argument}: expected one label for every series, {path!r} gives some of them two; "
            "correct the file"
        )
    return distinct
