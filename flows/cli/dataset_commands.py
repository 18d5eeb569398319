"""Commands that make a dataset: generate (signals, iot) and import; and inspect."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli.command_line import (
    ClassesOption,
    JsonFlag,
    LimitOption,
    NameOption,
    NoiseOption,
    RootOption,
    SeedOption,
    WeightsOption,
    numbers,
    prepare_prefect,
    span_of,
    writable,
)
from flows.cli.printing import show_dataset, show_import, show_overview
from flows.cli.reading_options import reads_files

if TYPE_CHECKING:
    from seqclass.store.formats import ColumnNames
    from seqclass.store.root import Root

SMALL_BYTES = 2**26
"""Size of a file that is read twice, before a server is started and after."""
TestFilesOption = Annotated[
    list[str] | None, typer.Option(help="Files of the official test rows; repeatable.")
]
PolicyOption = Annotated[
    list[str] | None, typer.Option(help="KIND=ACTION where rows break the contract; repeatable.")
]


def generate_signals(
    name: NameOption = "signals",
    preset: Annotated[str, typer.Option(help="author or hard.")] = "author",
    n_series: Annotated[int, typer.Option(help="Series to draw.")] = 5000,
    n_steps: Annotated[int, typer.Option(help="Steps of each series.")] = 100,
    seed: SeedOption = 0,
    classes: ClassesOption = None,
    weights: WeightsOption = None,
    noise: NoiseOption = 1.0,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw common cause, change point and burst series."""
    chosen = {"n_series": n_series, "n_steps": n_steps, "seed": seed, "noise": noise}
    spec = signal_spec(preset, **chosen, **_shares(classes, weights))
    store = writable(root)
    prepare_prefect("generate", "flows.generation", store)
    from flows.generation import generate_signals as flow

    show_dataset(store, flow(name, spec, store.url), as_json)


def generate_iot(
    name: NameOption = "iot",
    n_series: Annotated[int, typer.Option(help="Series to draw.")] = 5000,
    n_steps: Annotated[str, typer.Option(help="Steps of a series: 100, or 60..140.")] = "100",
    n_channels: Annotated[int, typer.Option(help="Sensors of each series.")] = 3,
    seed: SeedOption = 0,
    classes: ClassesOption = None,
    weights: WeightsOption = None,
    noise: NoiseOption = 1.0,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw sensor series: trends, shifts, drift, faults and more, and where they happen."""
    from seqclass.synthesis.iot import IotSpec

    steps, shares = span_of("--n-steps", n_steps), _shares(classes, weights)
    spec = IotSpec(n_series, steps, n_channels, seed, noise=noise, **shares)
    store = writable(root)
    prepare_prefect("generate", "flows.generation", store)
    from flows.generation import generate_iot as flow

    show_dataset(store, flow(name, spec, store.url), as_json)


@reads_files
def import_files(
    *,
    columns: "ColumnNames",
    paths: Annotated[
        list[str], typer.Argument(help="Parquet, CSV, .ts, .tsv, .npz or .npy files.")
    ],
    name: Annotated[str, typer.Option(help="Name of the dataset.")],
    test: TestFilesOption = None,
    append: Annotated[bool, typer.Option("--append", help="Add to the newest version.")] = False,
    policy: PolicyOption = None,
    limit: LimitOption = None,
    new_contract: Annotated[
        bool, typer.Option("--new-contract", help="Don't compare with the newest version.")
    ] = False,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Read your own series into a dataset, or add them to one."""
    from seqclass.screening.policy import policy_of
    from seqclass.store.formats import expand, limits_of
    from seqclass.store.root import check_name

    check_name(name)
    answers, limits = policy_of(policy or []), limits_of(limit or [])
    store = writable(root)
    asked = columns.over(told_before(store, name)) if append else columns
    check_readable(expand(paths, "PATH"), asked, answers, limits)
    check_readable(expand(test or [], "--test"), asked, answers, limits)
    prepare_prefect("import", "flows.ingestion", store)
    from flows.ingestion import import_dataset as flow
    from tasks.data.ingest import ImportSpec

    files = tuple(paths), tuple(test or ())
    spec = ImportSpec(*files, columns, answers, append, new_contract, limits)
    show_import(store, flow(name, spec, store.url), as_json)


def told_before(store: "Root", name: str) -> "ColumnNames":
    """What was said of the files of a dataset's newest version."""
    from seqclass.store.datasets import dataset_versions, open_dataset
    from seqclass.store.formats import ColumnNames, names_of

    there = dataset_versions(store, name)
    return names_of(open_dataset(store, name).manifest) if there else ColumnNames()


def check_readable(paths: list[str], names: "ColumnNames", policy: Any, limits: Any) -> None:
    """Refuse what no reader takes before a server is started: small files whole, of large ones the
    columns, ids and first series."""
    from seqclass.store.formats import read_files

    if any(path.endswith(".npy") for path in paths):
        return  # a pair is read together
    for path in paths:
        for _ in read_files([path], names, None, policy.infinite != "refuse", limits):
            if os.path.getsize(path) > SMALL_BYTES:
                break


@reads_files
def inspect(
    *,
    columns: "ColumnNames",
    paths: Annotated[list[str], typer.Argument(help="Files or folders of series.")],
    limit: LimitOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say how files are understood, and what looks wrong in them; nothing is stored."""
    from seqclass.store.formats import expand, limits_of, read_files
    from seqclass.store.formats.overview import Overview, understood

    files, limits = expand(paths, "PATH"), limits_of(limit or [])
    found, seen = {path: understood(path, columns) for path in files}, Overview()
    for table in read_files(files, replace(columns, unlabelled=True), None, True, limits):
        seen.add(table)
    if not seen.lengths:
        raise ValueError(f"{files[0]}: expected at least one series, got none; check the file")
    show_overview({"files": found, **seen.describe()}, as_json)


def signal_spec(preset: str, **chosen: Any) -> Any:
    from seqclass.synthesis.signals import PRESETS, SignalSpec

    if preset not in PRESETS:
        raise ValueError(
            f"--preset: expected one of {', '.join(PRESETS)}, got {preset!r}; choose one of them"
        )
    return SignalSpec(**{**PRESETS[preset], **chosen})


def _shares(classes: str | None, weights: str | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if classes is not None:
        chosen["classes"] = tuple(part.strip() for part in classes.split(","))
    if weights is not None:
        chosen["weights"] = numbers("--weights", weights)
    return chosen
