"""Datasets: rows of series in Parquet, versioned by the digest of their content."""

import contextlib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.store.fingerprint import machine_fingerprint, software_versions
from seqclass.store.leases import check_held
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Root,
    check_file,
    check_name,
    commit,
    describe_file,
    did_you_mean,
    read_manifest,
    read_record,
    replace_file,
    staging,
    write_manifest,
)
from seqclass.store.rows import (
    FIXED_COLUMNS,
    OPTIONAL_COLUMNS,
    REMARKS,
    canonical_buffers,
    channels_of,
    check_rows,
    dataset_schema,
    to_dense,
)

LATEST = "latest.json"
CHOSEN_FROM = "chosen_from"
"""Entry of a dataset's source: the dataset that its rows were chosen from."""
FIELDS = {"name": str, "version": str, "created": str, "n_series": int, "n_steps": list,
          "channels": list, "columns": dict, "classes": dict, "splits": dict}  # fmt: skip
MAX_BYTES = 6 * 2**30
"""Size of the padded array that a dataset may ask for."""
ROW_GROUP_ROWS = 65_536
ROW_GROUP_VALUES = 8_388_608
ROW_GROUPS_PER_FILE = 16
"""A row group ends at whichever limit comes first, so the files follow from the rows alone."""


@dataclass(frozen=True)
class Dataset:
    """A stored version: its manifest and where it lies."""

    root: Root
    folder: str
    manifest: dict[str, Any]
    is_checked: bool = False
    """Whether its files have been compared with their digests before, in this training."""

    @property
    def ref(self) -> str:
        return f"datasets/{self.manifest['name']}@{self.manifest['version']}"

    @property
    def channels(self) -> list[str]:
        return self.manifest["channels"]

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Stream the rows, a row group at a time, after checking each file's digest, once."""
        for entry in self.manifest["files"]:
            path = f"{self.folder}/{entry['path']}"
            if not self.is_checked:
                check_file(self.root, self.folder, entry)
            with self.root.fs.open(path, "rb") as file, pq.ParquetFile(file) as parquet:
                for group in range(parquet.num_row_groups):
                    yield parquet.read_row_group(group, columns=columns)

    def labels(self) -> pa.Table:
        """All rows' ``series_id``, ``label``, ``n_steps`` and optional columns, without values.

        What is known of melodies (``REMARKS``) is left where it is.
        """
        optional = [name for name in OPTIONAL_COLUMNS if name not in REMARKS]
        names = [*FIXED_COLUMNS, *(name for name in optional if name in self.manifest["columns"])]
        return pa.concat_tables(self.tables(names))

    def values(
        self, rows: np.ndarray | None = None, channels: Sequence[str] | None = None
    ) -> np.ndarray:
        """Series of the given row numbers (ascending; all by default), padded with NaN.

        Returns ``(rows, longest, channels)`` float32, with these channels in this order (the
        dataset's own by default); ``longest`` is that of the whole dataset.
        """
        channels = self.channels if channels is None else channels
        n, longest = self.manifest["n_series"], self.manifest["n_steps"][1]
        rows = np.arange(n) if rows is None else rows
        n_bytes = 4 * len(rows) * longest * len(channels)
        if n_bytes > MAX_BYTES:
            raise ValueError(
                f"DATASET: expected series that fit {MAX_BYTES >> 30} GiB when padded to the "
                f"longest ({longest} steps), {self.ref} needs {n_bytes / 2**30:.1f} GiB; cut the "
                "longest series into windows, or take fewer rows"
            )
        dense = np.full((len(rows), longest, len(channels)), np.nan, dtype=np.float32)
        start = filled = 0
        for table in self.tables(["n_steps", *channels]):
            stop = np.searchsorted(rows, start + len(table))
            wanted = rows[filled:stop] - start
            for k, name in enumerate(channels):
                dense[filled:stop, :, k] = to_dense(table[name], longest)[wanted]
            start, filled = start + len(table), int(stop)
        return dense


def open_dataset(root: Root, ref: str) -> Dataset:
    """Find ``datasets/<name>@<version>``; a bare name means the version last made.

    The version may be cut short as long as one version begins that way.
    """
    name, _, version = ref.removeprefix("datasets/").partition("@")
    versions = [v for v in dataset_versions(root, name) if v.startswith(version)]
    if not versions:
        raise ValueError(_unknown(root, ref, name))
    if version and len(versions) > 1:
        raise ValueError(
            f"DATASET: expected one version, {ref!r} fits {', '.join(versions)}; write more of it"
        )
    chosen = versions[-1] if version else latest_version(root, name, versions)
    folder = root.join("datasets", name, chosen)
    manifest = read_manifest(root, folder)
    if wrong := odd_fields(manifest):
        raise DamagedError(f"{folder}/{MANIFEST}: expected another {wrong[0]}, it was forged")
    return Dataset(root, folder, manifest)


def open_checked(root: Root, ref: str) -> Dataset:
    """A dataset whose digests an earlier step of the same training has compared."""
    return replace(open_dataset(root, ref), is_checked=True)


def odd_fields(manifest: dict[str, Any]) -> list[str]:
    """Fields of a dataset's manifest that are not of the kind that is written there."""
    odd = [name for name, kind in FIELDS.items() if not isinstance(manifest.get(name), kind)]
    texts = {name: manifest[name] for name in ("channels", "classes") if name not in odd}
    return odd + [n for n, found in texts.items() if not all(isinstance(t, str) for t in found)]


def _unknown(root: Root, ref: str, name: str) -> str:
    known = {n: committed_versions(root, n) for n in root.names("datasets")}
    every = ", ".join(f"{n}@{v}" for n, versions in known.items() for v in versions)
    return (
        f"DATASET: expected one of {every or 'the datasets in this root (it has none)'}, "
        f"got {ref!r}; {did_you_mean(name, known)}'seqclass datasets' lists them"
    )


def latest_version(root: Root, name: str, versions: list[str]) -> str:
    """The version that was made last, which may be an old one made again."""
    path = root.join("datasets", name, LATEST)
    if root.fs.exists(path):
        with contextlib.suppress(DamagedError):
            version = read_record(root, path).get("version")
            return version if version in versions else versions[-1]
    return versions[-1]


def dataset_versions(root: Root, name: str) -> list[str]:
    """Committed versions of a name, oldest first."""
    return sorted(
        committed_versions(root, name), key=lambda version: (_created(root, name, version), version)
    )


def _created(root: Root, name: str, version: str) -> str:
    """Time of a version; a damaged one counts as the oldest, and is refused when it is opened."""
    try:
        return str(read_manifest(root, root.join("datasets", name, version)).get("created", ""))
    except DamagedError:
        return ""


def committed_versions(root: Root, name: str) -> list[str]:
    """Versions of a name by their digests, in no order of time; no manifest is read."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        return []
    return [v for v in root.names("datasets", name) if root.exists("datasets", name, v, MANIFEST)]


def write_dataset(
    root: Root,
    name: str,
    tables: Iterable[pa.Table],
    source: dict[str, Any],
    now: datetime,
    remarks: Callable[[], dict[str, Any]] = dict,
) -> Dataset:
    """Write rows as a new version, or find the version that already holds the same rows.

    ``tables`` may come in pieces of any size: the same rows give the same bytes. ``remarks`` is
    called when they have all passed, for further entries of the manifest.
    """
    check_name(name)
    with staging(root, f"dataset-{name}") as folder:
        described = _write_rows(root, folder, iter(tables))
        manifest = {
            "kind": "dataset",
            "name": name,
            "created": now.isoformat(),
            **described,
            "rejected": 0,
            "source": source,
            "parents": [],
            "software": software_versions(),
            "machine": machine_fingerprint(),
            **remarks(),
        }
        check_held(root, "datasets", name)
        write_manifest(root, folder, manifest)
        commit(root, folder, "datasets", name, manifest["version"])
    latest = json.dumps({"version": manifest["version"], "since": now.isoformat()})
    check_held(root, "datasets", name)
    replace_file(root, root.join("datasets", name, LATEST), latest.encode())
    return open_dataset(root, f"{name}@{manifest['version']}")


def _write_rows(root: Root, folder: str, tables: Iterator[pa.Table]) -> dict[str, Any]:
    first = next((table for table in tables if len(table)), None)
    if first is None:
        raise ValueError("rows: expected at least one series, got none; check the input")
    schema = dataset_schema(first.schema)
    writer, summary = _PartWriter(root, folder, schema), _Summary(schema)
    for table in _chain(first, tables):
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


def _chain(first: pa.Table, rest: Iterator[pa.Table]) -> Iterator[pa.Table]:
    yield first
    yield from rest


class _Summary:
    """Counts and digests rows as they pass."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.ids: list[pa.Array] = []
        self.classes: Counter[str | None] = Counter()
        self.splits: Counter[str | None] = Counter()
        self.groups: Counter[str | None] = Counter()
        self.values: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        self.n_steps: list[int] = []
        self.digests = {name: (hashlib.sha256(), hashlib.sha256()) for name in schema.names}

    def add(self, table: pa.Table) -> None:
        self.ids += table["series_id"].chunks
        counters = {"label": self.classes, "split": self.splits, "group": self.groups}
        for name, counter in counters.items():
            if name in table.column_names:
                for item in pc.value_counts(table[name]).to_pylist():
                    counter[item["values"]] += item["counts"]
        bounds = pc.min_max(table["n_steps"]).as_py()
        self.n_steps = [
            min([*self.n_steps[:1], bounds["min"]]),
            max([*self.n_steps[1:], bounds["max"]]),
        ]
        for name in channels_of(self.schema):
            values = pc.list_flatten(table[name])
            self.values[name] += len(values)
            self.missing[name] += pc.sum(pc.is_nan(values)).as_py() or 0
        for name, (lengths, content) in self.digests.items():
            for chunk in table[name].chunks:
                for digest, buffer in zip(
                    (lengths, content), canonical_buffers(chunk), strict=True
                ):
                    digest.update(buffer)

    def describe(self) -> dict[str, Any]:
        self._check_ids()
        digest = self._digest()
        return {
            "version": digest[:16],
            "digest": digest,
            "n_series": sum(map(len, self.ids)),
            "n_steps": self.n_steps,
            "channels": channels_of(self.schema),
            "columns": {f.name: str(f.type) for f in self.schema},
            "classes": {k: self.classes[k] for k in sorted(filter(None, self.classes))},
            "unlabelled": self.classes[None],
            "groups": len(self.groups.keys() - {None}),
            "missing": {k: self.missing[k] / n for k, n in self.values.items()},
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
        if pc.count_distinct(ids).as_py() == len(ids):
            return
        counts = pc.value_counts(ids)
        twice = counts.filter(pc.greater(counts.field("counts"), 1))[0].as_py()
        raise ValueError(
            f"series_id: expected a different id for every series, got {twice['values']!r} "
            f"{twice['counts']} times; rename or remove the repeats"
        )


class _PartWriter:
    """Cuts a stream of rows into row groups and files."""

    def __init__(self, root: Root, folder: str, schema: pa.Schema) -> None:
        self.root, self.folder, self.schema = root, folder, schema
        self.pending = schema.empty_table()
        self.files: list[dict[str, Any]] = []
        self.groups = 0
        root.fs.makedirs(folder, exist_ok=True)

    def add(self, table: pa.Table) -> None:
        self.pending = pa.concat_tables([self.pending, table])
        while (cut := self._full_group()) is not None:
            self._write(self.pending.slice(0, cut))
            self.pending = self.pending.slice(cut)

    def close(self) -> list[dict[str, Any]]:
        if len(self.pending):
            self._write(self.pending)
        if self.groups:
            self._close_file()
        return self.files

    def _full_group(self) -> int | None:
        """Rows of the next row group; None while it is not full yet."""
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
