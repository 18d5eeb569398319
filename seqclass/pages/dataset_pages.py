"""Pages of a dataset: one per version, and one that never changes its address."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from seqclass.pages.dataset_profile import MAX_CHANNELS, MAX_CLASSES, profile, sketches
from seqclass.pages.records import (
    Bar,
    Change,
    Damage,
    DatasetEntry,
    DatasetProfile,
    DatasetSummary,
    DatasetVersion,
)
from seqclass.pages.rendering import keep_pages, read_page_record, record_bytes, render, write_pages
from seqclass.store.datasets import committed_versions, latest_version, odd_fields, open_dataset
from seqclass.store.manifests import CHOSEN_FROM
from seqclass.store.references import DatasetRef
from seqclass.store.root import MANIFEST, DamagedError, Damages, Root, note, readable

HOME = "../../"
FEW = 20
"""Series of a class below which its test rows say little."""


def write_dataset_pages(
    root: Root, name: str, anew: bool
) -> tuple[DatasetSummary, DatasetEntry | None]:
    """Bring a dataset's pages up to date; what the catalogue shows of it, None if nothing can."""
    folder, bad = root.join("datasets", name), Damages()
    before = None if anew else read_page_record(root, f"{folder}/index.json", DatasetSummary)
    versions = tuple(_versions(root, name, before, bad))
    if not versions:
        return DatasetSummary(name, "", (), _damage(bad)), None
    newest = latest_version(root, name, [own.version for own in versions])
    summary = DatasetSummary(name, newest, versions)
    known = {own.version for own in before.versions} if before else set()
    standing = {newest, before.newest if before else ""}
    found = None
    for own in versions:
        if own.version not in known or own.version in standing:
            found = _write_version(root, summary, own.version, bad) or found
    summary = replace(summary, damaged=_damage(bad))
    write_pages(root, [(f"{folder}/index.json", record_bytes(summary))], durable=not anew)
    return summary, _entry(summary, found)


def _damage(bad: Damages) -> tuple[Damage, ...]:
    return tuple(Damage(**item) for item in bad)


def _versions(
    root: Root, name: str, before: DatasetSummary | None, bad: Damages
) -> list[DatasetVersion]:
    known = {} if before is None else {own.version: own for own in before.versions}
    there = committed_versions(root, name)
    found = [known.get(version) or _version(root, name, version, bad) for version in there]
    return sorted(filter(None, found), key=lambda own: (own.made, own.version))


def _version(root: Root, name: str, version: str, bad: Damages) -> DatasetVersion | None:
    folder = root.join("datasets", name, version)
    manifest = readable(root, folder, bad)
    if manifest is None:
        return None
    if wrong := odd_fields(manifest, version):
        problem = f"expected {', '.join(wrong)}; 'seqclass verify' says more"
        note(bad, f"{folder}/{MANIFEST}", DamagedError(problem))
        return None
    parents = [DatasetRef.parse(str(parent)).version for parent in manifest.get("parents") or ()]
    counts = {label: int(count) for label, count in manifest["classes"].items()}
    source = manifest["source"]
    chosen = source.get(CHOSEN_FROM) if isinstance(source, dict) else None
    parent = None if chosen else next(iter(parents), None)
    sizes = manifest["n_series"], counts
    return DatasetVersion(version, manifest["created"], *sizes, parent, chosen)


def _write_version(
    root: Root, summary: DatasetSummary, version: str, bad: Damages
) -> DatasetProfile | None:
    """The page of a version, and of the dataset if it is the newest; rows are read once."""
    folder = root.join("datasets", summary.name)
    found = read_page_record(root, f"{folder}/{version}.json", DatasetProfile)
    is_new, is_newest = found is None, version == summary.newest
    if found is None:
        try:
            found = profile(open_dataset(root, f"{summary.name}@{version}"))
        except (DamagedError, OSError) as error:
            note(bad, f"{folder}/{version}", error)
            return None
    content = record_bytes(found)
    if is_new:
        write_pages(root, [(f"{folder}/{version}.json", content)], durable=False)
    pages = [f"{folder}/{own}" for own in [f"{version}.html"] + ["index.html"] * is_newest]
    keep_pages(root, pages, [summary, content.decode()], lambda: _page(summary, found))
    return found if is_newest else None


def _page(summary: DatasetSummary, found: DatasetProfile) -> str:
    return render(
        "dataset",
        HOME,
        summary=summary,
        found=found,
        look=list(_doubts(found)),
        max_classes=MAX_CLASSES,
        max_channels=MAX_CHANNELS,
        change=_change(summary, found),
        class_bars=_bars((own.label, own.count) for own in found.classes),
        length_bars=_bars((f"{own.first} to {own.last}", own.count) for own in found.lengths),
    )


def _bars(counts: Iterable[tuple[str, int]]) -> list[Bar]:
    named = list(counts)
    most = max((count for _, count in named), default=1)
    return [Bar(name, count / most, f"{count:,}", "ours") for name, count in named]


def _doubts(found: DatasetProfile) -> Iterator[str]:
    """What a training on this dataset would suffer from."""
    few = [own.label for own in found.classes if own.count < FEW]
    if few:
        yield f"Fewer than {FEW} series: {', '.join(few)}. Their scores will say little."
    if found.copies:
        yield f"{found.copies} series are copies of others: those on both sides of a split leak."
    for channel in found.channels:
        if channel.lowest is not None and channel.lowest == channel.highest:
            yield f"Channel {channel.name} never changes: it tells nothing."
        elif channel.missing > 0.5:
            yield f"Channel {channel.name} lacks {channel.missing:.0%} of its values."


def _change(summary: DatasetSummary, found: DatasetProfile) -> Change | None:
    own = {version.version: version for version in summary.versions}
    now = own[found.version]
    then = own.get(now.parent or "")
    if then is None:
        return None
    labels = {**then.classes, **now.classes}
    classes = {own: now.classes.get(own, 0) - then.classes.get(own, 0) for own in labels}
    return Change(then.version, now.n_series - then.n_series, classes)


def _entry(summary: DatasetSummary, found: DatasetProfile | None) -> DatasetEntry | None:
    if found is None:
        return None
    return DatasetEntry(
        name=summary.name,
        version=summary.newest,
        made=found.made,
        n_versions=len(summary.versions),
        n_series=found.n_series,
        n_steps=found.n_steps,
        n_channels=len(found.channels),
        n_classes=len(found.classes),
        sketches=sketches(found),
    )
