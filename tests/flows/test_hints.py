"""Every command that a message of this program names can be called as it is written."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from flows.__main__ import app
from tests.support.commands import Command, csv
from tests.support.hints import commands_in, next_step
from tests.support.places import REPOSITORY

UNSAID = "SAID"
"""The word in the place of a value that a message is filled with."""


def messages() -> Iterator[str]:
    """The texts of the sources, those of f-strings with a word for each value."""
    files = (
        path for own in ("flows", "tasks", "seqclass") for path in (REPOSITORY / own).rglob("*.py")
    )
    for path in files:
        nodes = [*ast.walk(ast.parse(path.read_text()))]
        filled = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
        parts = {id(part) for values in filled for part in values}
        yield from ("".join(map(text_of, values)) for values in filled)
        yield from (text_of(node) for node in nodes if id(node) not in parts)


def text_of(node: ast.AST) -> str:
    """The text of a constant; a word for a value, and nothing for other code."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return UNSAID if isinstance(node, ast.FormattedValue) else ""


NAMED = sorted({tuple(words) for text in messages() for words in commands_in(text)})


@pytest.mark.parametrize("words", NAMED, ids=" ".join)
def test_a_named_command_has_what_it_needs(words: tuple[str, ...]) -> None:
    command: Any = get_command(app)
    rest = list(words)
    while rest and hasattr(command, "commands") and rest[0] != UNSAID:
        command = command.commands[rest.pop(0)]
    if not hasattr(command, "commands"):
        command.make_context("seqclass", rest)


def test_only_one_function_writes_the_next_step_so_each_names_the_root() -> None:
    steps = [text for text in messages() if text.startswith("next:")]
    assert {" ".join(step.split()) for step in steps} == {f"next: {UNSAID}"}


def test_the_next_step_of_an_import_works_as_it_is_printed(
    prefect: str, seqclass: Command, tmp_path: Path
) -> None:
    root, three = tmp_path / "a root", csv(tmp_path, lambda text: "\n".join(text.split()[:13]))
    code, out, err = seqclass("import", three, "--name", "mine", "--root", root)
    assert code == 0, err
    code, _, err = seqclass(*next_step(out))
    assert (code, "expected at least 3 series of every class" in err) == (2, True), err


def test_many_are_named() -> None:
    assert len(NAMED) > 15
