"""The digest of some days on one page: data arrived, answers, decisions, drift."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from seqclass.pages.index_pages import DIGESTS, refresh
from seqclass.pages.records import DatasetSummary, ModelSummary, Move, Retraining
from seqclass.pages.rendering import read_page_record, record_bytes, render, write_pages
from seqclass.store.dependencies import removals
from seqclass.store.manifests import ScoresManifest
from seqclass.store.models import SUMMARY
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.root import MANIFEST, Root, readable
from seqclass.store.scores import score_folders


@dataclass(frozen=True)
class Arrived:
    """A dataset version that was created.

    added: series more than in the version that it continues; null if that one is no longer there.
    """

    dataset: str
    made: str
    n_series: int
    added: int | None


@dataclass(frozen=True)
class VersionAnswers:
    """Number of series that a version answered, and of unknowns among them."""

    version: str
    rows: int
    unknown: int


@dataclass(frozen=True)
class RegisteredVersion:
    """A version that was registered in these days."""

    version: str
    made: str
    macro_f1: float
    refused: str | None


@dataclass(frozen=True)
class Digest:
    """The events of some days.

    arrived: dataset versions. answered: answers by version. trained: versions. decided: entries of
    the audit, with the model's name. looked: checks of new rows, with the model's name. removed:
    what ``prune`` and ``delete`` removed; arrived, answered and trained no longer count it.
    """

    since: str
    until: str
    arrived: tuple[Arrived, ...]
    answered: tuple[VersionAnswers, ...]
    trained: tuple[RegisteredVersion, ...]
    decided: tuple[tuple[str, Move], ...]
    looked: tuple[tuple[str, Retraining], ...]
    removed: tuple[str, ...]


def digest(root: Root, since: datetime, until: datetime) -> Digest:
    """Collect everything from ``since`` to before ``until`` that the tree still holds."""
    refresh(root, [])
    start, stop = (moment.astimezone(UTC).isoformat() for moment in (since, until))

    def within(moment: str) -> bool:
        return start <= moment < stop

    paths = (root.join("models", name, SUMMARY) for name in root.names("models"))
    models = [m for path in paths if (m := read_page_record(root, path, ModelSummary)) is not None]
    decided = [(m.name, move) for m in models for move in m.decisions if within(move.time)]
    looked = [(m.name, look) for m in models for look in m.retrainings if within(look.time)]
    return Digest(
        since=start,
        until=stop,
        arrived=tuple(a for a in _arrived(root) if within(a.made)),
        answered=tuple(_answered(root, since, until)),
        trained=tuple(
            RegisteredVersion(ModelRef(m.name, v.version).short, v.made, v.macro_f1, v.refused)
            for m in models
            for v in m.versions
            if within(v.made)
        ),
        decided=tuple(sorted(decided, key=lambda item: item[1].time)),
        looked=tuple(sorted(looked, key=lambda item: item[1].time)),
        removed=tuple(ref for r in removals(root) if within(r["time"]) for ref in r["removed"]),
    )


def _arrived(root: Root) -> Iterator[Arrived]:
    for name in root.names("datasets"):
        summary = read_page_record(root, root.join("datasets", name, SUMMARY), DatasetSummary)
        versions = summary.versions if summary else ()
        sizes = {v.version: v.n_series for v in versions}
        for v in versions:
            if v.chosen_from:
                continue  # its rows arrived before
            before = sizes.get(v.parent) if v.parent else 0
            added = None if before is None else v.n_series - before
            yield Arrived(DatasetRef(name, v.version).short, v.made, v.n_series, added)


def _answered(root: Root, since: datetime, until: datetime) -> Iterator[VersionAnswers]:
    counts: dict[str, tuple[int, int]] = {}
    for name in root.names("scores"):
        for folder in score_folders(root, name):
            if root.fs.modified(f"{folder}/{MANIFEST}") < since:
                continue  # a manifest is never older than its file
            manifest = readable(root, folder, ScoresManifest)
            if manifest and since <= datetime.fromisoformat(manifest["created"]) < until:
                version = ModelRef.parse(manifest["model"]).short
                rows, unknown = counts.get(version, (0, 0))
                counts[version] = rows + manifest["rows"], unknown + manifest["unknown"]
    for version, (rows, unknown) in sorted(counts.items()):
        yield VersionAnswers(version, rows, unknown)


def write_digest(root: Root, record: Digest) -> str:
    """Write the page, the JSON beside it and its link; returns the page's path."""
    name = f"{record.since[:10]}-to-{record.until[:10]}"
    page = render("digest", "../", digest=record, beside=f"{name}.json")
    path = root.join(DIGESTS, name)
    write_pages(root, [(f"{path}.json", record_bytes(record)), (f"{path}.html", page)])
    refresh(root, [])
    return f"{path}.html"
