"""Output of results: a record as one JSON object, or as lines and tables for people."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any

import typer
from rich.cells import cell_len

from seqclass.store.root import Root, open_root, printable

Row = Mapping[str, Any]
LONGEST_CELL = 2000
SENTENCE = re.compile(r"(\S+ ){3}")
MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)\S*")
HEADINGS = {"n_series": "series", "n_steps": "steps", "amiss": "look", "macro_f1": "macro F1",
            "log_loss": "log-loss", "macro_precision": "precision",
            "macro_recall": "recall"}  # fmt: skip
"""Headings of fields that are not their names."""


def print_result(record: Row, as_json: bool, *next_lines: str, people: Row | None = None) -> None:
    """Print a record as JSON, or for people, followed by lines that say what comes next.

    people: the fields that people see, if they are not those of the record.
    """
    if as_json:
        print_json(record)
        return
    print_record(record if people is None else people)
    for line in next_lines:
        typer.echo(line)


def print_json(content: Row) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False))


def print_record(record: Row) -> None:
    """Print a line for each field that is not empty, then its tables, then its sentences."""
    tables, sentences = list[tuple[str, list[Row]]](), list[str]()
    lines = list[tuple[str, str]]()
    for name, value in _fields(record):
        if rows := _rows(value):
            tables.append((name, rows))
        elif isinstance(value, list | tuple) and any(map(_is_sentence, value)):
            sentences += [f"{name}: {text_of(item)}" for item in value]
        else:
            lines.append((name, text_of(value)))
    _print_aligned(lines)
    for name, rows in tables:
        print_table(rows, name)
    for sentence in sentences:
        typer.echo(sentence)


def print_table(rows: Sequence[Row], name: str = "", empty: str | None = None) -> None:
    """Print a line for each record and a column for each of their fields.

    name: heading of the first column, instead of the field's. empty: printed if there is no row.
    """
    if not rows:
        typer.echo(empty) if empty else None
        return
    fields = list(dict.fromkeys(field for row in rows for field in row))
    headings = [name or heading(fields[0]), *map(heading, fields[1:])]
    _print_aligned([headings, *([text_of(row.get(field)) for field in fields] for row in rows)])


def _print_aligned(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(map(cell_len, column)) for column in zip_longest(*lines, fillvalue="")]
    for cells in lines:
        padded = (
            cell + " " * (width - cell_len(cell))
            for cell, width in zip(cells, widths, strict=False)
        )
        typer.echo("  ".join(padded).rstrip())


def _fields(record: Row, within: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the fields that are not empty, and those of inner records, by their headings."""
    for key, value in record.items():
        name = within + (printable(str(key)) if within else heading(key))
        if isinstance(value, Mapping) and not _rows(value):
            yield from _fields(value, f"{name} ")
        elif value is not None and value != [] and value != () and value != "":
            yield name, value


def _rows(value: Any) -> list[Row]:
    """Return the records of a list, or of a mapping by their names; none if it is another value."""
    if isinstance(value, Mapping) and all(isinstance(item, Mapping) for item in value.values()):
        return [{"": name, **item} for name, item in value.items()]
    if isinstance(value, list | tuple) and all(isinstance(item, Mapping) for item in value):
        return list(value)
    return []


def _is_sentence(value: Any) -> bool:
    return isinstance(value, str) and bool(SENTENCE.match(value))


def text_of(value: Any) -> str:
    """Return a value in one line as people read it; two numbers are the ends of a span."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:.4f}" if abs(value) <= 1 else f"{value:,.4g}"
        case Mapping():
            return ", ".join(f"{text_of(name)} {text_of(item)}" for name, item in value.items())
        case [int() | float() as low, int() | float() as high]:
            return text_of(low) if low == high else f"{text_of(low)} to {text_of(high)}"
        case list() | tuple():
            return ", ".join(map(text_of, value))
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
    return printable(MOMENT.sub(r"\1 \2", str(value)), LONGEST_CELL)


def heading(field: str) -> str:
    return printable(HEADINGS.get(field, field.replace("_", " ")), LONGEST_CELL)


def command_line(store: Root, *words: str) -> str:
    """Return a command on this root as a shell takes it, to be printed as the next step."""
    elsewhere = () if open_root().url == store.url else ("--root", store.url)
    return shlex.join(["seqclass", *words, *elsewhere])
