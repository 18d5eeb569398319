"""Commands that make a dataset: generate (signals, iot), import and ingest; and inspect."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.command_line import (
    REFUSED,
    DatasetName,
    JsonFlag,
    LimitOption,
    PolicyOption,
    SeedOption,
    WeightsOption,
    can_announce,
    numbers,
    prepare_prefect,
    prepare_step,
    span_of,
)
from seqclass.flows.cli.option_groups import ImportReadingOptions, OutputPlace, SpreadPlace
from seqclass.flows.cli.printing import print_json, print_record, print_table
from seqclass.flows.cli.views import dataset_summary, print_facts, show_dataset
from seqclass.store.root import Root, printable
from seqclass.tasks.compute.runner import is_spread

if TYPE_CHECKING:
    from seqclass.pipeline.import_files import Imported
    from seqclass.pipeline.ingest import Arrivals
    from seqclass.store.formats import ColumnNames
    from seqclass.store.formats.overview import Inspected
    from seqclass.store.inbox import FileReport
    from seqclass.synthesis.signals import SignalSpec

MANY_COLUMNS = 4


@dataclass(frozen=True)
class SignalOptions:
    """Options for the author's families of signals."""

    preset: Annotated[str, typer.Option(help="Signals to draw: author or hard.")] = "author"
    n_series: Annotated[int, typer.Option(help="Series to draw.")] = 5000
    n_steps: Annotated[int, typer.Option(help="Steps of each series.")] = 100

    def spec(self, **more: Any) -> "SignalSpec":
        from seqclass.series import check_choice
        from seqclass.synthesis.signals import PRESETS, SignalSpec

        check_choice("--preset", self.preset, PRESETS)
        options = {"n_series": self.n_series, "n_steps": self.n_steps, **more}
        return SignalSpec(**{**PRESETS[self.preset], **options})


@dataclass(frozen=True)
class DrawingOptions:
    """Options for drawing series."""

    seed: SeedOption = 0
    classes: Annotated[
        str | None, typer.Option(help="Classes to draw, by comma (default: all).")
    ] = None
    weights: WeightsOption = None
    noise: Annotated[float, typer.Option(help="Factor on the noise.")] = 1.0

    def selected(self) -> dict[str, Any]:
        """Return the fields of a generator's spec."""
        options: dict[str, Any] = {"seed": self.seed, "noise": self.noise}
        if self.classes is not None:
            options["classes"] = tuple(part.strip() for part in self.classes.split(","))
        if self.weights is not None:
            options["weights"] = numbers("--weights", self.weights)
        return options


@dataclass(frozen=True)
class IotOptions:
    """Options for sensor series."""

    n_series: Annotated[int, typer.Option(help="Series to draw.")] = 5000
    n_steps: Annotated[str, typer.Option(help="Steps of a series: 100, or 60..140.")] = "100"
    n_channels: Annotated[int, typer.Option(help="Sensors of each series.")] = 3


def draw(generator: str, name: str, spec: Any, place: SpreadPlace) -> None:
    """Generate a dataset by a generator's name and its spec, and print it."""
    store = place.new_store()
    if is_spread():
        prepare_prefect("generate", "seqclass.flows.generation", store)
        from seqclass.flows.generation import generation_flow

        ref = generation_flow(generator)(name, spec, store.url)
    else:
        from seqclass.pipeline.generate import generate_dataset

        prepare_step(store)
        ref = generate_dataset(generator, spec, name, store)
    show_dataset(store, ref, place.as_json)


def generate_signals(
    signals: SignalOptions,
    drawing: DrawingOptions,
    place: SpreadPlace,
    name: DatasetName = "signals",
) -> None:
    """Draw common cause, change point and burst series."""
    draw("signals", name, signals.spec(**drawing.selected()), place)


def generate_iot(
    sensors: IotOptions, drawing: DrawingOptions, place: SpreadPlace, name: DatasetName = "iot"
) -> None:
    """Draw sensor series with trends, shifts, drift and faults."""
    from seqclass.synthesis.iot import IotSpec

    steps = span_of("--n-steps", sensors.n_steps)
    spec = IotSpec(sensors.n_series, steps, sensors.n_channels, **drawing.selected())
    draw("iot", name, spec, place)


TestOption = Annotated[
    list[str] | None, typer.Option(help="Files of the official test rows; repeatable.")
]


@dataclass(frozen=True)
class ImportOptions:
    """Options for an import: the dataset and the checks of its rows."""

    test: TestOption = None
    append: Annotated[bool, typer.Option("--append", help="Add to the newest version.")] = False
    policy: PolicyOption = None
    limit: LimitOption = None
    new_contract: Annotated[
        bool, typer.Option("--new-contract", help="Don't compare with the newest version.")
    ] = False


def import_files(
    paths: Annotated[
        list[str],
        typer.Argument(help="Parquet, CSV, .xlsx, .ts, .tsv, .npz or .npy files, or recordings."),
    ],
    name: DatasetName,
    options: ImportOptions,
    reading: ImportReadingOptions,
    place: OutputPlace,
) -> None:
    """Read your series into a new dataset, or add them to one."""
    from seqclass.pipeline.import_files import import_files as run
    from seqclass.screening.contract import policy_of_choices
    from seqclass.screening.incoming import ImportSpec
    from seqclass.store.formats import limits_of

    answers, limits = policy_of_choices(options.policy or []), limits_of(options.limit or [])
    files = tuple(paths), tuple(options.test or ())
    columns, append = reading.names(), options.append
    spec = ImportSpec(*files, columns, answers, append, options.new_contract, limits)
    store = place.store() if append else place.new_store()
    prepare_step(store)
    outcome = run(store, name, spec)
    if append and outcome["added"] and can_announce(store):
        from seqclass.tasks.events import announce_arrival

        announce_arrival(store, outcome["dataset"], outcome["added"])
    show_import(store, outcome, place.as_json)


def show_import(store: Root, outcome: "Imported", as_json: bool) -> None:
    from seqclass.store.datasets import open_dataset, recordings_folder

    dataset = open_dataset(store, outcome["dataset"])
    name = dataset.manifest["name"]
    if as_json:
        print_json({**dataset_summary(dataset.manifest), **outcome})
        return
    if outcome["existed"]:
        typer.echo("there already: this version, with the same series; nothing was written")
        newest = open_dataset(store, name).ref
        if newest != outcome["dataset"]:
            typer.echo(f"the newest version stays {newest}, which was made from this one")
    print_facts(outcome["recordings"])
    if outcome["recordings"]:
        print_record({"pages": store.address(recordings_folder(store, name))})
    hidden = {"dataset", "existed", "recordings", *(() if outcome["parent"] else ("added",))}
    print_record({key: value for key, value in outcome.items() if key not in hidden})
    show_dataset(store, outcome["dataset"], as_json)


def inspect(
    paths: Annotated[list[str], typer.Argument(help="Files or folders of series.")],
    reading: ImportReadingOptions,
    test: TestOption = None,
    limit: LimitOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show how files are read and what looks wrong; store nothing."""
    from seqclass.screening.giveaways import SampledSeries
    from seqclass.store.formats import expand, limits_of
    from seqclass.store.formats.facts import Listener
    from seqclass.store.formats.file_format import check_files
    from seqclass.store.formats.isolated import IsolatedReader
    from seqclass.store.formats.overview import Overview

    files, tests = expand(paths, "PATH"), expand(test or [], "--test")
    limits, columns = limits_of(limit or []), reading.names()
    check_files([*files, *tests], columns)
    seen, sample = Overview(), SampledSeries()
    lenient = replace(columns, unlabelled=True, repeated_steps="drop")
    heard: list[Any] = []
    listener = Listener(heard=lambda _, facts, *__: heard.append(facts), takes_unsure=True)
    with IsolatedReader(listener) as reader:
        forms = {path: reader.understood(path, columns, limits) for path in (*files, *tests)}
        for path, form in forms.items():
            _check_named_columns(path, list(form["columns"]), columns)
        for part_files, part in ((files, "train" if tests else None), (tests, "test")):
            for table in reader.read_files(part_files, lenient, part, None, limits):
                seen.add(table)
                sample.add(table)
    if not seen.parts:
        raise ValueError(f"{files[0]}: expected at least one series, got none; check the file")
    described = seen.describe()
    described["amiss"] += sample.giveaways()
    show_overview({"files": forms, **described}, as_json, heard)


def _check_named_columns(path: str, present: list[str], names: "ColumnNames") -> None:
    """Refuse a table without a column that was named; one that wasn't may be absent."""
    from seqclass.store.formats.table import refusal

    for name, role in names.roles.items():
        if present and name in names.named and name not in present:
            cure = f"correct --{role.replace('_', '-')}-column"
            raise refusal(path, f"a column {name!r}", ", ".join(present), cure)


def show_overview(
    inspected: "Inspected", as_json: bool, heard: Sequence[Mapping[str, Any]] = ()
) -> None:
    """Print how files are read, what was heard of recordings, and likely problems."""
    if as_json:
        print_json({**inspected, "recordings": heard} if heard else inspected)
        return
    for path, file in inspected["files"].items():
        print_record({"file": path, **file, "columns": dict(_runs(file["columns"]))})
    low, typical, high = inspected["n_steps"]
    steps = {"n_steps": [low, high], "typical": typical}
    print_facts(heard)
    print_record({**inspected, **steps, "files": None})


def _runs(columns: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Group neighbouring columns of the same role into one line if there are many."""
    for role, group in groupby(columns, key=lambda name: columns[name]):
        names = list(group)
        if len(names) > MANY_COLUMNS:
            yield f"{names[0]} to {names[-1]}", f"{role} ({len(names):,})"
        else:
            yield from ((name, role) for name in names)


def ingest(
    place: OutputPlace,
    dataset: Annotated[
        str | None, typer.Argument(help="A dataset's name (default: every inbox of the root).")
    ] = None,
    inbox: Annotated[
        str | None, typer.Option(help="Folder or prefix (default: inbox/DATASET in the root).")
    ] = None,
    policy: PolicyOption = None,
    limit: LimitOption = None,
) -> None:
    """Add the files of an inbox to its dataset, each once.

    Files that break the dataset's contract go to quarantine.
    """
    from seqclass.screening.contract import policy_of_choices
    from seqclass.store.datasets import open_dataset
    from seqclass.store.formats import limits_of
    from seqclass.store.layout import check_inbox
    from seqclass.store.references import DatasetRef

    answers, limits = policy_of_choices(policy or []), limits_of(limit or [])
    store = place.store()
    if dataset is not None:
        dataset = open_dataset(store, DatasetRef.parse(dataset).name).manifest["name"]
    elif inbox is not None:
        raise ValueError("DATASET: expected a name where --inbox is given, got none; name it")
    if inbox is not None:
        check_inbox(store, "--inbox", inbox)
    from seqclass.pipeline.ingest import ingest as run
    from seqclass.screening.incoming import ArrivalSpec

    prepare_step(store)
    is_heard = can_announce(store)

    def announce(ref: str, added: int) -> None:
        if is_heard:
            from seqclass.tasks.events import announce_arrival

            announce_arrival(store, ref, added)

    def refuse(name: str, file: "FileReport") -> None:
        if is_heard:
            from seqclass.tasks.events import announce_refusal

            announce_refusal(store, name, file["file"], file["reason"])

    spec = ArrivalSpec(policy=answers, limits=limits)
    outcome = run(store, dataset, inbox, spec, announce, refuse)
    _show_arrivals(outcome, place.as_json)


def _show_arrivals(outcome: "Arrivals", as_json: bool) -> None:
    from seqclass.store.inbox import subfolders
    from seqclass.store.root import open_root

    files = [file for sweep in outcome["sweeps"] for file in sweep["files"]]
    if as_json:
        print_json(outcome)
    else:
        print_table(files, empty="nothing new")
        for sweep in outcome["sweeps"]:
            where = f" to {sweep['dataset']}" if sweep["dataset"] else ""
            typer.echo(f"{sweep['place']}: {sweep['added']:,} series added{where}")
            if inner := subfolders(open_root(sweep["place"])):
                names = printable(", ".join(inner))
                typer.echo(f"{sweep['place']}: takes no files of its subfolders: {names}")
        for line in outcome["amiss"]:
            typer.echo(line)
    if any(file["became"] == "quarantined" for file in files):
        raise typer.Exit(REFUSED)
