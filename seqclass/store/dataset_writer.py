"""Rows on their way into the Parquet files of a dataset: checked, counted, digested, cut."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.store.duplicates import repeated_name
from seqclass.store.manifests import FileEntry, RowsDescription
from seqclass.store.root import Root, describe_file
from seqclass.store.row_profile import Profile
from seqclass.store.rows import canonical_buffers, channels_of, check_rows, dataset_schema

MAX_CLASSES = 10_000
ROW_GROUP_ROWS = 65_536
ROW_GROUP_VALUES = 8_388_608
ROW_GROUPS_PER_FILE = 16
"""A row group ends at the first limit that is reached, so rows that are written at once always give
the same files."""


class StagedRows(RowsDescription):
    """Description of rows, with the files that hold them."""

    files: list[FileEntry]


class KeptFiles(NamedTuple):
    """Files of an earlier version, ``n_rows`` in all, with which a new version begins."""

    folder: str
    files: list[FileEntry]
    n_rows: int


def files_to_keep(root: Root, folder: str, files: Sequence[FileEntry]) -> KeptFiles:
    """Return those files of a version that the next one keeps when rows are added.

    A file is kept if it is full, or has at least as many rows as all files after it: so there are
    few files, however often rows are added, and each row is seldom written again.
    """
    metadata = []
    for entry in files:
        with root.fs.open(f"{folder}/{entry['path']}", "rb") as file:
            metadata.append(pq.read_metadata(file))
    rows = [part.num_rows for part in metadata]
    kept = 0
    while kept < len(rows) and (
        metadata[kept].num_row_groups >= ROW_GROUPS_PER_FILE or rows[kept] >= sum(rows[kept + 1 :])
    ):
        kept += 1
    return KeptFiles(folder, list(files[:kept]), sum(rows[:kept]))


def stage_rows(
    root: Root, folder: str, tables: Iterator[pa.Table], kept: KeptFiles | None = None
) -> StagedRows:
    """Write rows into a staged folder; returns the description for its manifest.

    kept: files that hold the first of these rows. They are linked, in a bucket copied, not written.
    """
    first = next((table for table in tables if len(table)), None)
    if first is None:
        raise ValueError("rows: expected at least one series, got none; check the input")
    schema = dataset_schema(first.schema)
    writer, summary = _PartWriter(root, folder, schema, kept), _Summary(schema)
    for table in chain((first,), tables):
        if set(table.column_names) != set(schema.names):
            raise ValueError(
                f"columns: expected {', '.join(schema.names)} as in the first rows, "
                f"got {', '.join(table.column_names)}; give every file the same columns"
            )
        table = table.select(schema.names).cast(schema)
        check_rows(table, channels_of(schema))
        summary.add(table)
        writer.add(table)
    return {**summary.describe(), "files": writer.close()}


def share_file(root: Root, source: str, target: str) -> None:
    """Give a file that is never changed a second path: a link, in a bucket a copy."""
    if root.is_local:
        os.link(source, target)
    else:
        root.fs.cp_file(source, target)


def spool(root: Root, path: str, tables: Iterator[pa.Table]) -> bool:
    """Write tables of one schema to a staged file; False, without a file, if there are none."""
    first = next(tables, None)
    if first is None:
        return False
    with root.fs.open(path, "wb") as sink, pq.ParquetWriter(sink, first.schema) as writer:
        for table in chain((first,), tables):
            writer.write_table(table)
    return True


class _Summary:
    """Counts and digests rows as they pass."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.ids: list[pa.Array] = []
        self.profile = Profile()
        self.splits: Counter[str | None] = Counter()
        self.groups: Counter[str | None] = Counter()
        self.digests = {name: (hashlib.sha256(), hashlib.sha256()) for name in schema.names}

    def add(self, table: pa.Table) -> None:
        ids = table["series_id"]
        self.ids.append(ids.take(pa.array(np.arange(len(ids)))).combine_chunks())  # without values
        self.profile.add_table(table)
        for name, counter in (("split", self.splits), ("group", self.groups)):
            if name in table.column_names:
                for item in pc.value_counts(table[name]).to_pylist():
                    counter[item["values"]] += item["counts"]
        for name, (lengths, content) in self.digests.items():
            for chunk in table[name].chunks:
                for digest, buffer in zip(
                    (lengths, content), canonical_buffers(chunk), strict=True
                ):
                    digest.update(buffer)

    def describe(self) -> RowsDescription:
        self._check_ids()
        check_number_of_classes(self.profile.classes)
        digest, described = self._digest(), self.profile.describe()
        return {
            "version": digest[:16],
            "digest": digest,
            **described,
            "channels": channels_of(self.schema),
            "columns": {f.name: str(f.type) for f in self.schema},
            "unlabelled": described["n_series"] - sum(described["classes"].values()),
            "groups": len(self.groups.keys() - {None}),
            "splits": {k: self.splits[k] for k in sorted(filter(None, self.splits))},
        }

    def _digest(self) -> str:
        whole = hashlib.sha256()
        for column in self.schema:
            parts = "".join(digest.hexdigest() for digest in self.digests[column.name])
            whole.update(f"{column.name}:{column.type}:{parts};".encode())
        return whole.hexdigest()

    def _check_ids(self) -> None:
        ids = pa.chunked_array(self.ids, pa.string())
        if (name := repeated_name(lambda: [ids])) is not None:
            raise ValueError(
                f"series_id: expected a different id for every series, got {name!r} more than "
                "once; rename or remove the repeats"
            )


def check_number_of_classes(names: Iterable[str]) -> None:
    """Refuse an implausible number of classes."""
    if (n_classes := len(list(names))) > MAX_CLASSES:
        raise ValueError(
            f"label: expected at most {MAX_CLASSES:,} classes, got {n_classes:,}; name the column "
            "of the labels"
        )


class _PartWriter:
    """Cuts a stream of rows into row groups and files."""

    def __init__(self, root: Root, folder: str, schema: pa.Schema, kept: KeptFiles | None) -> None:
        self.root, self.folder, self.schema = root, folder, schema
        self.pending = schema.empty_table()
        self.files: list[FileEntry] = []
        self.groups = self.n_kept = 0
        root.fs.makedirs(folder, exist_ok=True)
        if kept:
            self._take_over(kept)

    def add(self, table: pa.Table) -> None:
        table, self.n_kept = table.slice(self.n_kept), max(0, self.n_kept - len(table))
        self.pending = pa.concat_tables([self.pending, table])
        while (cut := self._full_group()) is not None:
            self._write(self.pending.slice(0, cut))
            self.pending = self.pending.slice(cut)

    def close(self) -> list[FileEntry]:
        if len(self.pending):
            self._write(self.pending)
        if self.groups:
            self._close_file()
        return self.files

    def _take_over(self, kept: KeptFiles) -> None:
        for entry in kept.files:
            source, target = (f"{place}/{entry['path']}" for place in (kept.folder, self.folder))
            share_file(self.root, source, target)
        self.files, self.n_kept = kept.files, kept.n_rows

    def _full_group(self) -> int | None:
        """Return the number of rows of the next row group, or None while it is not full."""
        values = np.cumsum(self.pending["n_steps"].to_numpy(), dtype=np.int64)
        cut = int(np.searchsorted(values * len(channels_of(self.schema)), ROW_GROUP_VALUES)) + 1
        cut = min(cut, ROW_GROUP_ROWS)
        return cut if cut <= len(self.pending) else None

    def _write(self, rows: pa.Table) -> None:
        if not self.groups:
            self.sink = self.root.fs.open(f"{self.folder}/{self._part()}", "wb")
            self.parquet = pq.ParquetWriter(
                self.sink,
                self.schema,
                compression="zstd",
                compression_level=1,
                use_dictionary=[c for c in ("label", "split", "group") if c in self.schema.names],
                use_byte_stream_split=[f"{c}.list.element" for c in channels_of(self.schema)],
            )
        self.parquet.write_table(rows.combine_chunks(), row_group_size=len(rows))
        self.groups += 1
        if self.groups == ROW_GROUPS_PER_FILE:
            self._close_file()

    def _close_file(self) -> None:
        self.parquet.close()
        self.sink.close()
        self.files.append(describe_file(self.root, self.folder, self._part()))
        self.groups = 0

    def _part(self) -> str:
        return f"part-{len(self.files):05d}.parquet"
