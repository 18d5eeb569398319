"""Import of the user's files as a dataset, or into one."""

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.bars import FileBars, bars, count_rows
from seqclass.pages.index_pages import refresh
from seqclass.screening.incoming import (
    ImportSpec,
    check_trainable,
    tables_of,
    terms_of,
)
from seqclass.screening.screening import Screening, counts_of
from seqclass.store.datasets import (
    Dataset,
    Provenance,
    check_parent,
    committed_versions,
    on_newest,
    write_rows,
)
from seqclass.store.formats import ColumnNames
from seqclass.store.formats.facts import FilePages
from seqclass.store.formats.overview import Overview
from seqclass.store.garbage import collect_garbage
from seqclass.store.manifests import FileEntry, ImportSummary, SetAside, Source
from seqclass.store.quarantine import Quarantine
from seqclass.store.root import Root, check_name
from seqclass.store.staging import staging


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


def import_frames(
    root: Root, name: str, frame: Any, test: Any | None, spec: ImportSpec
) -> Imported:
    """Read a DataFrame of pandas into a dataset as a Parquet file of its columns would be read.

    test: another one, of the official test rows. Named levels of an index count as columns. Raises
    what ``import_files`` raises.
    """
    with tempfile.TemporaryDirectory(prefix="seqclass-") as folder:
        paths = (_written(folder, "frame", frame),)
        test_paths = () if test is None else (_written(folder, "test", test),)
        try:
            spec = replace(spec, paths=paths, test_paths=test_paths)
            return import_files(root, name, spec, folder)
        except ValueError as error:
            error.args = (str(error).replace(f"{folder}/", ""),)
            raise


def _written(folder: str, name: str, frame: Any) -> str:
    """Write a DataFrame as a Parquet file; returns its path."""
    if not hasattr(frame, "iloc") or not hasattr(frame, "columns"):
        raise ValueError(
            f"{name}: expected a DataFrame, got {type(frame).__name__}; give a table of pandas, "
            "pyarrow or polars, or files to import_files"
        )
    levels = [level for level in frame.index.names if level is not None]
    path = os.path.join(folder, f"{name}.parquet")
    try:
        table = frame.reset_index() if levels else frame
        columns = table.set_axis([str(column) for column in table.columns], axis=1)
        pq.write_table(pa.Table.from_pandas(columns, preserve_index=False), path)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise ValueError(
            f"{name}: expected columns of one type each, and a name once, got {error}; correct it"
        ) from error
    return path


def import_files(root: Root, name: str, spec: ImportSpec, folder: str | None = None) -> Imported:
    """Read every file into one dataset, and bring its pages up to date.

    folder: below which paths of files are recorded; None records absolute ones.

    Returns the dataset's reference and the counts of its rows. ValueError, and nothing is stored,
    if a file can't be read, or its rows break the contract in a way that the policy refuses.
    """
    check_name(name)
    check_parent(root, name, spec.append)
    paths, test_paths = spec.files()
    collect_garbage(root)
    files = [_describe(path, folder) for path in (*paths, *test_paths)]
    outcome = on_newest(lambda: _import(root, name, spec, (paths, test_paths), files))
    refresh(root, [outcome["dataset"]])
    return outcome


def _import(
    root: Root,
    name: str,
    spec: ImportSpec,
    files: tuple[list[str], list[str]],
    described: list[FileEntry],
) -> Imported:
    paths, test_paths = files
    source = {"import": described}
    with staging(root, f"quarantine-{name}") as folder, bars() as progress:
        terms, parent = terms_of(root, name, spec)
        spec = spec.beside(parent)
        screening = Screening(terms, Quarantine(root, folder))
        pages = FilePages(spec.columns, FileBars(progress))
        goal = _Goal(name, source, parent, spec.columns, pages.records)
        tables = tables_of(paths, test_paths, spec, pages.listener)
        rows = screening.passing(count_rows(progress, tables, None))
        seen = Overview()
        rows = rows if parent else seen.watch(rows)
        earlier = committed_versions(root, name)
        dataset = _store(root, goal, rows, screening, seen)
        pages.keep(root, name)
    return {
        "dataset": dataset.ref,
        "existed": dataset.manifest["version"] in earlier,
        "parent": parent.ref if parent else None,
        "added": screening.kept,
        "recordings": pages.records,
        "amiss": [] if parent else seen.describe()["amiss"],
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
    root: Root, goal: _Goal, rows: Iterator[pa.Table], screening: Screening, seen: Overview
) -> Dataset:
    """Write a parent's rows, if there is one, and then the new ones; nothing without new ones.

    seen: of all rows, if there is no parent.
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
            check_trainable(seen.describe())
        screening.quarantine.commit(name)
        recordings = {recording["page"]: recording for recording in (*older_recordings, *heard)}
        return {
            **counts_of(screening),
            "reading": columns.to_record(),
            **({"recordings": list(recordings.values())} if recordings else {}),
        }

    older_recordings = parent.manifest.get("recordings", []) if parent else []
    older = parent.tables() if parent else iter(())
    every = chain(older, () if first is None else (first,), rows)
    provenance = Provenance(source, remarks=remarks, parent=parent)
    return write_rows(root, name, every, provenance)


def _describe(path: str, folder: str | None) -> FileEntry:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    shown = os.path.relpath(path, folder) if folder else os.path.abspath(path)
    return {"path": shown, "sha256": digest, "bytes": os.path.getsize(path)}
