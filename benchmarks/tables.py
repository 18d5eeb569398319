"""Tables of results, and the page of the docs that shows some of them."""

import re
from pathlib import Path
from typing import Any

from rich.table import Table

PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"


def as_table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title, box=None, title_justify="left", header_style="dim")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_cell(row.get(column)) for column in columns))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list):
        return " .. ".join(_cell(item) for item in value)
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """The same table in Markdown."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, *([_cell(row.get(column)) for column in columns] for row in rows)]
    head, *body = [f"| {' | '.join(line)} |" for line in lines]
    return "\n".join([head, "|---" * len(columns) + "|", *body])


def write_section(title: str, text: str) -> None:
    """Put a text below the heading ``## title`` of the page, in place of what is there."""
    heading = rf"^(## {re.escape(title)}\n)"
    before, line, rest = re.split(heading, PAGE.read_text(), flags=re.MULTILINE)
    _, mark, after = rest.partition("\n## ")
    PAGE.write_text(f"{before}{line}\n{text}\n{mark}{after}")
