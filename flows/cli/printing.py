"""Output of tables for people, and of JSON."""

import json
import shlex
import sys
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seqclass.store.root import Root, open_root


def new_table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(Text(first), no_wrap=True)
    for heading in others:
        table.add_column(Text(heading), overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print a table as wide as the terminal, or wide enough for a file or a pipe.

    Where no cell needs to be folded, lines are put together here: Rich takes a second for 5,000.
    """
    console = Console(width=None if sys.stdout.isatty() else 200)
    columns = [[str(cell) for cell in (column.header, *column.cells)] for column in table.columns]
    widths = [max(map(cell_len, column)) for column in columns]
    is_plain = all(cell.isprintable() for column in columns for cell in column)
    if not is_plain or sum(widths) + 2 * len(widths) > console.width:
        console.print(table)
        return
    padded = [[cell + " " * (width - cell_len(cell)) for cell in column]
              for column, width in zip(columns, widths, strict=True)]  # fmt: skip
    styles = [table.header_style, *(row.style or "" for row in table.rows)]
    lines = zip(styles, map("  ".join, zip(*padded, strict=True)), strict=True)
    for style, alike in groupby(lines, key=itemgetter(0)):
        console.print(Text("\n".join(line for _, line in alike), style), soft_wrap=True)


def add_row(table: Table, *cells: str, style: str = "") -> None:
    """Add a row of plain text: names that users chose may look like markup."""
    table.add_row(*(Text(cell) for cell in cells), style=style)


def print_rows(table: Table, rows: list[Any], empty: str) -> None:
    print_table(table) if rows else typer.echo(empty)


def span(n_steps: list[int]) -> str:
    low, high = n_steps
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def command_line(store: Root, *words: str) -> str:
    """Return a command on this root as a shell takes it, to be printed as the next step."""
    elsewhere = () if open_root().url == store.url else ("--root", store.url)
    return shlex.join(["seqclass", *words, *elsewhere])


def print_json(content: Mapping[str, Any]) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False))
