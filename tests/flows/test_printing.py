"""Tables in a terminal, a file or a pipe."""

import random

import pytest
from rich.console import Console

from seqclass.flows.cli.printing import add_row, new_table, print_table

WORDS = ("", "a", "日本語", "x" * 30, "[bold]", "0.99", "ä é", "🙂 smile", "two\nlines", "a\ttab",
         "y" * 90)  # fmt: skip


def test_a_table_has_the_lines_that_rich_gives_it(capsys: pytest.CaptureFixture[str]) -> None:
    draw = random.Random(0)
    for _ in range(20):
        n_columns = draw.randint(1, 6)
        table = new_table("name", *(draw.choice(WORDS) for _ in range(n_columns - 1)))
        for _ in range(draw.randint(0, 6)):
            style = draw.choice(["", "bold"])
            add_row(table, *(draw.choice(WORDS) for _ in range(n_columns)), style=style)
        print_table(table)
        printed = capsys.readouterr().out
        Console(width=200).print(table)
        assert printed == capsys.readouterr().out
