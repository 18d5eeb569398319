"""The command ``export``: a version in a folder that works without this project."""

from dataclasses import asdict
from typing import Annotated

import typer

from flows.cli.command_line import JsonFlag, ModelArgument, RootOption, existing
from flows.cli.printing import print_json


def export(
    model: ModelArgument,
    to: Annotated[str, typer.Option("--to", help="onnx, mlflow or savedmodel.")],
    out: Annotated[str, typer.Option(help="The new folder.")],
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write a model to a folder that works without this project.

    The folder appears once its answers are those that are stored with the version.
    """
    from seqclass.export.exporting import check_export, export_model
    from seqclass.store.registry import open_model

    store = existing(root)
    version, kind = open_model(store, model), check_export(store, to, out)
    made = export_model(store, version, kind, out)
    if as_json:
        print_json(asdict(made))
        return
    near = made.agreement
    typer.echo(f"{made.model}: {made.folder}, {made.bytes / 1e6:.1f} MB")
    typer.echo(f"{near.series} series answered alike, probabilities at most {near.gap:.2g} apart")
    if near.unsettled:
        typer.echo(
            f"not counted: {near.unsettled} series whose answers hang on rounding, at most "
            f"{near.unsettled_gap:.2g} apart"
        )
