"""Output of the commands on datasets and files."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import typer
from typing_extensions import TypedDict

from seqclass.flows.cli.printing import (
    add_row,
    command_line,
    new_table,
    print_json,
    print_table,
    span,
)
from seqclass.store.manifests import DatasetManifest
from seqclass.store.references import DatasetRef
from seqclass.store.root import Root, printable

if TYPE_CHECKING:
    import numpy as np

    from seqclass.pipeline.import_files import Imported
    from seqclass.store.datasets import Dataset
    from seqclass.store.formats.overview import Inspected


MANY_COLUMNS, MANY_CHANNELS = 4, 8
WIDTH, HEIGHT = 72, 6
"""Size of the picture of a channel, in characters."""
BLANK, DOTS = 0x2800, ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The blank character of Braille, and the bits of its two columns of dots, from the top."""


class DatasetSummary(TypedDict):
    """The fields of a version that lists print, see ``store.manifests.DatasetManifest``."""

    dataset: str
    n_series: int
    n_steps: list[int]
    channels: list[str]
    classes: dict[str, int]
    unlabelled: int
    splits: dict[str, int]
    rejected: int


def show_dataset(store: Root, ref: str, as_json: bool) -> None:
    from seqclass.store.datasets import open_dataset

    manifest = open_dataset(store, ref).manifest
    if as_json:
        print_json(dataset_summary(manifest))
        return
    show_dataset_summary(store, manifest)
    typer.echo(f"next: {command_line(store, *_next(store, manifest))}")


def _next(store: Root, manifest: DatasetManifest) -> tuple[str, str]:
    """Return what follows: a retraining where a champion of that name learnt from the dataset."""
    from seqclass.store.manifests import known_dataset
    from seqclass.store.registry import champion_of, open_model
    from seqclass.store.root import DamagedError

    name = manifest["name"]
    try:
        if champion_of(store, name):
            dataset = DatasetRef.parse(known_dataset(open_model(store, name).manifest))
            if dataset.name == name:
                return "retrain", name
    except DamagedError:  # 'verify' names it
        pass
    return "train", f"{name}@{manifest['version']}"


def show_stored_dataset(store: Root, ref: str, series: str | None, as_json: bool) -> None:
    """Print what a dataset holds, or one of its series by its id, with a picture."""
    from seqclass.store.datasets import open_dataset

    dataset = open_dataset(store, ref)
    if series is not None:
        show_series(dataset, series, as_json)
    elif as_json:
        print_json(dataset.manifest)
    else:
        show_dataset_summary(store, dataset.manifest)


def show_series(dataset: "Dataset", series_id: str, as_json: bool) -> None:
    import numpy as np
    import pyarrow.compute as pc

    labels = dataset.labels()
    row = pc.index(labels["series_id"], series_id).as_py()
    if row < 0:
        some = ", ".join(labels["series_id"][:3].to_pylist())
        raise ValueError(
            f"--series: expected an id of {dataset.ref}, such as {printable(some)}, got "
            f"{series_id!r}; correct it"
        )
    [facts] = labels.slice(row, 1).to_pylist()
    values = dataset.values(np.array([row]))[0, : facts["n_steps"]].T
    if as_json:
        by_channel = {
            name: [value if math.isfinite(value) else None for value in channel.tolist()]
            for name, channel in zip(dataset.channels, values, strict=True)
        }
        print_json({"dataset": dataset.ref, **facts, "values": by_channel})
        return
    table = new_table(printable(series_id), dataset.ref)
    for name, value in facts.items():
        if name != "series_id" and value is not None:
            add_row(table, name.replace("_", " "), printable(str(value)))
    print_table(table)
    for name, channel in zip(dataset.channels[:MANY_CHANNELS], values, strict=False):
        typer.echo(drawn_channel(printable(name), channel))
    if (left := len(dataset.channels) - MANY_CHANNELS) > 0:
        typer.echo(f"{left} channels more: --json has all values")


def drawn_channel(name: str, values: "np.ndarray") -> str:
    """Return the finite values ``(steps,)`` of a channel as a line of dots, with their ends."""
    import numpy as np

    finite = np.isfinite(values)
    if not finite.any():
        return f"{name}: no value"
    low, high = float(values[finite].min()), float(values[finite].max())
    steps, last = np.arange(len(values)), len(values) - 1
    places = np.union1d(steps, np.linspace(0, last, 2 * WIDTH))
    points = np.interp(places, steps, values)
    is_there = np.isfinite(points)
    columns = (places[is_there] / max(last, 1) * (2 * WIDTH - 1)).round().astype(int)
    heights = (high - points[is_there]) / ((high - low) or 1.0) * (4 * HEIGHT - 1)
    lines, dots = np.divmod(heights.round().astype(int), 4)
    cells = np.zeros((HEIGHT, WIDTH), int)
    np.bitwise_or.at(cells, (lines, columns // 2), np.array(DOTS)[columns % 2, dots])
    drawn = "\n".join("".join(chr(BLANK + cell) for cell in line) for line in cells)
    missing = f", {(~finite).mean():.1%} missing" if not finite.all() else ""
    return f"{name}: {low:.4g} to {high:.4g}, {len(values):,} steps{missing}\n{drawn}"


def show_import(store: Root, outcome: "Imported", as_json: bool) -> None:
    from seqclass.store.datasets import open_dataset, recordings_folder

    if as_json:
        manifest = open_dataset(store, outcome["dataset"]).manifest
        print_json({**dataset_summary(manifest), **outcome})
        return
    for kind, count in outcome["quarantined"].items():
        typer.echo(f"set aside, {kind}: {count:,} series")
    if outcome["quarantine"]:
        typer.echo(f"quarantine: {outcome['quarantine']}")
    if outcome["repeats"]:
        typer.echo(f"there already: {outcome['repeats']:,} series")
    if outcome["repeated_steps"]:
        rows = f"{outcome['repeated_steps']:,} rows"
        typer.echo(f"dropped: {rows} that repeat a step of their series with the same values")
    if outcome["parent"]:
        old = outcome["parent"]
        added = f"{outcome['added']:,} series" if outcome["added"] else "nothing new"
        typer.echo(f"added to {old}: {added}")
    elif outcome["existed"]:
        typer.echo("there already: this version, with the same series; nothing was written")
        newest = open_dataset(store, DatasetRef.parse(outcome["dataset"]).name).ref
        if newest != outcome["dataset"]:
            typer.echo(f"the newest version stays {newest}, which was made from this one")
    print_facts(outcome["recordings"])
    if outcome["recordings"]:
        place = recordings_folder(store, DatasetRef.parse(outcome["dataset"]).name)
        typer.echo(f"pages: {store.address(place)}")
    _print_amiss(outcome["amiss"])
    show_dataset(store, outcome["dataset"], as_json)


def dataset_summary(manifest: DatasetManifest) -> DatasetSummary:
    return {
        "dataset": str(DatasetRef(manifest["name"], manifest["version"])),
        "n_series": manifest["n_series"],
        "n_steps": manifest["n_steps"],
        "channels": manifest["channels"],
        "classes": manifest["classes"],
        "unlabelled": manifest["unlabelled"],
        "splits": manifest["splits"],
        "rejected": manifest["rejected"],
    }


def show_dataset_summary(store: Root, manifest: DatasetManifest) -> None:
    table = new_table("datasets/" + manifest["name"], manifest["version"])
    add_row(table, "series", f"{manifest['n_series']:,}")
    add_row(table, "steps", span(manifest["n_steps"]))
    add_row(table, "channels", printable(", ".join(manifest["channels"])))
    for label, count in manifest["classes"].items():
        add_row(table, printable(f"class {label}"), f"{count:,}")
    if manifest["unlabelled"]:
        add_row(table, "without a label", f"{manifest['unlabelled']:,} (neither train nor test)")
    for part, count in manifest["splits"].items():
        add_row(table, f"split {part}", f"{count:,}")
    if "group" in manifest["columns"]:
        kept = "kept together by the column 'group'"
        n_groups = manifest.get("groups")
        add_row(table, "groups", f"{n_groups:,}, {kept}" if n_groups is not None else kept)
    for channel, share in manifest.get("missing", {}).items():
        if share:
            add_row(table, f"missing in {channel}", f"{share:.2%} of the values")
    print_table(table)
    folder = store.join("datasets", manifest["name"], manifest["version"])
    typer.echo(f"files: {store.address(folder)}")


def show_overview(
    inspected: "Inspected", as_json: bool, heard: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Print how files are read, what was heard of recordings, and likely problems."""
    if as_json:
        print_json({**inspected, "recordings": heard} if heard else inspected)
        return
    for path, file in inspected["files"].items():
        table = new_table(printable(path), "")
        for name, value in file.items():
            if name != "columns":
                add_row(table, name, str(value))
        for columns, role in _runs(file["columns"]):
            add_row(table, columns, role)
        print_table(table)
    low, typical, high = inspected["n_steps"]
    table = new_table("found", "")
    add_row(table, "series", f"{inspected['n_series']:,}")
    add_row(table, "steps", span([low, high]) + (f", typically {typical:,}" if low < high else ""))
    for label, count in inspected["classes"].items():
        add_row(table, f"class {printable(label)}", f"{count:,}")
    for part, count in inspected["splits"].items():
        add_row(table, f"split {part}", f"{count:,}")
    counts = {"unlabelled": inspected["unlabelled"], "groups": inspected["groups"],
              "copies": inspected["copies"], "flat": inspected["flat"]}  # fmt: skip
    for name, n in counts.items():
        if n:
            add_row(table, name, f"{n:,}")
    for name, channel in inspected["channels"].items():
        ends = channel["lowest"], channel["highest"]
        limits = "no value" if ends[0] is None else f"{ends[0]:g} to {ends[1]:g}"
        add_row(table, f"channel {printable(name)}", f"{limits}, {channel['missing']:.1%} missing")
    print_table(table)
    print_facts(heard)
    _print_amiss(inspected["amiss"])


def print_facts(records: Sequence[Mapping[str, Any]]) -> None:
    """Print what was read of files beside their rows."""
    from seqclass.store.formats.file_format import facts_of

    for record in records:
        if facts := facts_of(record):
            summary = facts.summary(record)
            table = new_table(printable(summary.name), summary.subtitle)
            for name, value in summary.lines:
                add_row(table, name, value)
            print_table(table)


def _runs(columns: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Group neighbouring columns of the same role into one line if there are many."""
    for role, group in groupby(columns, key=lambda name: columns[name]):
        names = [printable(name) for name in group]
        if len(names) > MANY_COLUMNS:
            yield f"columns {names[0]} to {names[-1]}", f"{role} ({len(names):,})"
        else:
            yield from ((f"column {name}", role) for name in names)


def _print_amiss(lines: list[str]) -> None:
    for line in lines:
        typer.echo(f"look: {printable(line)}")
