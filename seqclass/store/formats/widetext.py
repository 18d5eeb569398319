"""Reader of tables with a row per series and a column per step."""

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from seqclass.store.formats.arrays import unpadded_lengths
from seqclass.store.formats.cells import content_of_texts
from seqclass.store.formats.columns import float_column
from seqclass.store.formats.order import readings_of, with_times
from seqclass.store.formats.questions import ask_all, wide_questions
from seqclass.store.formats.table import (
    Reading,
    cast,
    option,
    refusal,
    refuse_twins,
    renamed,
)
from seqclass.store.rows import KNOWN_COLUMNS, OPTIONAL_COLUMNS, from_dense

LAST = re.compile(r"(.*?)[_.\- ]?(\d+)")
FIRST = re.compile(r"(\D*?)(\d+)[_.\- ]?([^\d_.\- ]\D*)")
"""Names of steps: the channel and then the number, or the reverse."""
STEMS = ("", "t", "T", "t_", "step", "step_")
"""Prefixes of a step's number that name no channel."""


def wide_tables(
    path: str, tables: Iterable[pa.Table], reading: Reading, first_row: int
) -> Iterator[pa.Table]:
    """Yield rows of a dataset from such a table; gaps at the end of a series are padding."""
    names, row = reading.names, first_row
    for table in tables:
        if row == first_row:
            ask_all(path, wide_questions(table, names, first_row))
        if names.series_id is None and "series_id" not in table.column_names:
            ids = [
                f"{reading.split or 'series'}-{next(reading.serial):06d}" for _ in range(len(table))
            ]
            table = table.append_column("series_id", pa.array(ids))
        rows = np.arange(row, row + len(table))
        table = with_times(path, renamed(path, table, names), names, rows)
        for name in ("series_id", "label"):
            refuse_twins(path, name, set(table[name].to_pylist()))
        steps = step_columns(path, table.column_names)
        reading.limits.check(path, "steps", max(map(len, steps.values())))
        yield _rows(path, table, steps, reading, rows)
        row += len(table)


def _rows(
    path: str, table: pa.Table, steps: dict[str, list[str]], reading: Reading, rows: np.ndarray
) -> pa.Table:
    values = np.stack(
        [
            np.stack(
                [float_column(path, table[c], c, rows, reading.infinite_cure) for c in step_names],
                1,
            )
            for step_names in steps.values()
        ],
        axis=2,
    )
    lengths = np.maximum(unpadded_lengths(values), 1)
    kept = [
        name for name in ("series_id", "label", *OPTIONAL_COLUMNS) if name in table.column_names
    ]
    columns: dict[str, pa.Array] = {name: table[name] for name in kept}
    columns["n_steps"] = lengths.astype(np.int32)
    for k, channel in enumerate(steps):
        columns[channel] = from_dense(np.ascontiguousarray(values[:, :, k]), lengths)
    return cast(path, pa.table(columns))


def step_columns(path: str, columns: list[str]) -> dict[str, list[str]]:
    """Return the columns of every channel, in the order of its steps.

    ``x_0, x_1, …, y_0, y_1, …`` are two channels, as are ``0_x, 0_y, 1_x, 1_y, …``. Columns whose
    names are numbers or times, or have no number, are all steps of one channel.
    """
    steps = [n for n in columns if n not in {*KNOWN_COLUMNS, "step"}]
    if not steps:
        raise refusal(path, "a column of numbers per step", ", ".join(columns), "add the steps")
    places = {name: _place(name) for name in steps}
    if _are_moments(path, steps) or not any(re.search(r"\d", name) for name in steps):
        return {"value": steps}
    if odd := [name for name, place in places.items() if place is None]:
        raise refusal(
            path, "one number in the name of every step's column", ", ".join(map(repr, odd)),
            f"leave out what is no step with {option('--ignore', *odd)}, or say "
            f"what it is, such as --label-column NAME, or name the steps x_0, x_1, …",
        )  # fmt: skip
    groups: dict[str, list[tuple[int, str]]] = {}
    for name, place in places.items():
        if place is not None:
            groups.setdefault(place[0], []).append((place[1], name))
    _check_order(path, groups)
    only = len(groups) == 1
    return {
        ("value" if only or not stem else stem): [name for _, name in group]
        for stem, group in groups.items()
    }


def _place(name: str) -> tuple[str, int] | None:
    """Return the channel and the step in a column's name; None if it has no number or several."""
    if last := LAST.fullmatch(name):
        return last[1], int(last[2])
    if first := FIRST.fullmatch(name):
        return (first[3] if first[1] in STEMS else first[1] + first[3]), int(first[2])
    return None


def _are_moments(path: str, names: list[str]) -> bool:
    """Check whether the names are numbers or times; decreasing ones are refused."""
    content = content_of_texts(names)
    if content.odd is not None or content.kind not in ("number", "time", "clock"):
        return False
    texts = [name.replace(",", ".") for name in names] if content.kind == "number" else names
    [*readings] = readings_of(pa.chunked_array([texts]), content)
    for moments in readings:
        back = np.diff(moments) <= 0
        if back.any():
            _refuse_order(path, names[int(back.argmax()) + 1], names[int(back.argmax())])
    return bool(readings)


def _check_order(path: str, groups: dict[str, list[tuple[int, str]]]) -> None:
    for group in groups.values():
        wrong = next((k for k in range(1, len(group)) if group[k] <= group[k - 1]), None)
        if wrong is not None:
            _refuse_order(path, group[wrong][1], group[wrong - 1][1])
    if len(groups) > 1 and max(map(len, groups.values())) == 1:
        raise refusal(
            path, "several steps of every channel", f"one of each of {', '.join(groups)}",
            "name the columns value_1, value_2, … where they are steps of one channel",
        )  # fmt: skip
    numbers = {tuple(number for number, _ in group) for group in groups.values()}
    if len(numbers) > 1:
        raise refusal(
            path, "the same steps of every channel", ", ".join(groups),
            "leave the others out with --ignore NAME, or fill the missing steps",
        )  # fmt: skip


def _refuse_order(path: str, name: str, before: str) -> None:
    raise refusal(
        path, "steps in the order of their names", f"{name!r} after {before!r}",
        "put the columns in order, or write names above where these are values",
    )  # fmt: skip
