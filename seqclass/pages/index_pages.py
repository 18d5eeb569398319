"""The first page of a store, and updates of all pages from summaries.

Summaries of what has not changed are reused, so its files are not read again.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from seqclass.pages.dataset_pages import write_dataset_pages
from seqclass.pages.model_pages import entry_of, write_model_pages
from seqclass.pages.records import Catalogue, ComparisonEntry, Damage, StudyEntry
from seqclass.pages.rendering import read_page_record, record_bytes, render, write_pages
from seqclass.store.catalogue import keep_list
from seqclass.store.leases import locked
from seqclass.store.manifests import StudyManifest
from seqclass.store.references import DatasetRef
from seqclass.store.root import Damages, Root, readable
from seqclass.store.scores import SCORES
from seqclass.store.studies import SEARCHES, STUDIES, study_versions

INDEX, PAGE = "index.json", "index.html"
KINDS = ("datasets", "models", STUDIES, SEARCHES)
COMPARISONS, DIGESTS = "comparisons", "digests"
Key = tuple[str, str]
"""Kind and name of a model, dataset or other item with pages."""


def write_all(root: Root) -> str:
    """Bring every page up to date with the store; returns the path of ``index.html``.

    A report or dataset page is kept if it is as this release would draw it. The disk is
    synchronised once, at the end.
    """
    with locked(root):
        return _write(root, Catalogue(), _names(root), anew=True)


def refresh(root: Root, refs: Iterable[str]) -> str:
    """Bring the pages of changed items up to date; returns the path of ``index.html``.

    refs: as ``models/<name>@v3`` or ``datasets/<name>@<digest>``. Items that are missing from the
    catalogue are added, and removed items are taken out.
    """
    with locked(root):
        known = read_page_record(root, root.join(INDEX), Catalogue)
        there = _names(root)
        known = known or Catalogue()
        listed = {(kind, name) for kind in (*KINDS, COMPARISONS) for name in getattr(known, kind)}
        listed |= {(kind, name) for kind, _, name in (key.partition("/") for key in known.damaged)}
        changed = (listed ^ there) | {_key(ref) for ref in refs}
        return _write(root, known, changed | _answered(root, known, changed), anew=False)


def _answered(root: Root, known: Catalogue, changed: set[Key]) -> set[Key]:
    """Return models with stored answers to rows whose labels a changed dataset may hold."""
    names = {name for kind, name in changed if kind == "datasets"}
    models = {
        name for name, own in known.models.items()
        if own.champion and DatasetRef.parse(own.champion.dataset).name in names
    }  # fmt: skip
    return {("models", name) for name in models if root.names(SCORES, name)}


def _names(root: Root) -> set[Key]:
    folders = {(kind, name) for kind in KINDS for name in root.names(kind)}
    return folders | {(COMPARISONS, name) for name in _files(root, COMPARISONS, ".json")}


def _files(root: Root, folder: str, ending: str) -> list[str]:
    """Return the names of a folder's files with this ending, without the ending."""
    return [name.removesuffix(ending) for name in root.names(folder) if name.endswith(ending)]


def _key(ref: str) -> Key:
    kind, _, rest = ref.partition("/")
    return kind, rest.partition("@")[0]


def _write(root: Root, known: Catalogue, changed: set[Key], anew: bool) -> str:
    compared = {key for key in changed if key[0] == COMPARISONS}
    known, models = _with_comparisons(root, known, {name for _, name in compared})
    for key in sorted((changed - compared) | models):
        known = _updated(root, known, key, anew)
    keep_list(root)
    page = render("index", "", all=known, digests=_files(root, DIGESTS, ".html"))
    write_pages(root, [(root.join(INDEX), record_bytes(known)), (root.join(PAGE), page)])
    return root.join(PAGE)


def _with_comparisons(root: Root, known: Catalogue, names: set[str]) -> tuple[Catalogue, set[Key]]:
    """Return the catalogue with these comparisons as they are now, and the models in them."""
    before, found = known.comparisons, known.comparisons
    for name in names:
        path = root.join(COMPARISONS, f"{name}.json")
        found = _with(found, name, read_page_record(root, path, ComparisonEntry))
    stand = {
        m for name in names for own in (before, found) if name in own for m in own[name].models
    }
    return replace(known, comparisons=found), {("models", m) for m in stand & set(known.models)}


def _updated(root: Root, known: Catalogue, key: Key, anew: bool) -> Catalogue:
    kind, name = key
    found: Any
    if kind == "models":
        compared = [item for item in known.compared if name in item[1].models]
        model = write_model_pages(root, name, anew, compared)
        found, damaged = entry_of(model) if model.versions else None, model.damaged
    elif kind == "datasets":
        dataset, found = write_dataset_pages(root, name, anew)
        damaged = dataset.damaged
    else:
        found, damaged = _studies(root, kind, name)
    return replace(known, **{
        kind: _with(getattr(known, kind), name, found),
        "damaged": _with(known.damaged, f"{kind}/{name}", damaged),
    })  # fmt: skip


def _with(entries: dict[str, Any], name: str, found: Any) -> dict[str, Any]:
    """Return the entries with this one under its name, or without it if it is None."""
    others = {key: own for key, own in entries.items() if key != name}
    return dict(sorted({**others, name: found}.items())) if found else others


def _studies(root: Root, kind: str, name: str) -> tuple[tuple[StudyEntry, ...], tuple[Damage, ...]]:
    bad = Damages()
    folders = [root.join(kind, name, version) for version in study_versions(root, name, kind)]
    good = filter(None, (readable(root, folder, StudyManifest, bad) for folder in folders))
    entries = [StudyEntry(m["version"], m["dataset"], m["created"], m.get("chosen")) for m in good]
    return (
        tuple(sorted(entries, key=lambda entry: entry.made)),
        tuple(Damage(**item) for item in bad),
    )
