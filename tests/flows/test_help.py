"""``seqclass --help``: each command stands in a group, and its help is one line."""

import re

from typer.main import get_command
from typer.testing import CliRunner

from seqclass.flows.__main__ import GROUPS, app

COLUMNS = "80"


def test_every_command_stands_in_a_group_with_one_line() -> None:
    page = CliRunner().invoke(app, ["--help"], env={"COLUMNS": COLUMNS}).output
    rows = re.findall(r"^│ (\S*) +(?!<bool>)\S.*│$", page, re.MULTILINE)
    listed = [row for row in rows if not row.startswith("--")]
    assert sorted(listed) == sorted(get_command(app).commands)  # type: ignore[attr-defined]
    titles = re.findall(r"^╭─ (\w+) ─+╮$", page, re.MULTILINE)
    assert titles == ["Options", *GROUPS]
