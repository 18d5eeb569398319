"""Task: import the user's files as a dataset, or add them to one."""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from typing import Any, NamedTuple

import pyarrow as pa
from prefect import get_run_logger, task

from seqclass.ragas.recording_page import RecordingPages
from seqclass.screening.contract import Profile, stuck_lines
from seqclass.screening.incoming import (
    ImportSpec,
    check_trainable,
    profiled,
    tables_of,
    terms_of,
)
from seqclass.screening.screening import Screening, counts_of
from seqclass.store.datasets import (
    Dataset,
    Provenance,
    check_parent,
    committed_versions,
    write_rows,
)
from seqclass.store.formats import ColumnNames
from seqclass.store.formats.overview import Overview
from seqclass.store.leases import locked
from seqclass.store.manifests import FileEntry, ImportSummary, SetAside, Source
from seqclass.store.quarantine import Quarantine
from seqclass.store.root import Root, check_name, open_root
from seqclass.store.staging import staging
from tasks.compute.assets import describe_asset
from tasks.compute.bars import RecordingBars, bars, count_rows


class Imported(SetAside):
    """A dataset's version, the one that it continues, and the number of added series.

    existed: whether the version was stored before. amiss: likely problems of a first version.
    recordings: what was heard of each recording, and the name of its page.
    """

    dataset: str
    existed: bool
    parent: str | None
    added: int
    recordings: Sequence[Mapping[str, Any]]
    amiss: list[str]


@task(name="ingest")
def ingest(spec: ImportSpec, name: str, root_url: str) -> Imported:
    """Read every file into one dataset; returns its reference and the counts of its rows."""
    check_name(name)
    paths, test_paths = spec.files()
    source = {"import": [_describe(path) for path in (*paths, *test_paths)]}
    root = open_root(root_url)
    check_parent(root, name, spec.append)
    turn = locked(root, "datasets", name) if spec.append else contextlib.nullcontext()
    with turn, staging(root, f"quarantine-{name}") as folder, bars() as progress:
        terms, parent = terms_of(root, name, spec)
        spec = spec.beside(parent)
        screening = Screening(terms, Quarantine(root, folder))
        pages = RecordingPages(spec.columns.rate_hz, RecordingBars(progress))
        goal = _Goal(name, source, parent, spec.columns, pages.records)
        tables = tables_of(paths, test_paths, spec, pages.listener)
        rows = screening.passing(count_rows(progress, tables, None))
        seen, profile = Overview(), Profile()
        rows = rows if parent else seen.watch(rows)
        known = committed_versions(root, name)
        dataset = _store(root, goal, rows, screening, profile)
        pages.keep(root, name)
    describe_asset(root, dataset.ref, added=screening.kept)
    get_run_logger().info("%s: %d series taken in", dataset.ref, screening.kept)
    amiss = [] if parent else [*seen.describe()["amiss"], *stuck_lines(profile)]
    for line in amiss:
        get_run_logger().warning("look: %s", line)
    return {
        "dataset": dataset.ref,
        "existed": dataset.manifest["version"] in known,
        "parent": parent.ref if parent else None,
        "added": screening.kept,
        "recordings": pages.records,
        "amiss": amiss,
        **counts_of(screening),
    }


class _Goal(NamedTuple):
    """The dataset to write: its name, its parent if rows are added, and the reading options.

    heard: the records of its new recordings, which come while the rows are written.
    """

    name: str
    source: Source
    parent: Dataset | None
    columns: ColumnNames
    heard: list[Mapping[str, Any]]


def _store(
    root: Root, goal: _Goal, rows: Iterator[pa.Table], screening: Screening, profile: Profile
) -> Dataset:
    """Write a parent's rows, if there is one, and then the new ones; nothing without new ones.

    The profile reads all of them.
    """
    name, source, parent, columns, heard = goal
    if parent is not None:
        screening.duplicates.learn(parent.tables())
    first = next(rows, None)
    if parent is not None and first is None:
        screening.quarantine.commit(name)
        return parent

    def remarks() -> ImportSummary:
        if parent is None:
            check_trainable(profile.contract(), screening.kept)
        screening.quarantine.commit(name)
        recordings = {own["page"]: own for own in (*older_recordings, *heard)}
        return {
            "parents": [parent.ref] if parent else [],
            **counts_of(screening),
            "contract": asdict(profile.contract()),
            "reading": columns.to_record(),
            **({"recordings": list(recordings.values())} if recordings else {}),
        }

    older_recordings = parent.manifest.get("recordings", []) if parent else []
    older = parent.tables() if parent else iter(())
    every = chain(older, () if first is None else (first,), rows)
    provenance = Provenance(source, remarks=remarks)
    return write_rows(root, name, profiled(every, profile), provenance)


def _describe(path: str) -> FileEntry:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": os.path.abspath(path), "sha256": digest, "bytes": os.path.getsize(path)}
