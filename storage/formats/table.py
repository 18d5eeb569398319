"""What the readers share: column names, refusals, known columns in their stored types."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from storage.root import shown
from storage.rows import FIXED_COLUMNS, OPTIONAL_COLUMNS

if TYPE_CHECKING:
    from storage.formats.limits import Limits

CHUNK_ROWS = 4096
LABELS = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating,
    pa.types.is_boolean, pa.types.is_null,
)  # fmt: skip
"""Kinds of a column that can hold labels."""


@dataclass(frozen=True)
class ColumnNames:
    """What the columns of a table are called: series, label and step (long form only).

    Without a name for it, the step is the column ``step`` where there is one.
    """

    series_id: str = "series_id"
    label: str = "label"
    step: str | None = None


@dataclass(frozen=True)
class Reading:
    """How files are read.

    split: of every row, where it is given. serial: numbers for series that the files leave
    without ids. limits: what they may hold. keep_infinite: pass infinite values on instead of
    refusing them.
    """

    names: ColumnNames
    split: str | None
    serial: Iterator[int]
    limits: "Limits"
    keep_infinite: bool = False


class RefusalError(ValueError):
    """What a file has that no reader takes, in one line."""


def refusal(
    path: str, expected: str, got: str, next_step: str, row: int | None = None
) -> RefusalError:
    """An error about a file; rows count from 1, a header line included, blank lines not."""
    where = path if row is None else f"{path}, row {row}"
    parts = shown(expected), shown(got), shown(next_step)
    return RefusalError("{}: expected {}, got {}; {}".format(where, *parts))


def renamed(path: str, table: pa.Table, names: ColumnNames) -> pa.Table:
    """Give the series and label columns their own names, and text."""
    present = table.column_names
    if "" in present or len(set(present)) < len(present):
        raise refusal(
            path, "a different name for every column", ", ".join(map(repr, present)),
            "name the columns (pandas: index=False)",
        )  # fmt: skip
    if len(present) == 1 and re.search(r"[;|\t]", present[0]):
        raise refusal(path, "columns separated by commas", repr(present[0]), "change the separator")
    new = {names.series_id: "series_id", names.label: "label"}
    for given, own in new.items():
        if given not in present:
            raise refusal(
                path, f"a column {given!r}", ", ".join(present),
                f"rename a column or say which it is with --{own.replace('_', '-')}-column",
            )  # fmt: skip
        if given != own and own in present:
            raise refusal(
                path, f"no column {own!r} beside {given!r}", ", ".join(present), "drop one of them"
            )
    table = table.rename_columns([new.get(name, name) for name in present])
    if "label" in table.column_names:
        place = table.column_names.index("label")
        table = table.set_column(place, "label", _labels(path, table["label"]))
    return cast(path, table, {"series_id": pa.string(), "label": pa.string()})


def _labels(path: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Labels as texts; NaN is a missing one."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not any(is_kind(kind) for is_kind in LABELS):
        raise refusal(path, "texts or numbers in the label's column", str(kind), "convert it")
    if pa.types.is_floating(kind):
        numbers = column.cast(kind)
        if pc.any(pc.is_inf(numbers)).as_py():
            raise refusal(path, "a class in every label", "inf", "correct the label")
        column = pc.if_else(pc.is_nan(numbers), pa.scalar(None, kind), numbers)
    return column.cast(pa.string())


def cast(path: str, table: pa.Table, kinds: dict[str, pa.DataType] | None = None) -> pa.Table:
    """Give known columns their stored types."""
    for name, kind in (kinds or {**FIXED_COLUMNS, **OPTIONAL_COLUMNS}).items():
        if name in table.column_names:
            try:
                column = table[name].cast(kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise refusal(
                    path, f"{kind} in column {name!r}", str(table[name].type), "convert it"
                ) from error
            table = table.set_column(table.column_names.index(name), name, column)
    return table


def channel_names(n_channels: int) -> list[str]:
    """Names for channels that the file leaves unnamed."""
    return ["value"] if n_channels == 1 else [f"channel_{k}" for k in range(n_channels)]


def label_text(value: Any) -> str | None:
    """A label as text, None where it is missing; 1.0 and 1 are the same class."""
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, float):
        if np.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    text = str(value).strip()
    return None if text.lower() in ("", "nan", "?") else text
