"""Command ``seqclass score``, which answers by itself, or lets a cluster answer."""

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.command_line import (
    LimitOption,
    ModelArgument,
    prepare_prefect,
    prepare_step,
)
from seqclass.flows.cli.option_groups import ReadingOptions, SpreadPlace
from seqclass.flows.cli.printing import print_result
from seqclass.store.root import Root
from seqclass.tasks.compute.runner import is_spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqclass.inference.assessment import Assessed
    from seqclass.inference.score_data import Job, ScoringSpec


@dataclass(frozen=True)
class ScoringOptions:
    """Options for the answers, and for reading the series."""

    out: Annotated[
        str | None,
        typer.Option(help="File for the answers: .parquet, .csv or .jsonl; - prints CSV."),
    ] = None
    labels: Annotated[
        str | None,
        typer.Option(help="Labels that came later: CSV, Parquet or Label Studio's export."),
    ] = None
    limit: LimitOption = None


def score(
    model: ModelArgument,
    data: Annotated[
        str,
        typer.Argument(metavar="DATASET|PATH", help="A dataset, or a file or folder of series."),
    ],
    options: ScoringOptions,
    reading: ReadingOptions,
    place: SpreadPlace,
) -> None:
    """Answer every series of a dataset or file.

    A model version answers a file once; the same file again costs nothing.
    """
    from seqclass.inference.partitions import labels_in_file
    from seqclass.store.formats import limits_of
    from seqclass.store.registry import open_model

    limits, columns, out = limits_of(options.limit or []), reading.names(), options.out
    store = place.store()
    version = open_model(store, model)
    if options.labels is not None:
        labels_in_file(options.labels, limits)
    _check_out(store, out, place.as_json)
    from seqclass.inference.score_data import ScoringSpec

    spec = ScoringSpec(None if out == "-" else out, options.labels, columns, limits)
    outcome = (_on_cluster if is_spread() else _here)(store, version.ref, data, spec)
    if out == "-":
        _print_answers(store, outcome["tables"])
    else:
        show_scores(store, outcome, options.labels, place.as_json)


def _on_cluster(store: Root, ref: str, data: str, spec: "ScoringSpec") -> "Assessed":
    """Answer in a flow, whose task runs go to the cluster, once the files are checked."""
    from seqclass.inference.partitions import partitions_of

    partitions_of(store, data, spec.limits)
    prepare_prefect("score", "seqclass.flows.scoring", store)
    from seqclass.flows.scoring import score_dataset as flow

    return flow(ref, data, spec, store.url)


def _here(store: Root, ref: str, data: str, spec: "ScoringSpec") -> "Assessed":
    from seqclass.pipeline.score import score as step
    from seqclass.runtime import set_environment

    prepare_step(store)
    set_environment()
    return step(store, ref, data, spec, _run)


def _check_out(store: Root, out: str | None, as_json: bool) -> None:
    if out == "-" and as_json:
        raise ValueError("--out: expected a file beside --json, got -; leave one of them out")
    if out is not None and out != "-":
        from seqclass.inference.answer_files import check_out

        check_out(store, out)


def _print_answers(store: Root, tables: list[str]) -> None:
    from seqclass.inference.answer_files import write_answers

    sys.stdout.flush()
    write_answers(store, tables, sys.stdout.buffer, ".csv")
    sys.stdout.buffer.flush()


def _run(jobs: "Sequence[Job]") -> list[Any]:
    """Run one job in this process, and several in workers, which load TensorFlow each."""
    if len(jobs) == 1:
        from seqclass.inference.score_data import in_this_process

        return in_this_process(jobs)
    from seqclass.workers import workers

    return workers().run(jobs)


def show_scores(store: Root, assessed: "Assessed", labels: str | None, as_json: bool) -> None:
    tables = [store.address(table) for table in assessed["tables"]]
    record = {**assessed, "tables": tables, "out": store.address(assessed["out"])}
    estimate = {} if assessed["metrics"] else {"estimate": assessed["estimate"]}
    people = {
        "model": record["model"],
        "rows": record["rows"],
        "answered before": (assessed["rows"] - assessed["scored"]) or None,
        "unknown": record["unknown"],
        "labels": assessed["labels"]["rows"],
        "metrics": record["metrics"],
        "out": record["out"],
        **estimate,
    }
    print_result(record, as_json, people=people)
    if as_json:
        return
    if labels is not None and not assessed["labels"]["rows"]:
        typer.echo(
            f"0 of {assessed['rows']:,} series have a label in {labels}; compare the ids of the two"
        )
    if others := assessed["labels"]["of_other_classes"]:
        typer.echo(f"labels of classes that the model does not know: {others:,}, left out")
    if assessed["metrics"] and (trained := assessed["metrics"].get("trained")):
        typer.echo(f"{trained:,} labelled rows trained the model, by their ids: this flatters it")
