"""The log of a model or dataset: a numbered entry for each thing that was decided, written once.

``log/<kind>/<name>/000042.json`` is created only if there is no such file, so that of two writers
one comes second; it reads again, and decides again (``in_turn``). An entry says what was decided
and what the model or dataset is after it: the newest one tells a model's champion, its policy and
what awaits approval, or a dataset's newest version. It holds its own digest and that of the entry
before it. This shows what was removed, changed or put in between, but not that the last ones are
gone. Someone who may write to the tree can forge the whole; see docs/guarantees.md.
"""

import contextlib
import getpass
import hashlib
import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from seqclass.store.record_types import DatasetLogEntry, LogDecision, LogEntry, ModelLogEntry
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Damages,
    Root,
    create_file,
    manifest_digest,
    note,
    parse_record,
    read_bytes,
)
from seqclass.store.states import DATASETS, KINDS, MODELS, REGISTER

LOG = "log"
STAMP = "%Y%m%dT%H%M%S.%fZ"
NAME = re.compile(r"\d{6,}\.json")
BEFORE_THE_FIRST = hashlib.sha256(b"").hexdigest()
"""The digest that the first entry holds in place of that of the one before it."""
WAIT_S = 0.1
ENTRIES: dict[str, type[Any]] = {MODELS: ModelLogEntry, DATASETS: DatasetLogEntry}
Result = TypeVar("Result")


class OvertakenError(ValueError):
    """Another process has written the log's next entry, which a decision has to start from."""


@dataclass(frozen=True)
class Entry:
    """An entry as it is stored; numbers begin with 1."""

    path: str
    digest: str
    number: int
    record: LogEntry


@dataclass(frozen=True)
class Turn:
    """The place of a log's next entry: its number, the digest and state of the one before, and the
    earliest time that it may have."""

    root: Root
    name: str
    state: Any
    kind: str = MODELS
    number: int = 1
    previous: str = BEFORE_THE_FIRST
    earliest: datetime | None = None

    def moment(self, simulated: datetime | None = None) -> datetime:
        """Return the time of the entry: the present, or a simulated time.

        It is later than that of the last decision, and not before that of a version's registration.
        """
        now = simulated or datetime.now(UTC)
        return now if self.earliest is None else max(now, self.earliest)

    def append(self, record: LogDecision, simulated: datetime | None = None) -> LogEntry:
        """Write the entry; OvertakenError if another process has written one of this number.

        simulated: see ``moment``.
        """
        placed = {"number": self.number, "previous": self.previous, **record}
        moment = self.moment(simulated).isoformat()
        rule = KINDS[self.kind]
        state = rule.after(self.state, self.number, record, moment, self._asked)
        entry = {**placed, "time": moment, "state": state}
        sealed = {**entry, "sha256": manifest_digest(entry)}
        content = json.dumps(sealed, indent=2, ensure_ascii=False).encode()
        path = _path(self.root, self.name, entry_name(self.number), self.kind)
        try:
            create_file(self.root, path, content)
        except FileExistsError as error:
            raise OvertakenError(
                f"{path}: expected to write the next entry of the log, another process has; "
                "nothing was changed, run the command again"
            ) from error
        return parse_record(path, content, ENTRIES[self.kind])

    def _asked(self, number: int) -> str | None:
        """Return the version that an entry asks about."""
        file = entry_name(number)
        return read_entry(self.root, self.name, file, self.kind).record.get("candidate")


def state_of(root: Root, name: str, kind: str = MODELS) -> Any:
    """Return what a model or dataset is by its newest entry; DamagedError if that is damaged."""
    files = entry_files(root, name, kind)
    if not files:
        return KINDS[kind].nothing
    return read_entry(root, name, files[-1], kind).record["state"]


def next_turn(root: Root, name: str, kind: str = MODELS) -> Turn:
    """Return the place of the next entry; the caller then reads what it decides on."""
    files = entry_files(root, name, kind)
    if not files:
        return Turn(root, name, KINDS[kind].nothing, kind)
    last = read_entry(root, name, files[-1], kind)
    gap = timedelta(microseconds=0 if last.record["what"] == REGISTER else 1)
    earliest = datetime.fromisoformat(last.record["time"]) + gap
    return Turn(root, name, last.record["state"], kind, last.number + 1, last.digest, earliest)


def in_turn(root: Root, name: str, work: Callable[[Turn], Result], kind: str = MODELS) -> Result:
    """Decide something about a model or dataset, again if another process has done so meanwhile.

    ``work`` reads what it needs and appends at most one entry.
    """
    while True:
        turn = next_turn(root, name, kind)
        try:
            return work(turn)
        except OvertakenError:
            time.sleep(random.uniform(0, WAIT_S))


def entry_name(number: int) -> str:
    """Return the file name of an entry; sorting by name gives the order of entries."""
    return f"{number:06d}.json"


def _path(root: Root, name: str, file: str, kind: str) -> str:
    return root.join(LOG, kind, name, file)


def entry_files(root: Root, name: str, kind: str = MODELS) -> list[str]:
    """Return file names of the entries in order."""
    try:
        files = [file for file in root.names(LOG, kind, name) if NAME.fullmatch(file)]
    except PermissionError as error:
        folder = root.join(LOG, kind, name)
        raise DamagedError(f"{folder}: expected a folder that can be read ({error})") from error
    return sorted(files, key=lambda file: (len(file), file))


def read_log(
    root: Root, name: str, bad: Damages | None = None, kind: str = MODELS
) -> list[LogEntry]:
    """Return the records of all entries in order; damaged ones are added to ``bad`` instead."""
    return [entry.record for entry in entries_of(root, name, bad, kind)]


def entries_of(
    root: Root, name: str, bad: Damages | None = None, kind: str = MODELS
) -> list[Entry]:
    """Return sound entries in order, with their digests; damaged ones are added to ``bad``."""
    entries = []
    for file in entry_files(root, name, kind):
        try:
            entries.append(read_entry(root, name, file, kind))
        except DamagedError as error:
            note(bad, _path(root, name, file, kind), error)
    return sorted(entries, key=lambda entry: entry.number)


def registered(root: Root, name: str, kind: str) -> dict[str, str]:
    """Return the digest of the manifest of each version that a log names."""
    return registered_by(read_log(root, name, kind=kind))


def registered_by(entries: Sequence[LogEntry]) -> dict[str, str]:
    """Return the digest of the manifest of each version that these entries register."""
    return {
        str(entry.get("candidate")): str(entry["evidence"].get(MANIFEST))
        for entry in entries
        if entry["what"] == REGISTER
    }


def read_entry(root: Root, name: str, file: str, kind: str = MODELS) -> Entry:
    """Read one entry by its file's name; DamagedError if it is not an entry."""
    path = _path(root, name, file, kind)
    content = read_bytes(root, path)
    record = parse_record(path, content, ENTRIES[kind])
    body = {key: value for key, value in record.items() if key != "sha256"}
    if record["sha256"] != manifest_digest(body):
        raise DamagedError(
            f"{path}: expected the entry as it was written, it was altered; restore it from a "
            "copy, or remove it if what the entries before it say may hold"
        )
    if file != (expected := entry_name(record["number"])):
        raise DamagedError(f"{path}: expected the name {expected}, it was edited or renamed")
    return Entry(path, hashlib.sha256(content).hexdigest(), record["number"], record)


def actor() -> str:
    """Return the name of whoever acts: that of ``acting_as``, else the user's name, or the user's
    number if the system has no name for it."""
    if named := _acting.get():
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


@contextlib.contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Record this person in the log as the actor of all moves within the block."""
    before = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(before)


_acting: ContextVar[str | None] = ContextVar("acting", default=None)


def log_problems(root: Root, name: str) -> Damages:
    """Return entries of a model that are damaged, missing, edited or out of order."""
    bad = Damages()
    return chain_problems(root, name, MODELS, entries_of(root, name, bad), bad)


def chain_problems(
    root: Root, name: str, kind: str, entries: list[Entry], damaged: Damages
) -> Damages:
    """Return the damaged entries of a log, and what is wrong with the order of the sound ones."""
    breaks = Damages()
    for before, entry in zip([None, *entries], entries, strict=False):
        breaks += _break(root.join(LOG, kind, name), before, entry)
    named = {item["path"] for item in damaged}
    return damaged + [item for item in breaks if item["path"] not in named]


def _break(folder: str, before: Entry | None, entry: Entry) -> Damages:
    """Return the problem of an entry that does not follow the one before it.

    It is named at the place where it can be repaired, so that later entries don't change the name.
    """
    number, digest = (before.number, before.digest) if before else (0, BEFORE_THE_FIRST)
    if entry.number > number + 1:
        first, last = number + 1, entry.number - 1
        which = f"entry {first}" if first == last else f"entries {first} to {last}"
        problem = f"expected {which}, not to be found"
        return [{"path": f"{folder}/{entry_name(first)}", "problem": problem}]
    if entry.record["previous"] == digest:
        return []
    problem = f"expected the digest that entry {entry.number} holds, it was edited"
    return [{"path": (before or entry).path, "problem": problem}]
