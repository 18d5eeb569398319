"""Conversion of columns of numbers, in any notation, to float32 without losing changes."""

import numpy as np
import pyarrow as pa

from seqclass.store.formats.dialect import COMMA_NUMBER
from seqclass.store.formats.questions import number_cure
from seqclass.store.formats.table import option, refusal

LOST_CHANGES = 0.05
"""Share of the changes from step to step that may be smaller than float32 can represent."""


def float_column(
    path: str, column: pa.ChunkedArray, name: str, rows: np.ndarray, infinite_cure: str | None
) -> np.ndarray:
    """Return a column as ``(n,)`` float32; ``rows``: numbers in the file, for refusals."""
    values = _wide_numbers(path, column, name, rows)
    narrow = to_float32(values)
    check_precision(path, name, values, narrow)
    if infinite_cure is not None and np.isinf(narrow).any():
        row = int(rows[np.isinf(narrow).argmax()])
        raise refusal(
            path, f"finite numbers in column {name!r}", "Inf (or beyond float32)",
            infinite_cure, row,
        )  # fmt: skip
    return narrow


def to_float32(values: np.ndarray) -> np.ndarray:
    """Round numbers to float32; those out of range become infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _wide_numbers(path: str, column: pa.ChunkedArray, name: str, rows: np.ndarray) -> np.ndarray:
    """Return a column's float64 values, in whatever notation it is written."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        try:
            return column.cast(pa.float64(), safe=False).to_numpy()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise refusal(
                path, f"numbers in column {name!r}", str(column.type),
                f"convert it, or leave it out with {option('--ignore', name)}",
            ) from None  # fmt: skip
    import pandas as pd  # a quarter of a second, and 30 MB that most commands can do without

    texts = column.to_pandas()
    numbers = pd.to_numeric(texts, errors="coerce")
    blank = texts.isna() | texts.str.strip().str.lower().isin(["", "nan", "na", "null"])
    bad = (numbers.isna() & ~blank).to_numpy()
    if bad.any():
        row = int(bad.argmax())
        raise refusal(
            path, f"a number in column {name!r}", repr(texts.iloc[row]),
            _cure(name, texts.iloc[row]), int(rows[row]),
        )  # fmt: skip
    return numbers.to_numpy(dtype=np.float64)


def _cure(name: str, text: str) -> str:
    if COMMA_NUMBER.fullmatch(text.strip()):
        return f"say {option('--decimal', ',')} where a comma is the decimal sign"
    return number_cure(name)


def check_precision(
    path: str, name: str, values: np.ndarray, narrow: np.ndarray, is_column: bool = True
) -> None:
    """Refuse numbers ``(n,)`` whose changes are lost when they are stored as float32.

    is_column: whether they can be left out by their name.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        steps, left = np.diff(values), np.diff(narrow) != 0
    changes = (steps != 0) & ~np.isnan(steps)
    lost = int((changes & ~left).sum())
    if lost > LOST_CHANGES * max(int(changes.sum()), 1):
        raise refusal(
            path, f"numbers of about seven digits in column {name!r} (float32)",
            f"{lost:,} changes that are lost beside a size of {np.nanmax(np.abs(values)):.3g}",
            "subtract an offset"
            + f", or leave the column out with {option('--ignore', name)}" * is_column,
        )  # fmt: skip
