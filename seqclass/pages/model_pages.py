"""Pages of a model: one whose address never changes, and the reports of its versions."""

import contextlib
from collections.abc import Iterable, Sequence

from jinja2 import TemplateError

from seqclass.pages.model_summary import ODD, summarize
from seqclass.pages.records import Bar, ComparisonEntry, ModelEntry, ModelSummary, Shift
from seqclass.pages.rendering import read_page_record, record_bytes, render, write_pages
from seqclass.pages.version_report import dataset_link, has_report, with_reports, write_report
from seqclass.store.models import SUMMARY
from seqclass.store.root import DamagedError, Root

HOME = "../../"
NEWEST = 30
"""Number of versions whose scores the catalogue shows."""
MAX_COMPARED = 100
Compared = Sequence[tuple[str, ComparisonEntry]]


def write_model_pages(root: Root, name: str, anew: bool, compared: Compared = ()) -> ModelSummary:
    """Bring a model's page up to date, and the reports of versions whose standing has changed.

    compared: comparisons that include it, by file name, newest first. The summary is written last,
    since it says that all the pages are written.
    """
    folder = root.join("models", name)
    before = None if anew else read_page_record(root, f"{folder}/{SUMMARY}", ModelSummary)
    summary = summarize(root, name, before)
    if not summary.versions:
        return summary
    if changed := [own for own in map(summary.version, _changed(before, summary)) if own]:
        newest = with_reports(root, summary)
        for version in changed:
            with contextlib.suppress(DamagedError, TemplateError, *ODD):  # verify tells of it
                write_report(root, summary, version, newest)
    write_pages(root, [(f"{folder}/index.html", _page(root, summary, compared))])
    write_pages(root, [(f"{folder}/{SUMMARY}", record_bytes(summary))], durable=not anew)
    return summary


def _changed(before: ModelSummary | None, now: ModelSummary) -> Iterable[str]:
    """Return the versions whose report is missing or shows an outdated standing."""
    known = {} if before is None else {version.version: version for version in before.versions}
    fresh = [version.version for version in now.versions if version.version not in known]
    if before is None:
        return fresh
    told = {move.candidate for move in now.moves if move not in before.moves}
    moved = told | ({before.champion, now.champion} if before.champion != now.champion else set())
    return [*fresh, *(number for number in sorted(filter(None, moved)) if number in known)]


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
        shift_bars=_bars,
    )


def _bars(shifts: tuple[Shift, ...]) -> list[Bar]:
    return [
        Bar(own.what, own.shift, f"{own.shift:.3f} (p {own.adjusted_p:.1g})", "hot" * own.drifted)
        for own in shifts
    ]


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
        last=summary.moves[-1] if summary.moves else None,
        doubted=summary.doubted,
        drifted=tuple(own.what for own in looks[-1].shifts if own.drifted) if looks else (),
    )
