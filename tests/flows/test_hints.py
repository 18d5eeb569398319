"""Messages name commands and options that are there."""

import re
from typing import Any

from typer.main import get_command

from seqclass.flows.__main__ import app
from tests.support.places import REPOSITORY

NAMED = re.compile(r"'seqclass ([a-z-]+)([^'\n]*)")


def test_messages_name_commands_and_options_that_are_there() -> None:
    commands: Any = get_command(app).commands  # type: ignore[attr-defined]
    sources = [path for folder in ("flows", "tasks", "seqclass")
               for path in (REPOSITORY / folder).rglob("*.py")]  # fmt: skip
    named = {
        (command, option)
        for path in sources
        for command, rest in NAMED.findall(path.read_text())
        for option in ["", *re.findall(r"--[a-z-]+", rest)]
    }
    options = {
        command: {"", *(name for parameter in commands[command].params
                        for name in (*parameter.opts, *parameter.secondary_opts))}
        for command in commands
    }  # fmt: skip
    assert [pair for pair in named if pair[1] not in options.get(pair[0], ())] == []
    assert len(named) > 10
