"""Model versions: a folder of artifacts per version, write-once, numbered in order."""

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from seqclass.store.fingerprint import fingerprint
from seqclass.store.keras_files import keras_bytes, keras_model
from seqclass.store.log import Turn, actor, in_turn, read_log, registered_by
from seqclass.store.manifests import FileEntry, ModelDescription, ModelManifest
from seqclass.store.record_types import LogDecision, LogEntry
from seqclass.store.references import ModelRef
from seqclass.store.root import (
    MANIFEST,
    Record,
    Root,
    check_file,
    create_file,
    describe_folder,
    is_name,
    read_checked,
    read_manifest,
    write_manifest,
)
from seqclass.store.staging import commit, name_target
from seqclass.store.states import PRUNE, REGISTER

REPORT, DRAWINGS, SUMMARY = "report.html", "report.json", "index.json"
"""The page of a version, rewritten when its standing changes, so that no manifest names it; the
version's file that it is drawn from; the model's summary, written after the pages of all its
versions."""
ANSWERS, COMPARISON, HISTORY = "predictions.parquet", "comparison.json", "history.parquet"
"""A version's answers to its test rows, its comparison with the champion of that time, and the loss
of every update of its training."""
HELD = "held.parquet"
"""Answers to training rows, each by members that were not fitted to it."""
CLAIM, REMOVED = "claim", "removed"
"""A file that reserves a number in stores without an atomic rename of folders, and the key of the
versions that a pruning removes in its entry of the log."""


@dataclass(frozen=True)
class Model:
    """A stored model version: its manifest and its folder."""

    root: Root
    name: str
    version: str
    manifest: ModelManifest

    @property
    def ref(self) -> str:
        """The reference as text, ``models/<name>@v<number>``."""
        return str(ModelRef(self.name, self.version))

    @property
    def folder(self) -> str:
        """Path of the folder with its artifacts and its manifest."""
        return self.root.join(*ModelRef(self.name, self.version).parts)

    def has(self, artifact: str) -> bool:
        """Check whether the manifest names an artifact."""
        return any(entry["path"] == artifact for entry in self.manifest["files"])

    def path(self, artifact: str) -> str:
        """Return the path of an artifact after comparing its digest with the manifest's."""
        return check_file(self.root, self.folder, self._entry(artifact))

    def _entry(self, artifact: str) -> FileEntry:
        for entry in self.manifest["files"]:
            if entry["path"] == artifact:
                return entry
        raise ValueError(f"artifact: {self.ref} has no {artifact!r}")

    def check(self) -> None:
        """Compare every artifact with the manifest; DamagedError names the first that differs."""
        for entry in self.manifest["files"]:
            check_file(self.root, self.folder, entry)

    def read(self, artifact: str) -> bytes:
        """Return the content of an artifact, after comparing its digest."""
        return read_checked(self.root, self.folder, self._entry(artifact))

    def read_json(self, artifact: str) -> Record:
        """Return a JSON artifact, after comparing its digest."""
        return json.loads(self.read(artifact))


def model_versions(root: Root, name: str) -> list[str]:
    """Return the committed versions of a name, oldest first; empty for an impossible name."""
    if not is_name(name):
        return []
    versions = (v for v in root.sealed_names("models", name) if re.fullmatch(r"v\d+", v))
    return sorted(versions, key=lambda v: int(v[1:]))


def read_model(root: Root, name: str, version: str) -> Model:
    """Read a version by its number; DamagedError if its manifest is damaged."""
    manifest = read_manifest(root, root.join("models", name, version), ModelManifest)
    return Model(root, name, version, manifest)


def removed_by(entries: Sequence[LogEntry]) -> set[str]:
    """Return the versions that prunings have removed, by these entries of the log."""
    removals = [entry for entry in entries if entry["what"] == PRUNE]
    return {version for entry in removals for version in entry["evidence"].get(REMOVED, [])}


def commit_model(
    root: Root, workspace: str, name: str, description: ModelDescription, now: datetime
) -> Model:
    """Seal the artifacts in a staged folder and give them the next free version number.

    The number of a version that was removed is not given again.
    """
    manifest = {
        "kind": "model",
        "name": name,
        "created": now.isoformat(),
        **description,
        "files": describe_folder(root, workspace),
        **fingerprint(),
    }
    digest = write_manifest(root, workspace, manifest)
    while True:
        entries = read_log(root, name)
        taken = {*root.names("models", name), *registered_by(entries), *removed_by(entries)}
        numbers = [int(v[1:]) for v in taken if re.fullmatch(r"v\d+", v)]
        place = ModelRef(name, f"v{max(numbers, default=0) + 1}")
        name_target(root, workspace, *place.parts)
        is_ours = claim_number(root, place, uuid.uuid4().bytes)
        if is_ours and commit(root, workspace, *place.parts):
            write_registration(root, place, digest, now, "trained")
            return read_model(root, name, place.version)


def write_registration(
    root: Root, place: ModelRef, digest: str, now: datetime, reason: str
) -> None:
    """Leave an entry of a new version in the log, so that its loss is noticed.

    digest: SHA-256 of its manifest.
    """

    def write(turn: Turn) -> None:
        champion = turn.state["champion"]
        record: LogDecision = {
            "what": REGISTER,
            "from": champion,
            "to": champion,
            "candidate": place.version,
            "actor": actor(),
            "reason": reason,
            "evidence": {MANIFEST: digest},
        }
        turn.append(record, now)

    in_turn(root, place.name, write)


def claim_number(root: Root, place: ModelRef, holder: bytes) -> bool:
    """Reserve a number in a store without an atomic rename of folders; False if another holder
    has it."""
    if root.is_local:
        return True
    try:
        create_file(root, root.join(*place.parts, CLAIM), holder)
    except FileExistsError:
        return False
    return True


def save_keras(model: Any, root: Root, path: str) -> None:
    """Store a Keras model as one ``.keras`` file."""
    root.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
    root.fs.pipe_file(path, keras_bytes(model))


def load_keras(root: Root, path: str) -> Any:
    """Load a ``.keras`` file in Keras's safe mode; anything but stock layers is refused."""
    return keras_model(root.fs.cat_file(path), path)
