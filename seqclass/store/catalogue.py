"""Lists of the datasets and models of a storage tree, and checks of the tree."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from typing_extensions import TypedDict

from seqclass.store.datasets import committed_versions
from seqclass.store.dependencies import removed_refs
from seqclass.store.format_version import format_problems
from seqclass.store.layout import Parts, area_of, sealed_folders, strangers
from seqclass.store.log import LOG, chain_problems, entries_of, read_log, registered_by
from seqclass.store.manifests import (
    SEALED_TYPES,
    DatasetManifest,
    ListedModel,
    Manifest,
    ModelManifest,
)
from seqclass.store.metadata_cache import keep_facts, listing_tags, read_facts
from seqclass.store.models import CLAIM, REPORT, model_versions, removed_by
from seqclass.store.quarantine import damaged_quarantines
from seqclass.store.record_types import ListedVersions
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.registry import CHAMPION, champion_of
from seqclass.store.root import (
    MANIFEST,
    DamagedError,
    Damages,
    Root,
    check_file,
    entries,
    note,
    read_bytes,
    read_manifest,
    readable,
)
from seqclass.store.scores import SCORES
from seqclass.store.states import KINDS
from seqclass.store.validation import problem_of

LIST = "models.json"
"""The file of an object store that lists all model versions."""


def list_datasets(root: Root, bad: Damages | None = None) -> list[DatasetManifest]:
    """List manifests of all sound dataset versions, by name, oldest first; others go to ``bad``."""
    manifests = list[DatasetManifest]()
    for name in root.names("datasets"):
        folders = [
            root.join("datasets", name, version) for version in committed_versions(root, name)
        ]
        read = filter(None, (readable(root, folder, DatasetManifest, bad) for folder in folders))
        manifests += sorted(read, key=lambda manifest: (manifest["created"], manifest["version"]))
    return manifests


def list_models(root: Root, bad: Damages | None = None) -> list[ListedModel]:
    """List all sound model versions; damaged ones go to ``bad``.

    In an object store, models that ``keep_list`` has listed and that have not changed since are
    taken from its list.
    """
    kept = {} if root.is_local else _kept(root, listing_tags(root, LOG, "models"))
    names = root.names("models")
    return [version for name in names
            for version in kept.get(name) or _list_versions(root, name, bad)]  # fmt: skip


def keep_list(root: Root) -> None:
    """Store a list of all model versions in an object store, so that few requests read it.

    A folder of this machine needs none. Models are left out that are damaged, or whose log says
    that a version is removed that is still there.
    """
    if root.is_local:
        return
    tags = listing_tags(root, LOG, "models")
    kept, facts = _kept(root, tags), {}
    for name in tags:
        bad = Damages()
        versions = kept.get(name) or _list_versions(root, name, bad)
        going = set() if name in kept or bad else removed_by(read_log(root, name))
        if versions and not bad and going.isdisjoint(listed["version"] for listed in versions):
            facts[name] = {"tag": tags[name], "versions": versions}
    keep_facts(root, LIST, facts)


def _kept(root: Root, tags: Mapping[str, str]) -> dict[str, list[ListedModel]]:
    """Return the listed versions of each model that has not changed since."""
    return {
        name: entry["versions"]
        for name, entry in read_facts(root, LIST).items()
        if problem_of(entry, ListedVersions) is None
        and entry["tag"] == tags.get(name)
        and all(version["name"] == name for version in entry["versions"])
    }


def _list_versions(root: Root, name: str, bad: Damages | None) -> list[ListedModel]:
    champion, listed = None, list[ListedModel]()
    try:
        champion = champion_of(root, name)
    except DamagedError as error:
        note(bad, root.join("models", name), error)
    for version in model_versions(root, name):
        folder = root.join("models", name, version)
        if manifest := readable(root, folder, ModelManifest, bad):
            facts = {**manifest, "name": name, "version": version, "champion": version == champion}
            shown = {key: facts[key] for key in ListedModel.__annotations__}
            listed.append(cast(ListedModel, shown))
    return listed


class Verified(TypedDict):
    """Number of files that were checked, and the bad ones."""

    checked: int
    bad: Damages


def verify_tree(root: Root, ref: str | None = None) -> Verified:
    """Check every digest in the tree, in one dataset or model, or in one version of it.

    Returns the number of files that were checked and, for each bad one, its path and problem.
    """
    bad = Damages() if ref else format_problems(root)
    places = _places(root, ref)
    if ref is not None and not places:
        raise ValueError(
            f"REF: expected a dataset or model of this root, got {ref!r}; "
            "'seqclass datasets' and 'seqclass models' list them"
        )
    checked = sum(verify_folder(root, root.join(*place), bad) for place in places)
    areas = {place[:2] for place in places}
    for _, name in sorted(area for area in areas if area[0] == DatasetRef.kind):
        n_files, damaged = damaged_quarantines(root, name)
        checked, bad = checked + n_files, bad + damaged
    logs = {area for area in areas if area[0] in KINDS}
    logs |= set() if ref else {(kind, name) for kind in KINDS for name in root.names(LOG, kind)}
    removed = removed_refs(root)
    for kind, name in sorted(logs):
        checked += _verify_log(root, kind, name, removed, bad)
    for area in sorted({area_of(place) for place in places} if ref else {()}):
        bad += strangers(root, *area)
    return {"checked": checked, "bad": bad}


def _places(root: Root, ref: str | None) -> list[Parts]:
    """Return the sealed folders of a reference, or all; scores are of the model that gave them."""
    named_kind, _, rest = (ref or "").rpartition("/")
    reference = ModelRef.parse(rest)
    version = "" if reference.version == CHAMPION else reference.version
    is_digest = not version.startswith("v")  # which may be abbreviated
    kinds = {"": [*SEALED_TYPES], ModelRef.kind: [ModelRef.kind, SCORES]}
    return [
        place
        for kind in kinds.get(named_kind, [named_kind])
        if kind in SEALED_TYPES
        for place in sealed_folders(root, kind)
        if reference.name in ("", place[1])
        and (version in ("", place[2]) or (is_digest and place[2].startswith(version)))
    ]


def verify_folder(root: Root, folder: str, bad: Damages) -> int:
    """Compare a sealed folder's files with its manifest; returns the number of files."""
    try:
        manifest = read_manifest(root, folder, SEALED_TYPES[root.parts_of(folder)[0]])
    except DamagedError as error:
        bad.append({"path": f"{folder}/{MANIFEST}", "problem": str(error)})
        return 1
    for entry in manifest["files"]:
        try:
            check_file(root, folder, entry)
        except DamagedError as error:
            bad.append({"path": f"{folder}/{entry['path']}", "problem": str(error)})
    drawn = [REPORT] if root.parts_of(folder)[0] == ModelRef.kind else []
    listed = [MANIFEST, CLAIM, *drawn, *(entry["path"] for entry in manifest["files"])]
    for path in entries(root, folder):
        name = path.rpartition("/")[2]
        if not name.startswith(".") and name not in listed:
            bad.append({"path": path, "problem": "expected only what the manifest names"})
    return 1 + len(manifest["files"])


def _verify_log(root: Root, kind: str, name: str, removed: set[str], bad: Damages) -> int:
    """Check a log, and that the versions of its model or dataset are those that were registered.

    Returns the number of its entries. A version of the last day may still be registered.
    """
    damaged = Damages()
    log = entries_of(root, name, damaged, kind)
    digests = registered_by([entry.record for entry in log])
    for version in digests:
        if f"{kind}/{name}@{version}" not in removed and not root.exists(kind, name, version):
            problem = "expected a version that the log registers, it is missing; restore it"
            bad.append({"path": root.join(kind, name, version), "problem": problem})
    n_files = len(log) + len(damaged)
    if problems := chain_problems(root, name, kind, log, damaged):
        bad += problems
        return n_files
    since = datetime.now(UTC) - timedelta(days=1)
    versions = model_versions if kind == ModelRef.kind else committed_versions
    for version in versions(root, name):
        path = root.join(kind, name, version, MANIFEST)
        if version in digests and _digest_at(root, path) not in ("", digests[version]):
            problem = "expected the manifest that was registered, it was replaced"
            bad.append({"path": path, "problem": problem})
        elif version not in digests and _is_older(root, path, since):
            problem = "expected an entry of the log that registers this version, there is none"
            bad.append({"path": path, "problem": problem})
    return n_files


def _is_older(root: Root, path: str, since: datetime) -> bool:
    manifest = readable(root, path.removesuffix(f"/{MANIFEST}"), Manifest)
    return manifest is not None and datetime.fromisoformat(manifest["created"]) < since


def _digest_at(root: Root, path: str) -> str:
    try:
        return hashlib.sha256(read_bytes(root, path)).hexdigest()
    except (DamagedError, OSError):  # the version's own check tells of it
        return ""
