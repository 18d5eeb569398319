"""The first page of a store, the pages of its models, and updates of all pages from summaries.

Summaries of what has not changed are reused, so its files are not read again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from jinja2 import UndefinedError

from seqclass.pages.dataset_pages import write_dataset_pages
from seqclass.pages.model_summary import ODD, summarize
from seqclass.pages.records import (
    Catalogue,
    ComparisonEntry,
    ModelEntry,
    ModelSummary,
    StudyEntry,
)
from seqclass.pages.rendering import read_page_record, record_bytes, render, write_pages
from seqclass.pages.version_report import (
    dataset_link,
    has_report,
    with_reports,
    write_version_report,
)
from seqclass.store.catalogue import keep_list
from seqclass.store.locks import locked
from seqclass.store.manifests import StudyManifest
from seqclass.store.models import REPORT, SUMMARY
from seqclass.store.references import DatasetRef
from seqclass.store.root import DamagedError, Damages, Root, readable, remove_file
from seqclass.store.scores import SCORES
from seqclass.store.studies import STUDIES, study_versions

INDEX, PAGE = "index.json", "index.html"
KINDS = ("datasets", "models", STUDIES)
COMPARISONS, DIGESTS = "comparisons", "digests"
Key = tuple[str, str]
"""Kind and name of a model, dataset or other item with pages."""
HOME = "../../"
NEWEST = 30
"""Number of versions whose scores the catalogue shows."""
MAX_COMPARED = 100
Compared = Sequence[tuple[str, ComparisonEntry]]


def write_all(root: Root, bad: Damages | None = None) -> str:
    """Write every page anew; returns the path of ``index.html``.

    What is damaged is left out, and added to ``bad``.
    """
    with locked(root):
        for kind, name in (names := _names(root)):
            remove_file(root, root.join(kind, name, SUMMARY))
        catalogue = _write(root, Catalogue(), names)
    if bad is not None:
        bad += [item for items in catalogue.damaged.values() for item in items]
    return root.join(PAGE)


def refresh(root: Root, refs: Iterable[str]) -> str:
    """Bring the pages of changed items up to date; returns the path of ``index.html``.

    refs: as ``models/<name>@v3`` or ``datasets/<name>@<digest>``. Items that are missing from the
    catalogue are added, and removed items are taken out.
    """
    with locked(root):
        catalogue = read_page_record(root, root.join(INDEX), Catalogue) or Catalogue()
        listed = {
            (kind, name) for kind in (*KINDS, COMPARISONS) for name in getattr(catalogue, kind)
        }
        listed |= {
            (kind, name) for kind, _, name in (key.partition("/") for key in catalogue.damaged)
        }
        changed = (listed ^ _names(root)) | {_key(ref) for ref in refs}
        _write(root, catalogue, changed | _answered(root, catalogue, changed))
    return root.join(PAGE)


def _answered(root: Root, catalogue: Catalogue, changed: set[Key]) -> set[Key]:
    """Return models with stored answers to rows whose labels a changed dataset may hold."""
    names = {name for kind, name in changed if kind == "datasets"}
    models = {
        name for name, entry in catalogue.models.items()
        if entry.champion and DatasetRef.parse(entry.champion.dataset).name in names
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


def _write(root: Root, catalogue: Catalogue, changed: set[Key]) -> Catalogue:
    """Update the changed items, and the models that a changed comparison names or named."""
    former, comparisons = catalogue.comparisons, {key for key in changed if key[0] == COMPARISONS}
    for key in comparisons:
        catalogue = _updated(root, catalogue, key)
    sides = (former, catalogue.comparisons)
    compared = [side[name] for side in sides for _, name in comparisons if name in side]
    models = {model for entry in compared for model in entry.models} & set(catalogue.models)
    for key in sorted((changed - comparisons) | {("models", name) for name in models}):
        catalogue = _updated(root, catalogue, key)
    keep_list(root)
    page = render("index", "", all=catalogue, digests=_files(root, DIGESTS, ".html"))
    write_pages(root, [(root.join(INDEX), record_bytes(catalogue)), (root.join(PAGE), page)])
    return catalogue


def _updated(root: Root, catalogue: Catalogue, key: Key) -> Catalogue:
    kind, name = key
    bad, entry = Damages(), cast(Any, None)
    if kind == "models":
        compared = [item for item in catalogue.compared if name in item[1].models]
        model = write_model_pages(root, name, compared)
        bad, entry = model.damaged, entry_of(model) if model.versions else None
    elif kind == "datasets":
        dataset, entry = write_dataset_pages(root, name)
        bad = dataset.damaged
    elif kind == STUDIES:
        entry = _studies(root, name, bad)
    else:
        entry = read_page_record(root, root.join(kind, f"{name}.json"), ComparisonEntry)
    return replace(catalogue, **{
        kind: _with(getattr(catalogue, kind), name, entry),
        "damaged": _with(catalogue.damaged, f"{kind}/{name}", bad),
    })  # fmt: skip


def _with(entries: dict[str, Any], name: str, entry: Any) -> dict[str, Any]:
    """Return the entries with this one under its name, or without it if it is None."""
    others = {key: other for key, other in entries.items() if key != name}
    return dict(sorted({**others, name: entry}.items())) if entry else others


def _studies(root: Root, name: str, bad: Damages) -> tuple[StudyEntry, ...]:
    folders = [root.join(STUDIES, name, version) for version in study_versions(root, name)]
    good = filter(None, (readable(root, folder, StudyManifest, bad) for folder in folders))
    entries = [StudyEntry(m["version"], m["dataset"], m["created"]) for m in good]
    return tuple(sorted(entries, key=lambda entry: entry.made))


def write_model_pages(root: Root, name: str, compared: Compared = ()) -> ModelSummary:
    """Bring a model's page up to date, and the reports of versions whose standing has changed.

    compared: comparisons that include it, by file name, newest first. A report whose records are
    damaged is left out, and named among what is damaged. The summary is written last, since it says
    that all the pages are written.
    """
    folder = root.join("models", name)
    before = read_page_record(root, f"{folder}/{SUMMARY}", ModelSummary)
    summary = summarize(root, name, before)
    if not summary.versions:
        return summary
    if changed := [v for v in map(summary.version, _changed(before, summary)) if v]:
        newest = with_reports(root, summary)
        for version in changed:
            try:
                write_version_report(root, summary, version, newest)
            except (UndefinedError, *ODD) as error:
                problem = str(error) if isinstance(error, DamagedError) else repr(error)
                path = f"{folder}/{version.version}/{REPORT}"
                summary.damaged.append({"path": path, "problem": f"not drawn, {problem}"})
    page = _page(root, summary, compared)
    write_pages(root, [(f"{folder}/{PAGE}", page), (f"{folder}/{SUMMARY}", record_bytes(summary))])
    return summary


def _changed(before: ModelSummary | None, now: ModelSummary) -> Iterable[str]:
    """Return the versions whose report is missing or shows an outdated standing."""
    previous = set() if before is None else {version.version for version in before.versions}
    fresh = [version.version for version in now.versions if version.version not in previous]
    if before is None:
        return fresh
    moved = {move.candidate for move in now.moves if move not in before.moves}
    if before.champion != now.champion:
        moved |= {before.champion, now.champion}
    return [*fresh, *(number for number in sorted(filter(None, moved)) if number in previous)]


def _page(root: Root, summary: ModelSummary, compared: Compared) -> str:
    refs = {version.version: version.dataset for version in summary.versions}
    links = {ref: dataset_link(root, ref, HOME) for ref in set(refs.values())}
    return render(
        "model",
        HOME,
        model=summary,
        champion=summary.version(summary.champion),
        reports={number: has_report(root, summary.name, number) for number in refs},
        datasets={number: links[ref] for number, ref in refs.items()},
        compared=compared[:MAX_COMPARED],
    )


def entry_of(summary: ModelSummary) -> ModelEntry:
    """Return a model's entry in the catalogue."""
    looks = summary.retrainings
    return ModelEntry(
        name=summary.name,
        n_versions=len(summary.versions),
        newest=summary.versions[-1].version,
        scores=tuple(version.macro_f1 for version in summary.versions[-NEWEST:]),
        champion=summary.version(summary.champion),
        since=summary.since,
        last=summary.decisions[-1] if summary.decisions else None,
        doubted=summary.doubted,
        drifted=tuple(shift.what for shift in looks[-1].shifts if shift.drifted) if looks else (),
        barred=summary.barred,
        awaits=summary.awaits,
    )
