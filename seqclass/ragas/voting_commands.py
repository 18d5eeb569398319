"""Command ``seqclass vote``, and its output."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqclass.flows.cli.command_line import DatasetArgument, ModelArgument, prepare_step
from seqclass.flows.cli.option_groups import OutputPlace
from seqclass.flows.cli.printing import print_json, print_record, print_table
from seqclass.flows.cli.spec_files import read_spec_file

if TYPE_CHECKING:
    from seqclass.evaluation.intervals import Accuracy
    from seqclass.ragas.votes import Poll, Sets


@dataclass(frozen=True)
class VotingOptions:
    """Options for cutting pieces into windows, and for classes that are scored separately."""

    window: Annotated[
        int | None, typer.Option(help="Steps of a window (default: the model's longest series).")
    ] = None
    hop: Annotated[
        int | None, typer.Option(help="Steps between windows (default: a quarter window).")
    ] = None
    agreement: Annotated[
        float, typer.Option(help="Share of the votes that an answer needs, else unknown.")
    ] = 0.6
    sets: Annotated[
        str | None,
        typer.Option(help="Classes to score apart: a JSON file of named lists, or: allied."),
    ] = None


def vote(
    model: ModelArgument, dataset: DatasetArgument, options: VotingOptions, place: OutputPlace
) -> None:
    """Answer whole pieces by the votes of their windows.

    Two baselines answer the same pieces.
    """
    from seqclass.ragas.votes import VotingSpec, hold_vote
    from seqclass.runtime import set_environment
    from seqclass.store.datasets import open_dataset
    from seqclass.store.registry import open_model

    store = place.store()
    version, ref = open_model(store, model), open_dataset(store, dataset).ref
    sets = sets_of(options.sets, version.manifest["classes"])
    longest = open_dataset(store, version.manifest["dataset"]).manifest["n_steps"][1]
    width = max(longest, 2) if options.window is None else options.window
    hop = max(width // 4, 1) if options.hop is None else options.hop
    voting = VotingSpec(width, hop, options.agreement)
    prepare_step(store)
    set_environment()
    poll, path = hold_vote(store, version.ref, ref, voting, sets)
    if place.as_json:
        print_json({**poll, "out": path})
    else:
        show_votes(poll, path)


def sets_of(text: str | None, classes: list[str]) -> "Sets":
    """Return the sets of classes to score apart: none, the allied ragas, or those of a file."""
    if text is None:
        return {}
    if text == "allied":
        from seqclass.ragas.raga_table import allied_sets

        return allied_sets(classes)
    content = read_spec_file("--sets", text)
    if not isinstance(content, dict) or not all(map(_is_list_of_names, content.values())):
        raise ValueError(
            f'--sets {text}: expected an object like {{"low": ["a", "b"]}} with at least two '
            f"classes in each list, got {str(content)[:60]!r}; correct it"
        )
    for name, members in content.items():
        if strange := [member for member in members if member not in classes]:
            raise ValueError(
                f"--sets: expected classes of the model ({', '.join(classes)}), got {strange[0]!r} "
                f"in {name!r}; correct the file"
            )
    return {name: tuple(members) for name, members in content.items()}


def _is_list_of_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(n, str) for n in value)


def show_votes(poll: "Poll", path: str) -> None:
    """Print each piece's answer, and the accuracies; the file at ``path`` has the rest."""
    others = [who for who in poll["who"] if who != "this model"]
    fields = ("piece", "label", "windows", "answer", "agreement", *others)
    print_table([{field: row[field] for field in fields} for row in poll["answers"]])
    print_table([
        {f"{poll['kind']}, accuracy of": who, **_cells("windows", row["windows"]),
         **_cells("pieces", row["pieces"]), "unknown": row["pieces"]["unknown"],
         **{name: _cells("", of_set)[""] for name, of_set in row["sets"].items()}}
        for who, row in poll["who"].items()
    ])  # fmt: skip
    print_record({**poll, "who": None, "answers": None, "all answers": path})


def _cells(name: str, score: "Accuracy") -> dict[str, Any]:
    accuracy = None if score["interval"] is None else score["accuracy"]
    return {name: accuracy, f"{name} 95%": score["interval"]}
