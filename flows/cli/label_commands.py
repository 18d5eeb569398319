"""Commands that ask people for labels and take them in: queue, label."""

from typing import Annotated

import typer

from seqclass.flows.cli.command_line import (
    LimitOption,
    ModelArgument,
    can_announce,
    name_damaged,
    prepare_step,
)
from seqclass.flows.cli.option_groups import OutputPlace
from seqclass.flows.cli.printing import command_line, print_result
from seqclass.store.root import Damages


def queue(
    model: ModelArgument,
    out: Annotated[
        str,
        typer.Option(help="File of questions: .csv, to fill in; .json, tasks of Label Studio."),
    ],
    place: OutputPlace,
    limit: Annotated[int, typer.Option(help="Most questions.")] = 100,
    again: Annotated[
        bool, typer.Option("--again", help="Ask again what was asked and has no answer.")
    ] = False,
) -> None:
    """Write the rows that a person should label, least sure first."""
    from seqclass.labelling.label_queue import queue_of
    from seqclass.pipeline.label import ask_people
    from seqclass.store.registry import open_model

    store, bad = place.store(), Damages()
    version = open_model(store, model)
    asked = ask_people(version, out, limit, again, bad)
    name_damaged(bad)
    if asked["questions"]:
        is_csv = out.lower().endswith(".csv")
        where, file = ("it", out) if is_csv else ("Label Studio", "EXPORT.json")
        following = [
            f"label the series in {where}, then go on with the next command",
            f"next: {command_line(store, 'label', version.name, file)}",
        ]
    else:
        waiting = not again and queue_of(version, limit, again=True, bad=Damages()).questions
        more = "; --again asks what has no answer yet" if waiting else ""
        following = [f"{version.name}: nothing to ask{more}"]
    print_result(asked, place.as_json, *following)


def label(
    model: ModelArgument,
    answers: Annotated[
        str,
        typer.Argument(help="The CSV with its labels filled in, or Label Studio's export (.json)."),
    ],
    place: OutputPlace,
    by: Annotated[
        str | None, typer.Option(help="Who gave the labels (default: the file's word, or you).")
    ] = None,
    limit: LimitOption = None,
) -> None:
    """Take labels in: a new version of the model's dataset has them."""
    from seqclass.store.formats import limits_of
    from seqclass.store.registry import open_model

    store, limits = place.store(), limits_of(limit or [])
    version = open_model(store, model)
    from seqclass.labelling.relabelling import LabelsSpec
    from seqclass.pipeline.label import take_labels

    prepare_step(store)
    outcome = take_labels(version, LabelsSpec(answers, by, limits))
    if outcome["changed"] and can_announce(store):
        from seqclass.tasks.events import announce_arrival

        announce_arrival(store, outcome["dataset"], outcome["changed"])
    print_result(outcome, place.as_json)
