"""Options that belong together: Typer sees each, a command gets them as one record."""

import inspect
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from seqclass.flows.__main__ import app
from seqclass.flows.cli.option_groups import OutputPlace, flat


@dataclass(frozen=True)
class Colours:
    """Two options, one of them needed."""

    front: Annotated[str, typer.Option(help="In front.")]
    back: Annotated[str, typer.Option("--behind", help="Behind.")] = "white"


def command(
    name: Annotated[str, typer.Argument(help="What.")], colours: Colours, twice: bool = False
) -> None:
    """Paint."""
    typer.echo(f"{name} {colours.front} on {colours.back}" * (1 + twice))


def painted(*words: str) -> Any:
    program = typer.Typer()
    program.command()(flat(command))
    return CliRunner().invoke(program, [*words])


def test_fields_are_options_where_the_record_stands() -> None:
    assert list(inspect.signature(flat(command)).parameters) == ["name", "front", "back", "twice"]
    assert flat(command).__doc__ == "Paint."


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (("door", "--front", "red"), "door red on white"),
        (("--behind", "blue", "--front", "red", "door"), "door red on blue"),
        (("door", "--front", "red", "--twice"), "door red on whitedoor red on white"),
    ],
)
def test_a_command_gets_what_was_said_as_one_record(words: tuple[str, ...], output: str) -> None:
    result = painted(*words)
    assert (result.exit_code, result.output) == (0, output + "\n")


def test_every_command_takes_a_root_and_answers_in_json() -> None:
    fields = set(OutputPlace.__dataclass_fields__)
    without = [
        info.callback.__name__
        for info in app.registered_commands
        if info.callback and not fields <= set(inspect.signature(info.callback).parameters)
    ]
    assert without == ["inspect", "metrics"], "one needs no root, one has a form of its own"
