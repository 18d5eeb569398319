"""The registry: aliases that point at model versions, and an audit of every move."""

import json
from datetime import datetime
from typing import Any

from storage.models import Model, model_versions, read_model
from storage.root import Bad, DamagedError, Root, create_file, note, read_record, replace_file

CHAMPION = "champion"
STAMP = "%Y%m%dT%H%M%S.%fZ"
MOVES = ("promote", "rollback")


def champion_of(root: Root, name: str) -> str | None:
    """Version that the champion pointer names; None where there is none yet."""
    return _pointer(root, name)[0]


def _pointer(root: Root, name: str) -> tuple[str | None, str | None]:
    """The champion's version and since when it is that."""
    path = root.join("models", name, "aliases", f"{CHAMPION}.json")
    found = _checked(path, read_record(root, path), "version") if root.fs.exists(path) else {}
    return found.get("version"), found.get("since")


def open_model(root: Root, ref: str) -> Model:
    """Find ``models/<name>@<version or alias>``; a bare name means its champion."""
    name, _, wanted = ref.removeprefix("models/").partition("@")
    versions = model_versions(root, name) if name else []
    version = champion_of(root, name) if versions and wanted in ("", CHAMPION) else wanted
    if version in versions:
        return read_model(root, name, version)
    raise _unknown(root, ref)


def check_model(root: Root, name: str) -> str:
    """The name of a model that has a version, be it sound or not."""
    if not model_versions(root, name):
        raise _unknown(root, name)
    return name


def _unknown(root: Root, ref: str) -> ValueError:
    known = [f"{n}@{v}" for n in root.names("models") for v in model_versions(root, n)]
    return ValueError(
        f"MODEL: expected one of {', '.join(known) or 'the models in this root (it has none)'}, "
        f"got {ref!r}; 'seqclass models' lists them"
    )


def move_champion(
    root: Root,
    name: str,
    version: str,
    actor: str,
    reason: str,
    evidence: dict[str, Any],
    now: datetime,
    what: str = "promote",
) -> None:
    """Point the champion at a version and leave an audit entry, ``promote`` or ``rollback``.

    The entry is written first: a move without an entry can't happen, and one that was cut short
    is ended by ``finish_move``. The caller holds the model's folder with ``storage.root.locked``
    from its comparison to this move. A version whose files are not those of its manifest is
    refused with DamagedError.
    """
    read_model(root, name, version).check()
    before, since = _pointer(root, name)
    record = {
        "what": what,
        "alias": CHAMPION,
        "from": before,
        "from_since": since,
        "to": version,
        "actor": actor,
        "reason": reason,
        "evidence": evidence,
        "time": now.isoformat(),
    }
    write_audit(root, name, what, record, now)
    _point(root, name, record)


def _point(root: Root, name: str, entry: dict[str, Any]) -> None:
    pointer = {"version": entry["to"], "since": entry["time"]}
    folder = root.join("models", name, "aliases")
    root.fs.makedirs(folder, exist_ok=True)
    replace_file(root, f"{folder}/{CHAMPION}.json", json.dumps(pointer, indent=2).encode())


def finish_move(root: Root, name: str) -> dict[str, Any] | None:
    """End a move that was cut short after its audit entry, and return that entry.

    Such an entry goes out from the very pointer that is still there. The caller holds the model's
    folder.
    """
    pointer = _pointer(root, name)
    for entry in read_audit(root, name):
        is_move = entry.get("what") in MOVES and "from_since" in entry
        if is_move and (entry["from"], entry["from_since"]) == pointer:
            _point(root, name, entry)
            return entry
    return None


def previous_champion(root: Root, name: str) -> str | None:
    """The version that the champion took the place of; None where it was the first."""
    current = champion_of(root, name)
    moves = [e for e in read_audit(root, name) if e.get("what") == "promote"]
    before = [entry["from"] for entry in moves if entry["to"] == current]
    versions = model_versions(root, name)
    return before[-1] if before and before[-1] in versions else None


def write_refusal(
    root: Root,
    name: str,
    version: str,
    actor: str,
    reason: str,
    evidence: dict[str, Any],
    now: datetime,
) -> None:
    """Leave an audit entry of a version that was not let in; the champion stays."""
    champion = champion_of(root, name)
    record = {
        "what": "refuse",
        "alias": CHAMPION,
        "from": champion,
        "to": champion,
        "candidate": version,
        "actor": actor,
        "reason": reason,
        "evidence": evidence,
        "time": now.isoformat(),
    }
    write_audit(root, name, "refuse", record, now)


def write_audit(root: Root, name: str, what: str, record: dict[str, Any], now: datetime) -> None:
    """Append an entry ``<time>-<what>.json``; an existing entry is never replaced."""
    folder = root.join("models", name, "audit")
    root.fs.makedirs(folder, exist_ok=True)
    path = f"{folder}/{now.strftime(STAMP)}-{what}.json"
    create_file(root, path, json.dumps(record, indent=2, ensure_ascii=False).encode())


def read_audit(root: Root, name: str, bad: Bad | None = None) -> list[dict[str, Any]]:
    """Entries in order; a damaged one is left out, and told of in ``bad``."""
    found = []
    for entry in root.names("models", name, "audit"):
        path = root.join("models", name, "audit", entry)
        try:
            found.append(_checked(path, read_record(root, path), "what", "from", "to", "time"))
        except DamagedError as error:
            note(bad, path, error)
    return found


def _checked(path: str, record: dict[str, Any], *texts: str) -> dict[str, Any]:
    """A record that has these fields as texts, or as null."""
    wrong = [key for key in texts if not isinstance(record.get(key, 0), str | None)]
    if wrong:
        raise DamagedError(
            f"{path}: expected a record of the registry with {wrong[0]!r} as text; restore the "
            "file, or remove it"
        )
    return record
