"""Command ``seqclass vote``, and its output."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.command_line import DatasetArgument, ModelArgument, prepare_prefect
from seqclass.flows.cli.option_groups import Place
from seqclass.flows.cli.printing import add_row, new_table, print_json, print_table
from seqclass.flows.cli.spec_files import read_spec_file
from seqclass.plugins import parts

if TYPE_CHECKING:
    from seqclass.evaluation.votes import Accuracy, Lead, VotingSpec
    from seqclass.store.models import Model
    from seqclass.stored_records import Poll

Sets = dict[str, tuple[str, ...]]
Window = typer.Option(help="Steps of a window (default: the model's longest series).")
Hop = typer.Option(help="Steps between windows (default: a quarter window).")
Agreement = typer.Option(help="Share of the votes that an answer needs, else unknown.")
SetsOption = typer.Option(
    help="Classes to score apart: a JSON file of named lists, or: allied (ragas)."
)


@dataclass(frozen=True)
class VotingOptions:
    """Options for cutting pieces into windows, and for classes that are scored separately."""

    window: Annotated[int | None, Window] = None
    hop: Annotated[int | None, Hop] = None
    agreement: Annotated[float, Agreement] = 0.6
    sets: Annotated[str | None, SetsOption] = None


def vote(
    model: ModelArgument,
    dataset: DatasetArgument,
    options: VotingOptions,
    place: Place,
) -> None:
    """Answer whole pieces by the votes of their windows.

    Two baselines answer the same pieces.
    """
    from seqclass.store.datasets import open_dataset
    from seqclass.store.registry import open_model

    store, of_plugins = place.store(), class_sets()
    named = read_sets(options.sets) if options.sets and options.sets not in of_plugins else {}
    version = open_model(store, model)
    if options.sets in of_plugins:
        named = of_plugins[options.sets](version.manifest["classes"])
    ref = open_dataset(store, dataset).ref
    _check_sets(named, version.manifest["classes"])
    voting = _voting_spec(version, options)
    prepare_prefect("vote", "seqclass.flows.voting", store)
    from seqclass.flows.voting import vote as flow
    from seqclass.pipeline.vote import PollSpec

    path = flow(version.ref, ref, PollSpec(voting, named), store.url)["votes"]
    poll = json.loads(store.fs.cat_file(path))
    if place.as_json:
        print_json({**poll, "out": path})
        return

    show_votes(poll, path)


def _voting_spec(model: "Model", options: VotingOptions) -> "VotingSpec":
    from seqclass.evaluation.votes import VotingSpec
    from seqclass.store.datasets import open_dataset

    longest = open_dataset(model.root, model.manifest["dataset"]).manifest["n_steps"][1]
    width = max(longest, 2) if options.window is None else options.window
    step = max(width // 4, 1) if options.hop is None else options.hop
    return VotingSpec(width, step, options.agreement)


def class_sets() -> dict[str, Callable[[list[str]], Sets]]:
    """Return by name what gives the sets of a model's classes that are easily confused."""
    return {name: sets for named in parts("class_sets") for name, sets in named.items()}


def read_sets(path: str) -> Sets:
    """Read named lists of classes from a JSON file."""
    content = read_spec_file("--sets", path)
    if not isinstance(content, dict) or not all(_is_list_of_names(v) for v in content.values()):
        raise ValueError(
            f'--sets {path}: expected an object like {{"low": ["a", "b"]}} with at least two '
            f"classes in each list, got {str(content)[:60]!r}; correct it"
        )
    return {name: tuple(members) for name, members in content.items()}


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(n, str) for n in value)


def _check_sets(sets: Sets, classes: list[str]) -> None:
    for name, members in sets.items():
        if strange := [member for member in members if member not in classes]:
            raise ValueError(
                f"--sets: expected classes of the model ({', '.join(classes)}), got {strange[0]!r} "
                f"in {name!r}; correct the file"
            )


def show_votes(poll: "Poll", path: str) -> None:
    typer.echo(f"{poll['kind']}: {poll['model']}, trained on {poll['trained_on']}")
    if poll["trained_rows"]:
        typer.echo(f"{poll['trained_rows']} series that the model was trained on are left out")
    print_answers(poll)
    print_accuracies(poll)
    print_sets(poll)
    for way, row in poll["tonics"].items():
        accuracy, interval = cells(row)
        typer.echo(f"tonic {way}: {accuracy} of {row['rows']} recordings {interval}")
    if poll["of_other_classes"]:
        names = ", ".join(poll["of_other_classes"])
        typer.echo(f"of classes that the model does not know, so not scored: {names}")
    for who, lead in poll["leads"].items():
        typer.echo(lead_line(who, lead))
    typer.echo(f"all answers: {path}")


def spaced(name: str) -> str:
    """Return the name of a baseline as text."""
    return name.replace("_", " ")


def lead_line(who: str, lead: "Lead") -> str:
    low, high = lead["interval"]
    ahead = f"windows: {lead['lead']:+.4f} against the {spaced(who)}"
    return f"{ahead}, 95% interval over pieces {low:+.4f} to {high:+.4f}"


def print_answers(poll: "Poll") -> None:
    baselines = [who for who in poll["who"] if who != "this model"]
    table = new_table("piece", "label", "windows", "answer", "agreement", *map(spaced, baselines))
    for row in poll["answers"]:
        add_row(table,
            row["piece"], row["label"] or "", str(row["windows"]), row["answer"],
            f"{row['agreement']:.2f}", *(row[who] for who in baselines),
            style="bold" if row["answer"] == row["label"] else "",
        )  # fmt: skip
    print_table(table)


def print_accuracies(poll: "Poll") -> None:
    table = new_table(f"{poll['kind']}, accuracy of", "windows", "over pieces", "pieces", "",
                      "unknown", "of the answered")  # fmt: skip
    for who, row in poll["who"].items():
        pieces = row["pieces"]
        add_row(table, spaced(who), *cells(row["windows"]), *cells(pieces), str(pieces["unknown"]),
                cells(pieces["answered"])[0])  # fmt: skip
    print_table(table)


def print_sets(poll: "Poll") -> None:
    names = list(next(iter(poll["who"].values()))["sets"])
    if not names:
        return
    table = new_table("windows within a set", "rows", "chance", *map(spaced, poll["who"]))
    for name in names:
        rows = [row["sets"][name] for row in poll["who"].values()]
        add_row(table, name, f"{rows[0]['rows']:,}", f"{rows[0]['chance']:.2f}",
                *(" ".join(cells(row)) for row in rows))  # fmt: skip
    print_table(table)


def cells(score: "Accuracy") -> tuple[str, str]:
    """Return the cells of an accuracy and its interval."""
    if score["interval"] is None:
        return "-", ""
    low, high = score["interval"]
    return f"{score['accuracy']:.4f}", f"{low:.3f}..{high:.3f}"
