"""Tables with a row per step, gathered into a row per series."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from storage.formats.table import ColumnNames, cast, refusal, renamed
from storage.rows import FIXED_COLUMNS, OPTIONAL_COLUMNS


def long_rows(path: str, table: pa.Table, names: ColumnNames, first_row: int) -> pa.Table:
    """Long form, a row per step: gather each series, in the order of its steps."""
    table = renamed(path, table, names)
    if not len(table):
        raise refusal(path, "at least one row", "none", "check the file")
    step = _step_column(path, table, names)
    known = {*FIXED_COLUMNS, *OPTIONAL_COLUMNS, step}
    channels = [name for name in table.column_names if name not in known]
    if not channels:
        raise refusal(
            path, "at least one column of numbers besides series, label and step",
            ", ".join(table.column_names), "add the channels",
        )  # fmt: skip
    if table["series_id"].null_count:
        row = int(np.flatnonzero(table["series_id"].is_null().to_numpy())[0]) + first_row
        raise refusal(path, "a series_id in every row", "none", "fill it in", row)
    ids = table["series_id"].combine_chunks().dictionary_encode()
    codes = ids.indices.to_numpy()
    order = _step_order(path, table, step, codes, first_row)
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(codes))).astype(np.int32)
    offsets = pa.array(np.append(starts, len(codes)).astype(np.int32))
    columns: dict[str, Any] = {"series_id": ids.dictionary, "n_steps": lengths}
    for name in ("label", *OPTIONAL_COLUMNS):
        if name in table.column_names and name != step:
            columns[name] = _constant(path, table[name], name, codes, order, starts, first_row)
    for name in channels:
        flat = _float_column(path, table[name], name, first_row)[order]
        columns[name] = pa.ListArray.from_arrays(offsets, pa.array(flat))
    return cast(path, pa.table(columns))


def _step_column(path: str, table: pa.Table, names: ColumnNames) -> str | None:
    if names.step is None:
        return "step" if "step" in table.column_names else None
    if names.step not in table.column_names:
        raise refusal(
            path, f"a column {names.step!r}", ", ".join(table.column_names),
            "correct --step-column",
        )  # fmt: skip
    return names.step


def _step_order(
    path: str, table: pa.Table, step: str | None, codes: np.ndarray, first_row: int
) -> np.ndarray:
    if step is None:
        torn = np.flatnonzero(np.diff(codes) < 0)
        if len(torn):
            raise refusal(
                path, "the rows of a series together, or a column 'step'", "a series in pieces",
                "sort the rows or say which column is the step with --step-column",
                int(torn[0]) + 1 + first_row,
            )  # fmt: skip
        return np.arange(len(codes))
    steps = table[step]
    if steps.null_count or pa.types.is_string(steps.type):
        bad = steps.is_null().to_numpy() if steps.null_count else np.array([True])
        raise refusal(
            path, f"a number or a time in column {step!r}", str(steps[int(bad.argmax())]),
            "correct it", int(bad.argmax()) + first_row,
        )  # fmt: skip
    values = steps.to_numpy()
    order = np.lexsort((values, codes))
    same = (np.diff(codes[order]) == 0) & (values[order][1:] == values[order][:-1])
    if same.any():
        first = int(same.argmax())
        row = max(order[first], order[first + 1]) + first_row
        raise refusal(
            path, "one row per step of a series", "the same step again", "drop the repeat", int(row)
        )
    return order


def _constant(
    path: str,
    column: pa.ChunkedArray,
    name: str,
    codes: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    first_row: int,
) -> pa.Array:
    values = column.combine_chunks()
    first = values.take(pa.array(order[starts]))
    expected = first.take(pa.array(codes))
    same = pc.fill_null(pc.equal(values, expected), False).to_numpy(zero_copy_only=False)
    same |= (values.is_null().to_numpy(False)) & (expected.is_null().to_numpy(False))
    if not same.all():
        row = int((~same).argmax())
        raise refusal(
            path, f"one {name} for all steps of a series",
            f"{values[row].as_py()!r} beside {expected[row].as_py()!r}", "correct the column",
            row + first_row,
        )  # fmt: skip
    return first


def _float_column(path: str, column: pa.ChunkedArray, name: str, first_row: int) -> np.ndarray:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = column.to_pandas()
        numbers = pd.to_numeric(texts, errors="coerce")
        blank = texts.isna() | texts.str.strip().str.lower().isin(["", "nan", "na", "null"])
        bad = (numbers.isna() & ~blank).to_numpy()
        if bad.any():
            row = int(bad.argmax())
            raise refusal(
                path, f"a number in column {name!r}", repr(texts.iloc[row]),
                "correct the value, or drop the column: every other column is a channel",
                row + first_row,
            )  # fmt: skip
        values = numbers.to_numpy(dtype=np.float64)
    elif pa.types.is_null(column.type):
        values = np.full(len(column), np.nan)
    else:
        try:
            values = column.cast(pa.float64(), safe=False).to_numpy()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise refusal(
                path, f"numbers in column {name!r}", str(column.type), "drop or convert it"
            ) from None
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if np.isinf(narrow).any():
        row = int(np.isinf(narrow).argmax()) + first_row
        raise refusal(
            path, f"finite numbers in column {name!r}", "Inf (or beyond float32)",
            "correct the value", row,
        )  # fmt: skip
    return narrow
