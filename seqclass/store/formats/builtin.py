"""The built-in kinds of files."""

import zipfile
from collections.abc import Callable
from typing import BinaryIO

import pyarrow.parquet as pq

from seqclass.store.formats.arrays import read_npy, read_npz
from seqclass.store.formats.delimited import check_header, read_csv
from seqclass.store.formats.dialect import SHOWN, dialect_of
from seqclass.store.formats.file_format import Format, Understood
from seqclass.store.formats.parquet import check_parquet, read_parquet
from seqclass.store.formats.table import ColumnNames, Limits, check_columns, kept_columns
from seqclass.store.formats.text import read_ts, read_tsv
from seqclass.store.formats.widetext import step_columns
from seqclass.store.formats.workbook import read_sheet, read_workbook
from seqclass.store.rows import KNOWN_COLUMNS, channels_of

PARQUET_MAGIC = b"PAR1"


def _row_is_series(path: str, names: ColumnNames, limits: Limits) -> Understood:
    return {"layout": "a line or row is a series", "columns": {}}


def _csv(path: str, names: ColumnNames, limits: Limits) -> Understood:
    check_header(path, limits)
    dialect = dialect_of(path, names)
    return {
        "layout": names.layout or "long",
        "delimiter": SHOWN.get(dialect.delimiter, dialect.delimiter),
        "decimal": dialect.decimal,
        "encoding": dialect.encoding,
        "columns": _parts(path, list(dialect.header), names),
    }


def _parquet(path: str, names: ColumnNames, limits: Limits) -> Understood:
    check_parquet(path, limits)
    schema = pq.read_schema(path)
    layout = "wide" if channels_of(schema) else names.layout or "long"
    return {"layout": layout, "columns": _parts(path, schema.names, names)}


def _workbook(path: str, names: ColumnNames, limits: Limits) -> Understood:
    header = read_sheet(path, names, limits).column_names
    return {"layout": names.layout or "long", "columns": _parts(path, header, names)}


def _parts(path: str, columns: list[str], names: ColumnNames) -> dict[str, str]:
    """Return the role of every column, and why ignored ones are ignored."""
    check_columns(path, columns, names)
    kept, roles = set(kept_columns(columns, names)), names.roles
    step = names.step or "step"
    why = dict.fromkeys(names.ignore, "left out by --ignore")
    uses = {
        name: why.get(name, "left out, not in --channels")
        if name not in kept
        else "step" if name == step and names.layout != "wide"
        else roles.get(name, name if name in KNOWN_COLUMNS else "channel")
        for name in columns
    }  # fmt: skip
    if names.layout == "wide" and "step" not in uses:
        channels = [name for name, role in uses.items() if role == "channel"]
        for channel, steps in step_columns(path, channels).items():
            uses |= dict.fromkeys(steps, f"step of {channel}")
    return uses


def _no_footer(file: BinaryIO, size: int) -> str | None:
    file.seek(max(0, size - len(PARQUET_MAGIC)))
    return None if file.read() == PARQUET_MAGIC else "the footer of a Parquet file"


def _no_directory(ending: str) -> Callable[[BinaryIO, int], str | None]:
    missing = f"the directory at the end of an {ending} file"
    return lambda file, _: None if zipfile.is_zipfile(file) else missing


def _no_line_break(file: BinaryIO, size: int) -> str | None:
    file.seek(size - 1)
    return None if file.read() == b"\n" else "a line break at its end"


FORMATS = (
    Format("a Parquet file", (".parquet",), read_parquet, _parquet, missing_end=_no_footer),
    Format("a CSV file", (".csv",), read_csv, _csv, is_text=True, missing_end=_no_line_break),
    Format("a workbook", (".xlsx",), read_workbook, _workbook, missing_end=_no_directory(".xlsx")),
    Format(
        "a .ts file", (".ts",), read_ts, _row_is_series, is_text=True, missing_end=_no_line_break
    ),
    Format(
        "a .tsv file", (".tsv",), read_tsv, _row_is_series,
        is_text=True, label_first=True, missing_end=_no_line_break,
    ),
    Format(
        "an .npz archive", (".npz",), read_npz, _row_is_series, missing_end=_no_directory(".npz")
    ),
    Format("a NumPy array", (".npy",), read_npy, _row_is_series),
)  # fmt: skip
