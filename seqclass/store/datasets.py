"""Datasets: rows of series in Parquet, versioned by the digest of their content."""

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.store.dataset_writer import files_to_keep, stage_rows
from seqclass.store.fingerprint import fingerprint
from seqclass.store.layout import is_sealed, within
from seqclass.store.log import WAIT_S, Turn, actor, in_turn, registered, state_of
from seqclass.store.manifests import DatasetManifest, ImportSummary, Manifest, Source
from seqclass.store.record_types import LogDecision
from seqclass.store.references import DatasetRef
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Root,
    check_file,
    check_name,
    is_name,
    no_such,
    read_manifest,
    remove_file,
    sha256_of,
    write_manifest,
)
from seqclass.store.rows import (
    FIXED_COLUMNS,
    OPTIONAL_COLUMNS,
    REMARKS,
    to_dense,
)
from seqclass.store.staging import commit, remove, staging
from seqclass.store.states import DATASETS, DELETE, KINDS, PRUNE, REGISTER

MAX_BYTES = 6 * 2**30
"""Largest size of the padded array of a dataset, in bytes."""
PART_BYTES = 2**26
"""Bytes of the series that are read at once where a dataset is gone through."""
Result = TypeVar("Result")


class OvertakenParentError(ValueError):
    """Rows were to follow those of a version that another process has made another one after."""


@dataclass(frozen=True)
class Dataset:
    """A stored dataset version: its manifest and its folder."""

    root: Root
    folder: str
    manifest: DatasetManifest
    is_checked: bool = False
    """True if its files have already been compared with their digests in this training."""

    @property
    def ref(self) -> str:
        """The reference as text, ``datasets/<name>@<digest>``."""
        return str(DatasetRef(self.manifest["name"], self.manifest["version"]))

    @property
    def channels(self) -> list[str]:
        """Names of the columns that hold a series' values, in the order of ``values``."""
        return self.manifest["channels"]

    def tables(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, a row group at a time, after checking each file's digest once.

        They are read by this thread alone, as in ``seqclass.store.tables``.
        """
        for parquet, group, _ in self._row_groups():
            yield parquet.read_row_group(group, columns=columns, use_threads=False)

    def group_sizes(self) -> list[int]:
        """Return the number of rows of each row group, in the order of the rows."""
        return [n_rows for _, _, n_rows in self._row_groups()]

    def _row_groups(self) -> Iterator[tuple[pq.ParquetFile, int, int]]:
        """Yield each row group: its file, its number there and its number of rows."""
        for entry in self.manifest["files"]:
            path = f"{self.folder}/{entry['path']}"
            if not self.is_checked:
                check_file(self.root, self.folder, entry)
            with self.root.fs.open(path, "rb") as file, pq.ParquetFile(file) as parquet:
                for group in range(parquet.num_row_groups):
                    yield parquet, group, parquet.metadata.row_group(group).num_rows

    def labels(self) -> pa.Table:
        """Return ``series_id``, ``label``, ``n_steps`` and optional columns of all rows.

        Values, and the remarks on melodies (``REMARKS``), are not read.
        """
        optional = [name for name in OPTIONAL_COLUMNS if name not in REMARKS]
        names = [*FIXED_COLUMNS, *(name for name in optional if name in self.manifest["columns"])]
        return pa.concat_tables(self.tables(names))

    def values(
        self, rows: np.ndarray | None = None, channels: Sequence[str] | None = None
    ) -> np.ndarray:
        """Return series of the given row numbers (ascending; all by default), padded with NaN.

        The result is ``(rows, longest, channels)`` float32, with these channels in this order (the
        dataset's own by default); ``longest`` is that of the whole dataset. Row groups without any
        of these rows are not read.
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
        for parquet, group, n_rows in self._row_groups():
            stop = int(np.searchsorted(rows, start + n_rows))
            if stop > filled:
                table = parquet.read_row_group(group, ["n_steps", *channels], use_threads=False)
                offsets = rows[filled:stop] - start
                for k, name in enumerate(channels):
                    dense[filled:stop, :, k] = to_dense(table[name], longest)[offsets]
            start, filled = start + n_rows, stop
        return dense

    def series(self, rows: np.ndarray) -> "SeriesReader":
        """Return series of rows (ascending) as ``values`` does, but read as they are asked for."""
        return SeriesReader(self, rows)


class SeriesReader:
    """Series of a dataset ``(rows, longest, channels)``, of which a part at a time is held.

    Slices and places are taken as from an array. What is read at a slice is kept with the rows that
    follow it, ``PART_BYTES`` in all, since most readers go from the first row to the last.
    """

    def __init__(self, dataset: Dataset, rows: np.ndarray) -> None:
        self._dataset, self._rows = dataset, rows
        self.shape = len(rows), dataset.manifest["n_steps"][1], len(dataset.channels)
        self._at_once = max(1, PART_BYTES // (4 * self.shape[1] * self.shape[2]))
        self._start, self._part = 0, np.empty((0, *self.shape[1:]), np.float32)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: slice | np.ndarray) -> np.ndarray:
        """Return the series at a slice without a step, or at places in any order."""
        if isinstance(index, np.ndarray):
            places, back = np.unique(index, return_inverse=True)
            return self._read(places)[back]
        start, stop, _ = index.indices(len(self))
        if not self._start <= start <= stop <= self._start + len(self._part):
            self._start = start
            self._part = self._read(slice(start, max(stop, start + self._at_once)))
        return self._part[start - self._start : stop - self._start]

    def _read(self, index: slice | np.ndarray) -> np.ndarray:
        return self._dataset.values(self._rows[index])


def open_dataset(root: Root, ref: str) -> Dataset:
    """Find ``datasets/<name>@<version>``; a bare name means the version last made.

    The version may be abbreviated as long as it is unique.
    """
    reference = DatasetRef.parse(ref)
    name = reference.name
    versions = [v for v in committed_versions(root, name) if v.startswith(reference.version)]
    if not versions:
        there = {n: committed_versions(root, n) for n in root.names("datasets")}
        choices = (DatasetRef(n, version).short for n in there for version in there[n])
        raise no_such(root, "datasets", ref, choices)
    if reference.version and len(versions) > 1:
        raise ValueError(
            f"DATASET: expected one version, {ref!r} fits {', '.join(versions)}; write more of it"
        )
    version = versions[0] if reference.version else latest_version(root, name, versions)
    folder = root.join(*DatasetRef(name, version).parts)
    return Dataset(root, folder, read_manifest(root, folder, DatasetManifest))


def open_checked(root: Root, ref: str) -> Dataset:
    """Open a dataset whose digests an earlier step of the same training has checked."""
    return replace(open_dataset(root, ref), is_checked=True)


def latest_version(root: Root, name: str, versions: list[str]) -> str:
    """Return the version that was made last, which may be an old one made again."""
    newest = _state(root, name)["newest"]
    if newest in versions:
        return newest
    return max(versions, key=lambda version: (_created(root, name, version), version))


def became_newest(dataset: Dataset) -> datetime:
    """Return when a version became the newest of its name, or else when it was made.

    An old version becomes the newest again if a change of labels is taken back.
    """
    reference = DatasetRef.parse(dataset.ref)
    state = _state(dataset.root, reference.name)
    is_newest = state["newest"] == reference.version
    return datetime.fromisoformat(state["since"] if is_newest else dataset.manifest["created"])


def _state(root: Root, name: str) -> Any:
    """Return what a dataset is; nothing if the newest entry of its log is damaged."""
    try:
        return state_of(root, name, DATASETS)
    except DamagedError:
        return KINDS[DATASETS].nothing


def forget_version(root: Root, gone: DatasetRef, parents: Sequence[str], now: datetime) -> None:
    """Remove the pages of a removed version, and let the log name a newest one that exists.

    This is a parent of the version, if one is there. If it was the last version, all other files of
    the dataset are removed too.
    """
    home = root.join(gone.kind, gone.name)
    stale = [f"{gone.version}.{ending}" for ending in ("html", "json")]
    beside = list(within(root, (gone.kind, gone.name)))
    versions = dataset_versions(root, gone.name)
    if versions and not is_given_up(root, gone.name):
        before = [
            parent.version for parent in map(DatasetRef.parse, parents) if parent.name == gone.name
        ]
        candidates = [_state(root, gone.name)["newest"], *before, versions[-1]]
        newest = next(version for version in candidates if version in versions)
        log_newest(root, gone.name, newest, PRUNE, f"{gone.version} removed", now)
    elif not any(is_sealed(parts) for parts in beside):
        stale += ["index.html", "index.json"]
        for parts in beside:
            remove_file(root, root.join(*parts))
    for page in stale:
        remove_file(root, f"{home}/{page}")


def give_up(root: Root, name: str, reason: str, now: datetime) -> None:
    """Record that all versions of a dataset are to be removed; the next one takes this back."""
    log_newest(root, name, None, DELETE, reason, now)


def is_given_up(root: Root, name: str) -> bool:
    """Check whether all versions of a dataset are to be removed."""
    return _state(root, name)["deleted"]


def log_newest(
    root: Root,
    name: str,
    version: str | None,
    what: str,
    reason: str,
    now: datetime,
    parents: Sequence[str] = (),
) -> None:
    """Leave an entry that says which version is the newest now, unless the log says so already.

    Rows that were lost and are written again have another manifest: this is registered anew.
    OvertakenParentError if the version was made from others than the newest one.
    """

    def write(turn: Turn) -> None:
        newest, evidence = turn.state["newest"], {}
        is_logged = turn.number > 1 and newest == version and what != DELETE
        if version is not None and what == REGISTER:
            digest = sha256_of(root, root.join(DATASETS, name, version, MANIFEST))
            evidence = {MANIFEST: digest}
            is_logged = is_logged and registered(root, name, DATASETS).get(version) == digest
        if is_logged:
            return
        check_parents(root, name, version, parents)
        record: LogDecision = {
            "what": what,
            "from": newest,
            "to": version,
            "actor": actor(),
            "reason": reason,
            "evidence": evidence,
        }
        if version is not None and what == REGISTER:
            record["candidate"] = version
        turn.append(record, now)

    in_turn(root, name, write, DATASETS)


def check_parents(root: Root, name: str, version: str | None, parents: Sequence[str]) -> None:
    """Raise OvertakenParentError if the newest of the other versions is none of the parents."""
    others = [other for other in committed_versions(root, name) if other != version]
    newest = latest_version(root, name, others) if others and parents else None
    if newest not in (*parents, None):
        raise OvertakenParentError(
            f"datasets/{name}: expected {', '.join(parents)} as the newest version, another "
            f"process has made {newest}; run the command again"
        )


def on_newest(work: Callable[[], Result]) -> Result:
    """Add to a dataset, again if another process has added to it meanwhile.

    ``work`` reads the newest version and writes the next one.
    """
    while True:
        try:
            return work()
        except OvertakenParentError:
            time.sleep(random.uniform(0, WAIT_S))


def dataset_versions(root: Root, name: str) -> list[str]:
    """Return the committed versions of a name, oldest first."""
    return sorted(
        committed_versions(root, name), key=lambda version: (_created(root, name, version), version)
    )


def _created(root: Root, name: str, version: str) -> str:
    """Return the time of a version; a damaged one counts as the oldest."""
    try:
        return read_manifest(root, root.join("datasets", name, version), Manifest)["created"]
    except DamagedError:
        return ""


def committed_versions(root: Root, name: str) -> list[str]:
    """Return the versions of a name by their digests, unsorted; no manifest is read."""
    return root.sealed_names("datasets", name) if is_name(name) else []


def recordings_folder(root: Root, name: str) -> str:
    """Return the folder of the pages of a dataset's recordings."""
    return root.join("datasets", name, "recordings")


def check_parent(root: Root, name: str, append: bool) -> None:
    """Refuse to add to a dataset that does not exist."""
    if append and not committed_versions(root, name):
        raise ValueError(
            f"--append: expected a dataset {name!r} to add to, got none of that name; import "
            "without --append first, or correct --name"
        )


@dataclass(frozen=True)
class Provenance:
    """The origin of rows, and further entries of their manifest.

    now: a simulated time; None takes the moment of the commit. remarks: called after all rows have
    been written. parent: a version whose rows come first; its files are not written again.
    """

    source: Source
    now: datetime | None = None
    remarks: Callable[[], ImportSummary] = ImportSummary
    parent: Dataset | None = None


def write_dataset(
    root: Root, name: str, tables: Iterable[pa.Table], source: Source, now: datetime | None = None
) -> Dataset:
    """Write rows as ``write_rows`` does, from a source without remarks."""
    return write_rows(root, name, tables, Provenance(source, now))


def write_rows(
    root: Root, name: str, tables: Iterable[pa.Table], provenance: Provenance
) -> Dataset:
    """Write rows as a new version, or find the version that already holds the same rows.

    ``tables`` may come in pieces of any size: the same rows give the same version. This version
    becomes the newest one, unless the present newest was made from it: later rows and labels are
    kept. OvertakenParentError, and no version, if its parent is not the newest version any more.
    """
    check_name(name)
    with staging(root, f"dataset-{name}") as folder:
        parent = provenance.parent
        kept = files_to_keep(root, parent.folder, parent.manifest["files"]) if parent else None
        described = stage_rows(root, folder, iter(tables), kept)
        remarks = provenance.remarks()
        parents = remarks.get("parents", [parent.ref] if parent else [])
        now = provenance.now or datetime.now(UTC)
        manifest = {
            "kind": "dataset",
            "name": name,
            "created": now.isoformat(),
            **described,
            "rejected": 0,
            "source": provenance.source,
            **fingerprint(),
            **remarks,
            "parents": parents,
        }
        write_manifest(root, folder, manifest)
        made = DatasetRef(name, described["version"])
        stays_behind = _stays_behind(root, made, parents)
        ours = [ref.version for ref in map(DatasetRef.parse, parents) if ref.name == name]
        if not stays_behind:
            check_parents(root, name, made.version, ours)
        is_new = commit(root, folder, *made.parts)
    if not stays_behind:
        made_by = ", ".join(sorted(provenance.source))
        try:
            log_newest(root, name, made.version, REGISTER, made_by, now, ours)
        except OvertakenParentError:
            if is_new and made.version not in registered(root, name, DATASETS):
                remove(root, *made.parts)
            raise
    return open_dataset(root, made.short)


def _stays_behind(root: Root, made: DatasetRef, parents: list[str]) -> bool:
    """Check whether the newest version was made from this one, and this one not from it."""
    versions = committed_versions(root, made.name)
    if made.version not in versions:
        return False
    newest = latest_version(root, made.name, versions)
    if str(DatasetRef(made.name, newest)) in parents:
        return False
    return made.version in _earlier_versions(root, made.name, newest)


def _earlier_versions(root: Root, name: str, newest: str) -> set[str]:
    """Return the versions of a name from which its newest one was made, step by step."""
    versions = committed_versions(root, name)
    earlier, ways = set[str](), [newest]
    while ways:
        with contextlib.suppress(DamagedError):
            manifest = read_manifest(root, root.join("datasets", name, ways.pop()), DatasetManifest)
            parents = [DatasetRef.parse(parent) for parent in manifest["parents"]]
            ways += [
                parent.version
                for parent in parents
                if parent.name == name
                and parent.version in versions
                and parent.version not in earlier
            ]
            earlier.update(ways)
    return earlier
