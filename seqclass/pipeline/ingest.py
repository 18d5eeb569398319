"""Ingest of the files of inboxes into their datasets, each file exactly once.

The version that holds a file's rows names the file's digest. It is committed first, then the
arrival is announced, then the file is moved. After a kill in between, the file is recognised by
that digest, announced once more, and moved.
"""

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, cast

from typing_extensions import TypedDict

from seqclass.pages.index_pages import refresh
from seqclass.screening.incoming import ArrivalSpec
from seqclass.screening.screening import Screening, ValidationContext, counts_of
from seqclass.store.dataset_writer import spool
from seqclass.store.datasets import (
    Dataset,
    Provenance,
    committed_versions,
    on_newest,
    open_dataset,
    write_rows,
)
from seqclass.store.duplicates import DuplicateIndex
from seqclass.store.formats import error_summary, expand, names_of
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.garbage import collect_garbage
from seqclass.store.inbox import (
    DONE,
    INBOX,
    MOVE,
    QUARANTINE,
    Arrival,
    FileReport,
    Sweep,
    arrivals,
    file_digest,
    inbox_url,
    inboxes,
    local_copy,
    look_at,
    misplaced,
    missing_end,
    place_put_away,
    put_away,
)
from seqclass.store.layout import check_inbox
from seqclass.store.locks import try_lock
from seqclass.store.manifests import DatasetManifest, ImportSummary, reading_of
from seqclass.store.quarantine import Quarantine, quarantined_before
from seqclass.store.references import DatasetRef
from seqclass.store.root import Root, check_name, open_root, printable, read_manifest
from seqclass.store.staging import staging
from seqclass.store.tables import read_row_groups

logger = logging.getLogger(__name__)

LONGEST_REASON = 2000
LONGEST_REST_S = 5.0
"""Seconds that a sweep waits at most for files that have just been written."""
SWEEPS_AT_ONCE = 4


@dataclass
class _File:
    """A file of the inbox and its outcome."""

    arrival: Arrival
    digest: str = ""
    became: str = ""
    reason: str = ""
    screening: Screening | None = None
    rows: str = ""

    def refuse(self, problem: str) -> None:
        """Set the outcome; where a problem names a command's argument, name the file instead."""
        text = problem.removeprefix("PATH: ")
        self.became = "quarantined"
        self.reason = problem if text == problem else f"{self.arrival.name}: {text}"

    def describe(self) -> FileReport:
        read = self.screening if self.became in ("added", "quarantined") else None
        report: FileReport = {
            "file": self.arrival.name,
            "became": self.became,
            "reason": self.reason,
            "added": read.kept if read else 0,
        }
        return {**report, **counts_of(read)} if read else report


Announce = Callable[[str, int], None]


class Arrivals(TypedDict):
    """Rows that datasets gained, and the outcome of each inbox.

    amiss: a line about what lies beside the inboxes, if all of them were swept.
    """

    added: int
    sweeps: list[Sweep]
    amiss: list[str]


def ingest(
    root: Root,
    dataset: str | None = None,
    inbox: str | None = None,
    spec: ArrivalSpec | None = None,
    announce: Announce = lambda dataset, added: None,
    refused: Callable[[str, FileReport], None] = lambda name, file: None,
) -> Arrivals:
    """Sweep the inbox of a dataset, or every one of the root; each file is taken exactly once.

    Up to ``SWEEPS_AT_ONCE`` inboxes are swept at the same time. One that fails does not stop the
    others; its error is raised after them.

    Args:
        inbox: Folder or prefix to sweep instead of inbox/DATASET of the root; it is made if it
            does not exist.
        announce: Called with a dataset's new version and the number of its new rows, by the thread
            that sweeps its inbox.
        refused: Called with a dataset's name and a file that went to quarantine.
    """
    collect_garbage(root)
    places = inbox_places(root, dataset, inbox)

    def sweep(name: str, place: str) -> Sweep:
        folder = open_root(place)
        if dataset is not None:
            check_inbox(root, "inbox", place)
            folder.fs.makedirs(folder.join(DONE), exist_ok=True)
        box = Inbox(root, name, folder)
        return collect_arrivals(box, spec or ArrivalSpec(), announce)

    with ThreadPoolExecutor(SWEEPS_AT_ONCE) as pool:
        futures = [pool.submit(copy_context().run, partial(sweep, *each)) for each in places]
    done = [(name, future.result()) for (name, _), future in zip(places, futures, strict=True)
            if not future.exception()]  # fmt: skip
    if len(done) < len(places) or any(outcome["files"] for _, outcome in done):
        refresh(root, [f"datasets/{name}" for name, _ in places])
    for name, outcome in done:
        for file in outcome["files"]:
            if file["became"] == "quarantined":
                refused(name, file)
    sweeps = [future.result() for future in futures]
    return arrivals_of(root, sweeps, dataset)


def arrivals_of(root: Root, sweeps: list[Sweep], dataset: str | None) -> Arrivals:
    """Return the outcome of sweeps of a dataset's inbox, or of every one of the root."""
    beside = misplaced(root) if dataset is None else ""
    amiss = [f"{INBOX}: expected folders of datasets alone, got {beside}; {MOVE}"] if beside else []
    for line in amiss:
        logger.warning("%s", line)
    return {"added": sum(sweep["added"] for sweep in sweeps), "sweeps": sweeps, "amiss": amiss}


def inbox_places(root: Root, dataset: str | None, inbox: str | None) -> list[tuple[str, str]]:
    """Return datasets with the folder or prefix in which their files arrive."""
    names = inboxes(root) if dataset is None else [check_name(dataset, "DATASET")]
    return [(name, inbox or inbox_url(root, name)) for name in names]


class Inbox(NamedTuple):
    """The inbox of a dataset in a root."""

    root: Root
    name: str
    place: Root


def collect_arrivals(
    box: Inbox, spec: ArrivalSpec, announce: Announce, now: datetime | None = None
) -> Sweep:
    """Commit the rows of all complete files in one version, announce it, then move the files.

    ``announce(dataset, added)`` is called at least once for every version, before its files move.
    The outcome of a file is added, repeated, quarantined, waiting or gone. Files that have just
    been written get the seconds they need, unless it is too long. now: a simulated time.
    """
    if now is None:
        _let_rest(box.place, spec.quiet_s)
    return on_newest(lambda: _collect(box, spec, now or datetime.now(UTC), announce))


def _let_rest(inbox: Root, quiet_s: float) -> None:
    """Wait until no file has changed for ``quiet_s`` seconds; not at all where that is long."""
    now = datetime.now(UTC)
    ages = [(now - file.modified).total_seconds() for file in arrivals(inbox)]
    fresh = [age for age in ages if -quiet_s < age < quiet_s]
    if fresh and quiet_s <= LONGEST_REST_S:
        time.sleep(min(quiet_s - min(fresh), LONGEST_REST_S))


def _collect(box: Inbox, spec: ArrivalSpec, now: datetime, announce: Announce) -> Sweep:
    root, name, inbox = box
    check_name(name, "DATASET")
    check_inbox(root, "inbox", inbox.url)
    seen = [_File(arrival) for arrival in arrivals(inbox)]
    if not seen or not committed_versions(root, name):
        return _without_dataset(box, spec, now, seen)
    with try_lock(root, "arrivals", "datasets", name) as is_free:
        if not is_free:
            return _left_waiting(inbox, seen, f"another process adds to {name!r} now")
        _hold_back(inbox, spec, now, seen)
        parent = open_dataset(root, name)
        newest, added = _take(parent, inbox, spec, [f for f in seen if not f.became])
        if any(file.became in ("added", "repeated") for file in seen):
            announce(newest.ref, added)
        for file in seen:
            _put_away(inbox, file)
        return _report(inbox, newest, added, seen)


def _without_dataset(box: Inbox, spec: ArrivalSpec, now: datetime, files: list[_File]) -> Sweep:
    """Leave the files for a dataset that may be imported soon; set them aside after a while."""
    sweep = _left_waiting(box.place, files, f"no dataset {box.name!r} yet; import one first")
    overdue = [f for f in files if (now - f.arrival.arrived).total_seconds() >= spec.patience_s]
    for file in overdue:
        try:
            _digest(box.place, file)
        except OSError as error:
            _lost(file, error)
            continue
        file.refuse(
            f"PATH: expected a dataset {box.name!r}, the store has none; import one, then put the "
            "file into its inbox again"
        )
        _put_away(box.place, file)
    return {**sweep, "files": [file.describe() for file in files]}


def _digest(inbox: Root, file: _File) -> None:
    """Set the digest of a file that is set aside; a pipe or a device has none."""
    file.digest = "0" * 64
    if not file.arrival.irregular:
        with local_copy(inbox, file.arrival.name) as path:
            file.digest = file_digest(path)


def _left_waiting(inbox: Root, files: list[_File], reason: str) -> Sweep:
    for file in files:
        file.became, file.reason = "waiting", reason
    return _report(inbox, None, 0, files)


def _report(inbox: Root, newest: Dataset | None, added: int, files: list[_File]) -> Sweep:
    return {
        "place": inbox.url,
        "dataset": newest.ref if newest else None,
        "added": added,
        "files": [file.describe() for file in files],
    }


def _hold_back(inbox: Root, spec: ArrivalSpec, now: datetime, files: list[_File]) -> None:
    """Mark the files that are still being written, and those that were never finished."""
    for file in files:
        if file.arrival.irregular:
            _digest(inbox, file)
            file.refuse(
                f"PATH: expected a regular file, got {file.arrival.irregular}; put the file itself "
                "into the inbox"
            )
            continue
        age_s = (now - file.arrival.modified).total_seconds()
        if -spec.quiet_s < age_s < spec.quiet_s:
            file.became, file.reason = "waiting", f"it changed {max(age_s, 0):.1f} s ago"
            continue
        try:
            missing = missing_end(inbox, file.arrival.name)
            if missing is None:
                continue
            file.became, file.reason = "waiting", f"expected {missing}, found none yet"
            if age_s >= spec.patience_s:
                _digest(inbox, file)
                file.refuse(
                    f"PATH: expected {missing}, found none {spec.patience_s:g} s after the file's "
                    "last change; write it whole and put it into the inbox again"
                )
        except OSError as error:
            _lost(file, error)


def _lost(file: _File, error: OSError) -> None:
    gone = isinstance(error, FileNotFoundError)
    file.became = "gone" if gone else "waiting"
    file.reason = (
        "removed while it was looked at" if gone else f"unreadable ({error.strerror or error})"
    )


def _take(
    parent: Dataset, inbox: Root, spec: ArrivalSpec, files: list[_File]
) -> tuple[Dataset, int]:
    """Commit the rows of the files that pass; returns the version and its number of new rows."""
    root, digests = parent.root, _known_digests(parent)
    if not files:
        return parent, 0
    with staging(root, f"arrivals-{parent.manifest['name']}") as folder, IsolatedReader() as reader:
        screen = _Screen(parent, spec, folder, reader)
        for file in files:
            _look_into(inbox, file, digests, screen)
        taken = [file for file in files if file.became == "added"]
        added = sum(file.screening.kept for file in taken if file.screening)
        return (_commit(parent, taken), added) if taken else (parent, 0)


def _known_digests(newest: Dataset) -> set[str]:
    """Return digests of all files whose rows are in a version, or in one that it continues."""
    root, manifest, digests = newest.root, newest.manifest, set[str]()
    unseen = {*committed_versions(root, manifest["name"])} - {manifest["version"]}
    while True:
        digests |= {entry["sha256"] for entry in manifest["source"].get("import", [])}
        parents = [DatasetRef.parse(ref) for ref in manifest["parents"]]
        older = [parent for parent in parents if parent.version in unseen]
        if not older:
            return digests
        unseen.remove(older[0].version)
        manifest = read_manifest(root, root.join(*older[0].parts), DatasetManifest)


def _look_into(inbox: Root, file: _File, digests: set[str], screen: "_Screen") -> None:
    """Read a file, keep its rows in the staging folder if they pass, and set its outcome."""
    arrival = file.arrival
    try:
        with local_copy(inbox, arrival.name) as path:
            file.digest = file_digest(path)
            if file.digest in digests:
                file.became, file.reason = "repeated", "its content is there already"
                return
            _judge(path, file, screen, screen.prepare())
            folder = f"{inbox.url.rstrip('/')}/"  # of a bucket's file, a temporary copy is read
            file.reason = file.reason.replace(f"{os.path.dirname(path)}/", folder)
    except OSError as error:
        _lost(file, error)
    now = look_at(inbox, arrival.name)
    if now is None:
        file.became, file.reason = "gone", "removed while it was read"
    elif now.stamp != arrival.stamp:
        file.became, file.reason = "waiting", "it changed while it was read"
    if not file.became and file.screening:
        _conclude(file, file.screening, screen.parent.manifest["name"])
    if file.became == "added":
        digests.add(file.digest)
        screen.remember()
    else:
        screen.forget()


def _conclude(file: _File, screening: Screening, name: str) -> None:
    """Set the outcome of a file that was read: added if a row passes, else with the reason."""
    if screening.kept:
        file.became = "added"
    elif screening.rejected:
        screening.quarantine.commit(name)
        file.refuse(
            f"PATH: expected series that stay, got {screening.rejected} rejected: "
            f"{screening.quarantined}; correct them, they lie in {screening.quarantine.place}"
        )
    elif screening.seen:
        file.became, file.reason = "repeated", "its rows are there already"
    else:
        file.refuse("PATH: expected at least one series, got none; write the file again")


def _judge(path: str, file: _File, screen: "_Screen", terms: ValidationContext) -> None:
    """Read a file; any error in a reader sets its outcome and does not affect other files."""
    try:
        screen.read(path, file, terms)
    except ValueError as error:
        file.refuse(printable(" ".join(str(error).split()), LONGEST_REASON))
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        file.refuse(f"PATH: expected rows that fit, got {error_summary(error)}; correct the file")


class _Screen:
    """Check of files, one by one, against a dataset's contract; it keeps rows that pass."""

    def __init__(
        self, parent: Dataset, spec: ArrivalSpec, folder: str, reader: IsolatedReader
    ) -> None:
        self.parent, self.spec, self.folder, self.reader = parent, spec, folder, reader
        self.terms: ValidationContext | None = None
        self.duplicates, self.runs = DuplicateIndex(), list[Any]()

    def prepare(self) -> ValidationContext:
        """Load the rules and rows of the dataset, once."""
        if self.terms is None:
            self.terms = self._terms()
            self.remember()
        return self.terms

    def read(self, path: str, file: _File, terms: ValidationContext) -> None:
        expand([path], "PATH")
        folder, root = f"{self.folder}/{file.digest}", self.parent.root
        screening = Screening(terms, Quarantine(root, folder), self.duplicates)
        names = self.spec.policy.reading(self.spec.columns, names_of(self.parent.manifest))
        cure, limits = self.spec.policy.infinite_cure, self.spec.limits
        tables = self.reader.read_files([path], names, None, cure, limits)
        file.rows = f"{folder}/rows.parquet"
        spool(root, file.rows, screening.passing(tables))
        file.screening = screening

    def _terms(self) -> ValidationContext:
        self.duplicates.learn(self.parent.tables())
        contract = self.parent.manifest
        aside = quarantined_before(self.parent.root, self.parent.manifest["name"])
        policy, ref = self.spec.policy, self.parent.ref
        columns = tuple(contract["columns"])
        return ValidationContext(policy, ref, columns, contract, append=True, set_aside=aside)

    def remember(self) -> None:
        self.runs = list(self.duplicates.runs)

    def forget(self) -> None:
        """Remove a file that was not taken from the index of duplicates."""
        self.duplicates.runs = list(self.runs)


def _commit(parent: Dataset, files: list[_File]) -> Dataset:
    """Write the parent's rows and then those of the files as a version that names them."""
    root, name = parent.root, parent.manifest["name"]
    source = {
        "import": [
            {"path": f.arrival.name, "sha256": f.digest, "bytes": f.arrival.stamp[0]} for f in files
        ]
    }
    newer = chain.from_iterable(read_row_groups(root, file.rows) for file in files)

    def remarks() -> ImportSummary:
        screenings = [file.screening for file in files if file.screening]
        for screening in screenings:
            screening.quarantine.commit(name)
        summary: dict[str, Any] = {
            **counts_of(*screenings),
            "reading": reading_of(parent.manifest),
        }
        return cast(ImportSummary, summary)

    tables = chain(parent.tables(), newer)
    return write_rows(root, name, tables, Provenance(source, remarks=remarks, parent=parent))


def _put_away(inbox: Root, file: _File) -> None:
    """Move a file to its final folder, unless it has changed meanwhile."""
    if file.became not in ("added", "repeated", "quarantined"):
        return
    refused = file.became == "quarantined"
    goes_to = inbox, file.arrival, file.digest, QUARANTINE if refused else DONE
    before, after = inbox.join(file.arrival.name), place_put_away(*goes_to)
    reason = file.reason.replace(inbox.address(before), inbox.address(after))
    try:
        moved = put_away(*goes_to, reason if refused else None)
    except OSError as error:
        _leave(file, error.strerror or os.strerror(error.errno or 0))
        return
    if not moved:
        _leave(file, "removed or changed meanwhile")
        return
    file.reason = reason


def _leave(file: _File, why: str) -> None:
    """Say that a file stays in the inbox; one that was refused waits, and nobody is alerted."""
    file.reason += f" (not moved: {why})"
    if file.became == "quarantined":
        file.became = "waiting"
