"""Commands that use and keep a registered model: score, retrain, promote, rollback, simulate."""

from typing import Annotated

import typer

from flows.command_line import JsonFlag, RootOption, prepare_prefect, writable
from flows.model_printing import show_scores

ModelArgument = Annotated[str, typer.Argument(help="A model: NAME (its champion) or NAME@vN.")]


def score(
    model: ModelArgument,
    data: Annotated[
        str, typer.Argument(metavar="DATASET|PATH", help="A dataset, or a Parquet file of series.")
    ],
    out: Annotated[
        str | None, typer.Option(help="Parquet file to write the answers to, too.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Parquet or CSV file of series_id and label, where they came later."),
    ] = None,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Answer every series of a dataset or file, once per model version."""
    from storage.registry import open_model
    from tasks.partitions import partitions_of, read_labels

    store = writable(root)
    ref = open_model(store, model).ref
    partitions_of(store, data)
    if labels is not None:
        read_labels(labels)
    if out is not None and not out.lower().endswith(".parquet"):
        raise ValueError(f"--out: expected a name ending in .parquet, got {out!r}; rename it")
    prepare_prefect("score")
    from flows.scoring import score_dataset as flow

    show_scores(flow(ref, data, out, labels, store.url), as_json)
