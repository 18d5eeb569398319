"""Scores: a model version's answers to a partition, written once.

``scores/<model>/<version>/<source>/<digest>/`` holds ``scores.parquet`` (a row is a series), the
manifest, and ``series.parquet`` where ``seqclass serve`` answered. The digest is that of the scored
file's content, so that the same rows are scored only once per model version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from seqclass.store.fingerprint import software_versions
from seqclass.store.manifests import ScoresManifest
from seqclass.store.references import ModelRef
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Root,
    check_file,
    describe_file,
    read_manifest,
    write_manifest,
)
from seqclass.store.staging import commit

SCORES, TABLE = "scores", "scores.parquet"


@dataclass(frozen=True)
class ScoreSet:
    """The place of the scores of one partition by one model version."""

    root: Root
    model: str
    version: str
    source: str
    digest: str

    @property
    def parts(self) -> tuple[str, ...]:
        """Folders that lead from the root to the scores."""
        return SCORES, self.model, self.version, self.source, self.digest

    @property
    def folder(self) -> str:
        """Path of the folder with the scores and their manifest."""
        return self.root.join(*self.parts)

    @property
    def is_written(self) -> bool:
        """True if the scores are complete."""
        return self.root.exists(*self.parts, MANIFEST)

    def manifest(self) -> ScoresManifest:
        """Return the manifest: model, rows and time; DamagedError if it was altered."""
        return read_manifest(self.root, self.folder, ScoresManifest)

    def table(self) -> str:
        """Return the path of the scores after comparing their digest with the manifest's."""
        entries = [entry for entry in self.manifest()["files"] if entry["path"] == TABLE]
        if len(entries) != 1:
            raise DamagedError(f"{self.folder}/{MANIFEST}: expected {TABLE}, it was forged")
        return check_file(self.root, self.folder, entries[0])

    def write(
        self,
        workspace: str,
        description: Mapping[str, Any],
        now: datetime,
        beside: Sequence[str] = (),
    ) -> bool:
        """Seal a staged ``scores.parquet``; False if another run was first, whose scores stay.

        beside: further files that are sealed with it.
        """
        manifest = {
            "kind": "scores",
            "model": str(ModelRef(self.model, self.version)),
            "source": self.source,
            "partition": self.digest,
            "created": now.isoformat(),
            **description,
            "files": [describe_file(self.root, workspace, file) for file in (TABLE, *beside)],
            "software": software_versions(),
        }
        write_manifest(self.root, workspace, manifest)
        return commit(self.root, workspace, *self.parts)


def score_folders(root: Root, model: str) -> list[str]:
    """Return the folders of all complete scores of a model, of every version."""
    return [
        root.join(SCORES, model, version, source, digest)
        for version in root.names(SCORES, model)
        for source in root.names(SCORES, model, version)
        for digest in root.sealed_names(SCORES, model, version, source)
    ]
