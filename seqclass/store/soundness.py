"""Verification of the store: folders, registries and references."""

import re
from collections.abc import Sequence

from seqclass.store.audit import AUDIT, audit_problems
from seqclass.store.citations import cited_by, cited_in_audit, removed_refs, uncited
from seqclass.store.kept_records import SummaryVersions
from seqclass.store.layout import Parts
from seqclass.store.manifests import SEALED_TYPES, Manifest
from seqclass.store.models import CLAIM, DRAWINGS, REPORT, SUMMARY, model_versions
from seqclass.store.page_seals import subject_of, version_subject
from seqclass.store.policy_file import POLICY, read_policy
from seqclass.store.references import ModelRef
from seqclass.store.registry import champion_of, pointer_problem
from seqclass.store.root import (
    LISTED,
    MANIFEST,
    DamagedError,
    Damages,
    Root,
    check_file,
    read_bytes,
    read_manifest,
    read_record,
    readable,
)

AGAIN = "'seqclass pages' draws it again"


def beside(found: Damages, bad: Damages) -> Damages:
    """Return the inventory's problems at places where no other check has found one."""
    paths = [item["path"].split("/") for item in bad]
    named = {"/".join(parts[:depth]) for parts in paths for depth in range(1, len(parts) + 1)}
    return [own for own in found if own["path"] not in named]


def verify_citations(root: Root, places: Sequence[Parts]) -> Damages:
    """Return references of sealed folders and of these models' audits to missing items."""
    removed, bad = removed_refs(root), Damages()
    for place in places:
        if manifest := readable(root, root.join(*place), SEALED_TYPES[place[0]]):
            bad += uncited(root, root.join(*place, MANIFEST), cited_by(place, manifest), removed)
    for name in sorted({place[1] for place in places if place[0] == ModelRef.kind}):
        cited = cited_in_audit(root, name)
        bad += uncited(root, root.join(ModelRef.kind, name, AUDIT), cited, removed)
    return bad


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
    for path in _unlisted(root, folder, re.compile("|".join(map(re.escape, listed)))):
        bad.append({"path": path, "problem": "expected only what the manifest names"})
    if drawn:
        bad += _verify_report(root, folder, manifest)
    return 1 + len(manifest["files"])


def verify_registry(root: Root, name: str, bad: Damages) -> int:
    """Check that the champion exists and agrees with the audit, and the audit itself."""
    try:
        champion = champion_of(root, name)
    except DamagedError as error:
        bad.append({"path": root.join("models", name), "problem": str(error)})
        return 1
    path = root.join("models", name, "aliases", "champion.json")
    bad += audit_problems(root, name)
    if champion is not None and champion not in model_versions(root, name):
        bad.append({"path": path, "problem": f"points at {champion}, which does not exist"})
    elif problem := pointer_problem(root, name):
        bad.append({"path": path, "problem": problem})
    bad += _verify_policy(root, name)
    return int(champion is not None)


def _verify_report(root: Root, folder: str, manifest: Manifest) -> Damages:
    """Check that a version's page is there if it was drawn, and that it is the version's own."""
    path, names = f"{folder}/{REPORT}", [entry["path"] for entry in manifest["files"]]
    if REPORT in names or not manifest.get(LISTED):
        return []
    if not root.fs.exists(path) and not (DRAWINGS in names and _has_pages(root, folder)):
        return []
    problem = _report_problem(root, path, manifest)
    return [{"path": path, "problem": f"{problem}; {AGAIN}"}] if problem else []


def _has_pages(root: Root, folder: str) -> bool:
    """Check whether the model's summary lists a version, which it does once the page is drawn."""
    kind, name, version = root.parts_of(folder)
    try:
        summary = read_record(root, root.join(kind, name, SUMMARY), SummaryVersions)
    except DamagedError:
        return False
    return version in [own["version"] for own in summary["versions"]]


def _report_problem(root: Root, path: str, manifest: Manifest) -> str | None:
    try:
        subject = subject_of(read_bytes(root, path))
    except DamagedError as error:
        is_there = root.exists(*root.parts_of(path))
        return f"{error}; remove it" if is_there else "expected the version's page, it is missing"
    _, name, version, _ = root.parts_of(path)
    if subject is None:
        return "expected the page as it was drawn, it was replaced"
    if subject not in ("", version_subject(ModelRef(name, version), manifest)):
        other = subject.partition(" ")[0]
        return f"expected the report of this version, got that of another, {other:.80}"
    return None


def _verify_policy(root: Root, name: str) -> Damages:
    try:
        read_policy(root, name)
    except DamagedError as error:
        return [{"path": root.join("models", name, POLICY), "problem": str(error)}]
    return []


def _unlisted(root: Root, folder: str, known: re.Pattern[str]) -> list[str]:
    """Return visible entries of a folder under unexpected names."""
    paths = [path.rstrip("/") for path in root.fs.ls(folder, detail=False)]
    names = [(path, path.rpartition("/")[2]) for path in paths]
    return [path for path, name in names if not name.startswith(".") and not known.fullmatch(name)]
