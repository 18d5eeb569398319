"""Tables of results."""

from typing import Any

from rich.table import Table


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
    lines = [columns, ["---"] * len(columns), *([_cell(r.get(c)) for c in columns] for r in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
