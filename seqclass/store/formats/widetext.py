"""Tables with a row per series and a column per step."""

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from seqclass.store.formats.arrays import observed_lengths
from seqclass.store.formats.columns import float_column
from seqclass.store.formats.table import (
    ColumnNames,
    Reading,
    cast,
    refusal,
    refuse_twins,
    renamed,
)
from seqclass.store.rows import KNOWN_COLUMNS, OPTIONAL_COLUMNS, from_dense

NUMBERED = re.compile(r"(.*?)[_.\- ]?(\d+)")


def wide_tables(
    path: str, tables: Iterable[pa.Table], reading: Reading, first_row: int
) -> Iterator[pa.Table]:
    """Rows of a dataset from such a table; holes at the end of a series are padding."""
    names, row = reading.names, first_row
    for table in tables:
        if names.series_id is None and "series_id" not in table.column_names:
            ids = [
                f"{reading.split or 'series'}-{next(reading.serial):06d}" for _ in range(len(table))
            ]
            table = table.append_column("series_id", pa.array(ids))
        table = renamed(path, table, names)
        for name in ("series_id", "label"):
            refuse_twins(path, name, set(table[name].to_pylist()))
        steps = step_columns(path, table.column_names, names)
        reading.limits.check(path, "steps", max(map(len, steps.values())))
        yield _rows(path, table, steps, reading, np.arange(row, row + len(table)))
        row += len(table)


def _rows(
    path: str, table: pa.Table, steps: dict[str, list[str]], reading: Reading, rows: np.ndarray
) -> pa.Table:
    values = np.stack(
        [
            np.stack([float_column(path, table[c], c, rows, reading.keep_infinite) for c in own], 1)
            for own in steps.values()
        ],
        axis=2,
    )
    lengths = np.maximum(observed_lengths(values), 1)
    kept = [
        name for name in ("series_id", "label", *OPTIONAL_COLUMNS) if name in table.column_names
    ]
    columns: dict[str, pa.Array] = {name: table[name] for name in kept}
    columns["n_steps"] = lengths.astype(np.int32)
    for k, channel in enumerate(steps):
        columns[channel] = from_dense(np.ascontiguousarray(values[:, :, k]), lengths)
    return cast(path, pa.table(columns))


def step_columns(path: str, columns: list[str], names: ColumnNames) -> dict[str, list[str]]:
    """The columns of every channel, in the order of its steps.

    ``x_0, x_1, …, y_0, y_1, …`` are two channels; of other names all are steps of one.
    """
    own = [n for n in columns if n not in {*KNOWN_COLUMNS, "step"}]
    if not own:
        raise refusal(path, "a column of numbers per step", ", ".join(columns), "add the steps")
    found = {name: NUMBERED.fullmatch(name) for name in own}
    numbered = {name: match for name, match in found.items() if match}
    if not numbered:
        return {"value": own}
    if odd := [name for name in own if name not in numbered]:
        raise refusal(
            path, "a number in the name of every step's column", repr(odd[0]),
            f"leave it out with --ignore {odd[0]}, or name what it is",
        )  # fmt: skip
    groups: dict[str, list[tuple[int, str]]] = {}
    for name, match in numbered.items():
        groups.setdefault(match[1], []).append((int(match[2]), name))
    _check_order(path, groups)
    only = len(groups) == 1
    return {
        ("value" if only or not stem else stem): [name for _, name in group]
        for stem, group in groups.items()
    }


def _check_order(path: str, groups: dict[str, list[tuple[int, str]]]) -> None:
    for group in groups.values():
        wrong = next((k for k in range(1, len(group)) if group[k] <= group[k - 1]), None)
        if wrong is not None:
            raise refusal(
                path, "steps in the order of their numbers",
                f"{group[wrong][1]!r} after {group[wrong - 1][1]!r}", "put the columns in order",
            )  # fmt: skip
    if len(groups) > 1 and max(map(len, groups.values())) == 1:
        raise refusal(
            path, "several steps of every channel", f"one of each of {', '.join(groups)}",
            "name the columns value_1, value_2, … where they are steps of one channel",
        )  # fmt: skip
    numbers = {tuple(number for number, _ in group) for group in groups.values()}
    if len(numbers) > 1:
        raise refusal(
            path, "the same steps of every channel", ", ".join(groups),
            "leave the others out with --ignore, or fill the missing steps",
        )  # fmt: skip
