"""The audit of a model: a numbered entry with a digest for each decision about its champion.

An entry holds its number and the digest of the one before it, so that removing, changing or moving
one is noticed; ``.head.json`` holds those of the last. Its name is its number, so that of two
simultaneous writers one is refused. Someone who may write to the tree can forge the whole; see
docs/guarantees.md.
"""

import contextlib
import getpass
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from seqclass.store.inventory import digest_of, listing
from seqclass.store.kept_records import AuditDecision, AuditEntry, AuditHead
from seqclass.store.leases import check_held
from seqclass.store.root import (
    DamagedError,
    Damages,
    Root,
    create_file,
    note,
    parse_record,
    read_bytes,
    read_record,
    see_file,
    swap_file,
)

DELETE = "delete"
MOVES = ("promote", "rollback", DELETE)
"""Decisions that move the champion; ``delete`` leaves the model without one."""
ASK, REFUSE = "ask", "refuse"
AUDIT, HEAD = "audit", ".head.json"
STAMP = "%Y%m%dT%H%M%S.%fZ"
NAME = re.compile(r"\d{6,}\.json")
BEFORE_THE_FIRST = hashlib.sha256(b"").hexdigest()
"""The digest that the first entry holds in place of that of the one before it."""


@dataclass(frozen=True)
class Entry:
    """An entry as it is stored; numbers begin with 1."""

    path: str
    digest: str
    number: int
    record: AuditEntry


def write_audit(
    root: Root, name: str, record: AuditDecision, simulated: datetime | None = None
) -> AuditEntry:
    """Append an entry, named by its number, with the present time; returns it.

    An existing entry is never replaced. The caller holds the model's folder with ``leases.locked``,
    so that numbers and times follow the order of the moves; if it has lost the lease, nothing is
    written and ValueError is raised. simulated: see ``next_moment``.
    """
    folder = root.join("models", name, AUDIT)
    tag = see_file(root, f"{folder}/{HEAD}")[1]
    number, digest = _end(root, name, entries_of(root, name))
    check_held(root, "models", name)
    path = f"{folder}/{entry_name(number + 1)}"
    time = next_moment(root, name, simulated).isoformat()
    written: AuditEntry = {"number": number + 1, "previous": digest, **record, "time": time}
    content = json.dumps(written, indent=2, ensure_ascii=False).encode()
    head = json.dumps({"number": number + 1, "sha256": _digest(content)}).encode()
    with listing(root, ("models", name, AUDIT, HEAD), digest_of(head)):
        try:
            create_file(root, path, content)
        except FileExistsError as error:
            raise ValueError(
                f"{path}: expected to write the next entry of the audit, another process has; "
                "nothing was moved, run the command again"
            ) from error
        swap_file(root, f"{folder}/{HEAD}", head, tag)
    return written


def entry_name(number: int) -> str:
    """Return the file name of an entry; sorting by name gives the order of entries."""
    return f"{number:06d}.json"


def next_number(root: Root, name: str) -> int:
    """Return the number of the next entry; numbers begin with 1."""
    return _end(root, name, entries_of(root, name))[0] + 1


def entry_files(root: Root, name: str) -> list[str]:
    """Return file names of the entries in order."""
    return sorted(root.names("models", name, AUDIT), key=lambda file: (len(file), file))


def next_moment(root: Root, name: str, simulated: datetime | None = None) -> datetime:
    """Return the time of the next entry: the present, or a simulated time.

    It is always later than that of the last entry. The caller holds the model's folder.
    """
    now = simulated or datetime.now(UTC)
    for file in reversed(entry_files(root, name)):
        with contextlib.suppress(DamagedError):  # verify names it
            last = datetime.fromisoformat(read_entry(root, name, file).record["time"])
            return max(now, last + timedelta(microseconds=1))
    return now


def read_audit(root: Root, name: str, bad: Damages | None = None) -> list[AuditEntry]:
    """Return the records of all entries in order; damaged ones are added to ``bad`` instead."""
    return [entry.record for entry in entries_of(root, name, bad)]


def entries_of(root: Root, name: str, bad: Damages | None = None) -> list[Entry]:
    """Return sound entries in order, with their digests; damaged ones are added to ``bad``."""
    found = []
    for file in root.names("models", name, AUDIT):
        try:
            found.append(read_entry(root, name, file))
        except DamagedError as error:
            note(bad, root.join("models", name, AUDIT, file), error)
    return sorted(found, key=lambda entry: entry.number)


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
    """Record this person in the audit as the actor of all moves within the block."""
    before = _acting.set(name)
    try:
        yield
    finally:
        _acting.reset(before)


_acting: ContextVar[str | None] = ContextVar("acting", default=None)


def read_entry(root: Root, name: str, file: str) -> Entry:
    """Read one entry by its file's name; DamagedError if it is not an entry."""
    path = root.join("models", name, AUDIT, file)
    content = read_bytes(root, path)
    record = parse_record(path, content, AuditEntry)
    return Entry(path, _digest(content), _number(path, record), record)


def _number(path: str, record: AuditEntry | AuditHead) -> int:
    number = record["number"]
    if number < 1:
        raise DamagedError(f"{path}: expected a number of the entry, got {number!r:.40}")
    return number


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _end(root: Root, name: str, entries: list[Entry]) -> tuple[int, str]:
    """Return number and digest of the last entry, which may be missing."""
    try:
        number, digest = _head(root, name)
    except DamagedError:  # verify tells of it
        number, digest = 0, BEFORE_THE_FIRST
    if entries and entries[-1].number > number:
        return entries[-1].number, entries[-1].digest
    return number, digest


def _head(root: Root, name: str) -> tuple[int, str]:
    path = root.join("models", name, AUDIT, HEAD)
    if not root.exists("models", name, AUDIT, HEAD):
        return 0, BEFORE_THE_FIRST
    head = read_record(root, path, AuditHead)
    return _number(path, head), head["sha256"]


def audit_problems(root: Root, name: str) -> Damages:
    """Return entries that are damaged, missing, edited, forged, out of order or invalid."""
    bad = Damages()
    entries = entries_of(root, name, bad)
    for entry in entries:
        if problem := _misplaced(entry):
            bad.append({"path": entry.path, "problem": problem})
    found = _lost_end(root, name, entries)
    for before, entry in zip([None, *entries], entries, strict=False):
        found += _break(root, name, before, entry)
    named = {item["path"] for item in bad}
    bad += [item for item in found if item["path"] not in named]
    return bad + _backwards(entries) + _unordered(entries)


def _misplaced(entry: Entry) -> str | None:
    name = entry.path.rpartition("/")[2]
    if not NAME.fullmatch(name):
        return "expected an entry named by its number, this is no file of the audit"
    expected = entry_name(entry.number)
    return None if name == expected else f"expected the name {expected}, it was edited or renamed"


def _break(root: Root, name: str, before: Entry | None, entry: Entry) -> Damages:
    """Return the problem of an entry that does not follow the one before it.

    It is named at the place where it can be repaired, so that later entries don't change the name.
    """
    number, digest = (before.number, before.digest) if before else (0, BEFORE_THE_FIRST)
    if entry.number <= number:
        problem = f"expected entry {number + 1}, this is another entry {entry.number}"
        return [{"path": entry.path, "problem": problem}]
    if entry.number > number + 1:
        return [_gone(root, name, number + 1, entry.number - 1)]
    if entry.record.get("previous") == digest:
        return []
    problem = f"expected the digest that entry {entry.number} holds, it was edited"
    return [{"path": (before or entry).path, "problem": problem}]


def _gone(root: Root, name: str, first: int, last: int) -> dict[str, str]:
    """Return missing entries, named at the place of the first."""
    which = f"entry {first}" if first == last else f"entries {first} to {last}"
    path = root.join("models", name, AUDIT, entry_name(first))
    return {"path": path, "problem": f"expected {which}, not to be found"}


def _backwards(entries: list[Entry]) -> Damages:
    """Return entries that are earlier than the one before; invalid times are reported elsewhere."""
    return [
        {"path": entry.path,
         "problem": f"expected a time from {before.record['time']} on, that of entry "
                    f"{before.number}, got {entry.record['time']}"}
        for before, entry in pairwise(entries)
        if _is_earlier(entry.record["time"], before.record["time"])
    ]  # fmt: skip


def _is_earlier(time: str, other: str) -> bool:
    try:
        return datetime.fromisoformat(time) < datetime.fromisoformat(other)
    except (TypeError, ValueError):
        return False


def _unordered(entries: list[Entry]) -> Damages:
    """Return moves that don't start where the one before led, if no entry is missing."""
    bad, led = Damages(), list[Entry]()
    for before, entry in zip([None, *entries], entries, strict=False):
        if before and entry.number > before.number + 1:
            led.clear()
        if entry.record["what"] not in MOVES:
            continue
        if led and entry.record["from"] != led[-1].record["to"]:
            problem = f"expected a move from {led[-1].record['to']}, where the one before led, got "
            bad.append({"path": entry.path, "problem": f"{problem}one from {entry.record['from']}"})
        led.append(entry)
    return bad


def _lost_end(root: Root, name: str, entries: list[Entry]) -> Damages:
    """Return an error if the last entries are missing; a kill may leave one without head."""
    path = root.join("models", name, AUDIT, HEAD)
    try:
        number, digest = _head(root, name)
    except DamagedError as error:
        return [{"path": path, "problem": str(error)}]
    last = entries[-1].number if entries else 0
    if last > number + 1:
        return [{"path": path, "problem": f"expected the digest of entry {last}, got {number}"}]
    if number > last:
        return [_gone(root, name, last + 1, number)]
    same = [entry for entry in entries if entry.number == number and entry.digest != digest]
    return [{"path": entry.path, "problem": "expected its digest in .head.json, it was edited"}
            for entry in same]  # fmt: skip
