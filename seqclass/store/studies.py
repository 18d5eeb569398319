"""Stability studies: a record per finished run, and the sealed whole.

``studies/<dataset>/runs/<run>.json`` appears as soon as a run is done, so that a stopped study can
continue; ``studies/<dataset>/<study>/`` is written once, when all runs are there.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from seqclass.store.fingerprint import fingerprint
from seqclass.store.manifests import StudyDescription, StudyManifest
from seqclass.store.references import StudyRef
from seqclass.store.root import (
    DamagedError,
    Record,
    Root,
    check_file,
    describe_folder,
    is_name,
    read_manifest,
    read_record,
    remove_file,
    write_manifest,
)
from seqclass.store.staging import commit

STUDIES, RUNS = StudyRef.kind, "runs"


@dataclass(frozen=True)
class Study:
    """A stored study: its manifest and its folder."""

    root: Root
    place: StudyRef
    manifest: StudyManifest

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.place.name

    @property
    def ref(self) -> str:
        """The reference as text, ``studies/<dataset>@<study>``."""
        return str(self.place)

    @property
    def folder(self) -> str:
        """Path of the folder with its artifacts and its manifest."""
        return self.root.join(*self.place.parts)

    def read_json(self, artifact: str) -> Record:
        """Return a JSON artifact, after comparing its digest."""
        [entry] = [entry for entry in self.manifest["files"] if entry["path"] == artifact]
        return json.loads(self.root.fs.cat_file(check_file(self.root, self.folder, entry)))


def digest_of(content: Any) -> str:
    """Return 16 digits that name a run or a study by everything that decides its outcome."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def run_path(root: Root, name: str, run: str) -> str:
    """Return the path of a run's record, finished or not."""
    return root.join(STUDIES, name, RUNS, f"{run}.json")


def read_run(root: Root, name: str, run: str) -> Record | None:
    """Read the record of a finished run; None if none can be read."""
    path = run_path(root, name, run)
    if not root.fs.exists(path):
        return None
    try:
        return read_record(root, path, Record)
    except DamagedError:
        remove_file(root, path)
        return None


def study_versions(root: Root, name: str) -> list[str]:
    """Return the digests of sealed studies on a dataset; other names are left out."""
    return root.sealed_names(STUDIES, name) if is_name(name) else []


def open_study(root: Root, ref: str) -> Study:
    """Find ``studies/<dataset>@<study>``; a bare name means the one made last."""
    reference = StudyRef.parse(ref)
    places = [
        StudyRef(reference.name, version)
        for version in (study_versions(root, reference.name) if reference.name else [])
        if version.startswith(reference.version)
    ]
    studies = [
        Study(root, p, read_manifest(root, root.join(*p.parts), StudyManifest)) for p in places
    ]
    if not studies:
        choices = [
            StudyRef(name, version).short
            for name in root.names(STUDIES)
            for version in study_versions(root, name)
        ]
        raise ValueError(
            f"STUDY: expected one of "
            f"{', '.join(choices) or 'the studies in this root (it has none)'}, got {ref!r}; "
            "'seqclass stability DATASET' makes one"
        )
    return max(studies, key=lambda study: study.manifest["created"])


def commit_study(
    root: Root, workspace: str, place: StudyRef, description: StudyDescription, now: datetime
) -> Study:
    """Seal a staged study under its digest; an existing one stays."""
    manifest = {
        "kind": "study",
        "name": place.name,
        "version": place.version,
        "created": now.isoformat(),
        **description,
        "files": describe_folder(root, workspace),
        **fingerprint(),
    }
    write_manifest(root, workspace, manifest)
    commit(root, workspace, *place.parts)
    return open_study(root, str(place))
