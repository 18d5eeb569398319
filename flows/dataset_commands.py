"""Commands that make a dataset: generate (signals, iot) and import."""

from typing import Annotated, Any

import typer

from flows.command_line import (
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
from flows.printing import show_dataset, show_import

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
    from tasks.synthesis.iot import IotSpec

    steps, shares = span_of("--n-steps", n_steps), _shares(classes, weights)
    spec = IotSpec(n_series, steps, n_channels, seed, noise=noise, **shares)
    store = writable(root)
    prepare_prefect("generate", "flows.generation", store)
    from flows.generation import generate_iot as flow

    show_dataset(store, flow(name, spec, store.url), as_json)


def import_files(
    paths: Annotated[
        list[str], typer.Argument(help="Parquet, CSV, .ts, .tsv, .npz or .npy files.")
    ],
    name: Annotated[str, typer.Option(help="Name of the dataset.")],
    test: TestFilesOption = None,
    series_id_column: Annotated[str, typer.Option(help="Column of the series' id.")] = "series_id",
    label_column: Annotated[str, typer.Option(help="Column of the label.")] = "label",
    step_column: Annotated[
        str | None, typer.Option(help="Column of the step, in long form (default: step).")
    ] = None,
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
    from storage.formats import ColumnNames, expand, limits_of
    from storage.root import check_name
    from tasks.monitoring.policy import policy_of

    check_name(name)
    answers, limits = policy_of(policy or []), limits_of(limit or [])
    expand(paths, "PATH")
    expand(test or [], "--test")
    store = writable(root)
    prepare_prefect("import", "flows.ingestion", store)
    from flows.ingestion import import_dataset as flow
    from tasks.ingest import ImportSpec

    columns = ColumnNames(series_id_column, label_column, step_column)
    files = tuple(paths), tuple(test or ())
    spec = ImportSpec(*files, columns, answers, append, new_contract, limits)
    show_import(store, flow(name, spec, store.url), as_json)


def signal_spec(preset: str, **chosen: Any) -> Any:
    from tasks.synthesis.signals import PRESETS, SignalSpec

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
