"""Pages of a dataset: one per version, and one whose address never changes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pyarrow as pa

from seqclass.pages.drawing import SKETCH_SIZE, path_of, resampled
from seqclass.pages.records import (
    Change,
    DatasetEntry,
    DatasetProfile,
    DatasetSummary,
    DatasetVersion,
    Example,
    Sketch,
)
from seqclass.pages.rendering import read_page_record, record_bytes, render, write_pages
from seqclass.store.datasets import (
    Dataset,
    committed_versions,
    latest_version,
    open_dataset,
)
from seqclass.store.duplicates import row_digests
from seqclass.store.formats.file_format import all_facts
from seqclass.store.formats.overview import PER_TEST
from seqclass.store.manifests import CHOSEN_FROM, DatasetManifest
from seqclass.store.references import DatasetRef
from seqclass.store.root import DamagedError, Damages, Root, note, readable
from seqclass.store.row_profile import values_of
from seqclass.store.split import FEW_TESTED

CANDIDATES, EXAMPLES = 30, 2
"""Series of a class that are considered as examples, evenly spaced, and how many are shown."""
MAX_CLASSES, MAX_CHANNELS = 24, 6
POINTS, COARSE = 80, 16
"""Points of a series when it is drawn, and when it is compared."""
BINS = 20
SKETCHES = 3


@dataclass
class _Look:
    """Statistics that are gathered while the rows are read once."""

    dataset: Dataset
    lengths: list[np.ndarray] = field(default_factory=list)
    contents: list[np.ndarray] = field(default_factory=list)
    examples: dict[str, list[Example]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, table: pa.Table) -> None:
        names = self.dataset.channels[:MAX_CHANNELS]
        self.lengths.append(table["n_steps"].to_numpy())
        self.contents.append(row_digests(table.drop(["label"]))[1])
        flat, stop = values_of(table), 0
        columns = (table[name].to_pylist() for name in ("series_id", "label", "n_steps"))
        for series_id, label, n_steps in zip(*columns, strict=True):
            start, stop = stop, stop + n_steps
            if label is not None and self._is_wanted(label):
                values = {n: resampled(flat[n][start:stop], POINTS) for n in names}
                self.examples.setdefault(label, []).append(Example(series_id, n_steps, values))

    def _is_wanted(self, label: str) -> bool:
        total = self.dataset.manifest["classes"].get(label)
        if total is None:
            raise DamagedError(f"expected labels that the manifest names, got {label!r:.80}")
        number = self.counts[label] = self.counts.get(label, -1) + 1
        return number % max(1, total // CANDIDATES) == 0


def profile(dataset: Dataset) -> DatasetProfile:
    """Profile a dataset in one pass, with one row group in memory at a time.

    DamagedError if the rows are not those of the manifest.
    """
    manifest, look = dataset.manifest, _Look(dataset)
    for table in dataset.tables(["series_id", "label", "n_steps", *dataset.channels]):
        look.add(table)
    contents = np.concatenate(look.contents)
    shown = list(manifest["classes"])[:MAX_CLASSES]
    return DatasetProfile(
        lengths=dict(_histogram(np.concatenate(look.lengths))),
        examples={label: _typical(look.examples[label]) for label in shown},
        copies=len(contents) - len(np.unique(contents)),
    )


def _histogram(lengths: np.ndarray) -> Iterator[tuple[str, int]]:
    low, high = int(lengths.min()), int(lengths.max())
    edges = np.unique(np.linspace(low, high + 1, min(BINS, high + 1 - low) + 1).astype(int))
    counts, _ = np.histogram(lengths, edges)
    for first, stop, count in zip(edges, edges[1:], counts, strict=False):
        yield f"{first}" if stop == first + 1 else f"{first} to {stop - 1}", int(count)


def _typical(examples: list[Example]) -> tuple[Example, ...]:
    """Select the examples nearest to the median shape, each channel in units of its spread."""
    if not examples:
        return ()
    shapes = np.stack([_shape(example) for example in examples])
    shapes = shapes[:, ~np.isnan(shapes).all(axis=0)]
    n_values = (~np.isnan(shapes)).sum(axis=1)
    # NumPy's functions that leave out NaN take five times as long.
    is_whole = bool((n_values == shapes.shape[1]).all())
    median, sd = (np.median, np.std) if is_whole else (np.nanmedian, np.nanstd)
    middle, spread = median(shapes, axis=0), sd(shapes, axis=0) + 1e-9
    apart = np.nansum(np.square((shapes - middle) / spread), axis=1) / np.maximum(n_values, 1)
    apart[_are_stuck(examples)] = np.inf
    order = np.argsort(np.where(n_values > 0, apart, np.inf), kind="stable")
    return tuple(examples[number] for number in order[:EXAMPLES])


def _are_stuck(examples: list[Example]) -> np.ndarray:
    """Mark the examples that are flat in a channel that moves in most of the others."""
    flat = np.array([[_is_flat(v) for v in example.values.values()] for example in examples])
    return (flat & (flat.mean(axis=0) < 0.5)).any(axis=1)


def _is_flat(values: Sequence[float | None]) -> bool:
    return len({value for value in values if value is not None and value == value}) == 1


def _shape(example: Example) -> np.ndarray:
    channels = [np.array(values, dtype=np.float64) for values in example.values.values()]
    return np.concatenate([channel[_coarse(len(channel))] for channel in channels])


@cache
def _coarse(n: int) -> np.ndarray:
    """Return ``COARSE`` evenly spaced indices into ``n`` values; some repeat if there are fewer."""
    return (np.linspace(0, 1, COARSE) * (n - 1)).round().astype(int)


def sketches(profile: DatasetProfile) -> tuple[Sketch, ...]:
    """Return small pictures of the first classes: the first channel of typical series."""
    drawn = []
    for label, examples in list(profile.examples.items())[:SKETCHES]:
        if examples:
            values = next(iter(examples[0].values.values()))
            coarse = [values[i] for i in np.linspace(0, len(values) - 1, COARSE).astype(int)]
            drawn.append(Sketch(label, path_of(coarse, *SKETCH_SIZE)))
    return tuple(drawn)


HOME = "../../"
FEW = FEW_TESTED * PER_TEST
"""Series of a class below which its test rows say little."""


def write_dataset_pages(root: Root, name: str) -> tuple[DatasetSummary, DatasetEntry | None]:
    """Bring a dataset's pages up to date; returns its summary and catalogue entry, if any."""
    folder, bad = root.join("datasets", name), Damages()
    before = read_page_record(root, f"{folder}/index.json", DatasetSummary)
    earlier = {version.version: version for version in before.versions} if before else {}
    there = [earlier.get(v) or _version(root, name, v, bad) for v in committed_versions(root, name)]
    versions = tuple(sorted(filter(None, there), key=lambda v: (v.made, v.version)))
    if not versions:
        return DatasetSummary(name, "", (), bad), None
    newest = latest_version(root, name, [version.version for version in versions])
    summary = DatasetSummary(name, newest, versions)
    standing = {newest, before.newest if before else ""}
    entry = None
    for version in versions:
        if version.version not in earlier or version.version in standing:
            entry = _write_version(root, summary, version.version, bad) or entry
    summary = replace(summary, damaged=bad)
    write_pages(root, [(f"{folder}/index.json", record_bytes(summary))])
    return summary, entry


def _version(root: Root, name: str, version: str, bad: Damages) -> DatasetVersion | None:
    folder = root.join("datasets", name, version)
    manifest = readable(root, folder, DatasetManifest, bad)
    if manifest is None:
        return None
    parents = [DatasetRef.parse(parent).version for parent in manifest.get("parents", [])]
    chosen_from = manifest["source"].get(CHOSEN_FROM)
    parent = None if chosen_from else next(iter(parents), None)
    sizes = manifest["n_series"], manifest["classes"]
    return DatasetVersion(version, manifest["created"], *sizes, parent, chosen_from)


def _write_version(
    root: Root, summary: DatasetSummary, version: str, bad: Damages
) -> DatasetEntry | None:
    """Write the page of a version; rows are read once.

    That of the newest one is also the dataset's page, and its entry in the catalogue is returned.
    """
    folder = root.join("datasets", summary.name)
    stored = read_page_record(root, f"{folder}/{version}.json", DatasetProfile)
    try:
        dataset = open_dataset(root, f"{summary.name}@{version}")
        shown = stored or profile(dataset)
    except (ValueError, OSError) as error:
        if version in committed_versions(root, summary.name):
            note(bad, f"{folder}/{version}", DamagedError(str(error)))
        return None  # or it was taken back: another process was first
    is_newest, page = version == summary.newest, _page(summary, dataset.manifest, shown)
    if stored is None:
        write_pages(root, [(f"{folder}/{version}.json", record_bytes(shown))])
    for name in (version, "index") if is_newest else (version,):
        write_pages(root, [(f"{folder}/{name}.html", page)])
    return _entry(summary, dataset.manifest, shown) if is_newest else None


def _page(summary: DatasetSummary, manifest: DatasetManifest, profile: DatasetProfile) -> str:
    return render(
        "dataset",
        HOME,
        summary=summary,
        manifest=manifest,
        profile=profile,
        look=list(_doubts(manifest, profile)),
        max_classes=MAX_CLASSES,
        max_channels=MAX_CHANNELS,
        sections=list(_sections(manifest)),
        change=_change(summary, manifest),
    )


def _sections(manifest: DatasetManifest) -> Iterator[str]:
    """Yield a section on the files of each format that has facts."""
    for facts in all_facts():
        recordings = manifest.get("recordings") or ()
        if lines := [facts.line(record) for record in recordings if facts.knows(record)]:
            yield facts.section(lines)


def _doubts(manifest: DatasetManifest, profile: DatasetProfile) -> Iterator[str]:
    """Yield the problems that a training on this dataset would have."""
    few = [label for label, count in manifest["classes"].items() if count < FEW]
    if few:
        yield f"Fewer than {FEW} series: {', '.join(few)}. Their scores will say little."
    if profile.copies:
        yield f"{profile.copies} series are copies of others: those on both sides of a split leak."
    for name, channel in manifest["profile"].items():
        if channel["low"] is not None and channel["low"] == channel["high"]:
            yield f"Channel {name} never changes: it tells nothing."
        elif channel["missing"] > 0.5:
            yield f"Channel {name} lacks {channel['missing']:.0%} of its values."


def _change(summary: DatasetSummary, manifest: DatasetManifest) -> Change | None:
    versions = {version.version: version for version in summary.versions}
    now = versions[manifest["version"]]
    then = versions.get(now.parent or "")
    if then is None:
        return None
    labels = {**then.classes, **now.classes}
    classes = {label: now.classes.get(label, 0) - then.classes.get(label, 0) for label in labels}
    return Change(then.version, now.n_series - then.n_series, classes)


def _entry(
    summary: DatasetSummary, manifest: DatasetManifest, profile: DatasetProfile
) -> DatasetEntry:
    return DatasetEntry(
        name=summary.name,
        version=summary.newest,
        made=manifest["created"],
        n_versions=len(summary.versions),
        n_series=manifest["n_series"],
        n_steps=(manifest["n_steps"][0], manifest["n_steps"][1]),
        n_channels=len(manifest["channels"]),
        n_classes=len(manifest["classes"]),
        sketches=sketches(profile),
    )
