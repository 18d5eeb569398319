"""Task: import the user's files as a dataset, or add them to one."""

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from typing import NamedTuple

import pyarrow as pa
from prefect import get_run_logger, task

from seqclass.screening.contract import Profile
from seqclass.screening.policy import Policy
from seqclass.screening.screening import (
    Screening,
    ValidationContext,
    add_rows,
    contract_of,
    counts_of,
)
from seqclass.store.datasets import (
    Dataset,
    Provenance,
    check_parent,
    committed_versions,
    open_dataset,
    write_rows,
)
from seqclass.store.formats import ColumnNames, Limits, expand, names_of
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.formats.overview import Overview
from seqclass.store.leases import locked
from seqclass.store.manifests import FileEntry, Remarks, SetAside, Source
from seqclass.store.quarantine import Quarantine
from seqclass.store.root import Root, check_name, open_root
from seqclass.store.staging import staging
from tasks.compute.progress import counted


@dataclass(frozen=True)
class ImportSpec:
    """What to read: files or folders, an official test split, and the columns' names.

    policy: what becomes of rows that break the contract of the newest version of the name.
    append: add the rows to that version. new_contract: do not look at its contract. limits: what
    a file may hold.
    """

    paths: tuple[str, ...]
    test_paths: tuple[str, ...] = ()
    columns: ColumnNames = field(default_factory=ColumnNames)
    policy: Policy = field(default_factory=Policy)
    append: bool = False
    new_contract: bool = False
    limits: Limits = field(default_factory=Limits)


class Imported(SetAside):
    """A dataset's version, the one that it continues, and how many series it has more; ``amiss``:
    what looks wrong in a first one."""

    dataset: str
    parent: str | None
    added: int
    amiss: list[str]


@task(name="ingest")
def ingest(spec: ImportSpec, name: str, root_url: str) -> Imported:
    """Read every file into one dataset; returns its reference and what became of the rows."""
    check_name(name)
    paths, test_paths = expand(list(spec.paths), "PATH"), expand(list(spec.test_paths), "--test")
    source = {"import": [_describe(path) for path in (*paths, *test_paths)]}
    root = open_root(root_url)
    check_parent(root, name, spec.append)
    turn = locked(root, "datasets", name) if spec.append else contextlib.nullcontext()
    with turn, staging(root, f"quarantine-{name}") as folder:
        terms, parent = _terms(root, name, spec)
        spec = replace(
            spec, columns=spec.columns.over(names_of(parent.manifest) if parent else ColumnNames())
        )
        screening = Screening(terms, Quarantine(root, folder))
        goal = _Goal(name, source, parent, spec.columns)
        rows = screening.passing(counted(_tables(paths, test_paths, spec), None))
        seen = Overview()
        dataset = _store(root, goal, rows if parent else seen.watch(rows), screening)
    get_run_logger().info("%s: %d series taken in", dataset.ref, screening.kept)
    amiss = [] if parent else seen.describe()["amiss"]
    for line in amiss:
        get_run_logger().warning("look: %s", line)
    return {
        "dataset": dataset.ref,
        "parent": parent.ref if parent else None,
        "added": screening.kept,
        "amiss": amiss,
        **counts_of(screening),
    }


def _terms(root: Root, name: str, spec: ImportSpec) -> tuple[ValidationContext, Dataset | None]:
    """What the rows are held to, and the version they are added to."""
    if not committed_versions(root, name) or (spec.new_contract and not spec.append):
        return ValidationContext(spec.policy), None
    latest = open_dataset(root, name)
    contract = None if spec.new_contract else contract_of(latest)
    columns = tuple(latest.manifest["columns"])
    terms = ValidationContext(spec.policy, latest.ref, columns, contract, spec.append)
    return terms, latest if spec.append else None


def _tables(paths: list[str], test_paths: list[str], spec: ImportSpec) -> Iterator[pa.Table]:
    keep_infinite = spec.policy.infinite != "refuse"
    train = "train" if test_paths else None
    with IsolatedReader() as reader:
        yield from reader.read_files(paths, spec.columns, train, keep_infinite, spec.limits)
        yield from reader.read_files(test_paths, spec.columns, "test", keep_infinite, spec.limits)


class _Goal(NamedTuple):
    """What rows become: a dataset of a name, added to a parent or not, and how they were read."""

    name: str
    source: Source
    parent: Dataset | None
    columns: ColumnNames


def _store(root: Root, goal: _Goal, rows: Iterator[pa.Table], screening: Screening) -> Dataset:
    """Write a parent's rows, where there is one, and then the new ones; nothing for none."""
    name, source, parent, columns = goal
    if parent is not None:
        screening.duplicates.learn(parent.tables())
    first = next(rows, None)
    if parent is not None and first is None:
        screening.quarantine.commit(name)
        return parent
    profile = Profile()

    def remarks() -> Remarks:
        if parent is None:
            check_classes(list(profile.contract().classes), screening.kept)
        screening.quarantine.commit(name)
        return {
            "parents": [parent.ref] if parent else [],
            **counts_of(screening),
            "contract": asdict(profile.contract()),
            "reading": columns.told(),
        }

    older = parent.tables() if parent else iter(())
    every = chain(older, () if first is None else (first,), rows)
    provenance = Provenance(source, remarks=remarks)
    return write_rows(root, name, profiled(every, profile), provenance)


def check_classes(classes: list[str], n_series: int) -> None:
    """Refuse what can never be trained on as it stands; series without any label may be scored."""
    if classes and (len(classes) < 2 or n_series < 3):
        raise ValueError(
            f"PATH: expected at least 3 series of at least 2 classes, got {n_series} of "
            f"{', '.join(classes)}; add the other classes' files to the import, or score them with "
            "'seqclass score MODEL PATH', which stores no dataset"
        )


def profiled(tables: Iterable[pa.Table], profile: Profile) -> Iterator[pa.Table]:
    for table in tables:
        add_rows(profile, table)
        yield table


def _describe(path: str) -> FileEntry:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": os.path.abspath(path), "sha256": digest, "bytes": os.path.getsize(path)}
