"""Reader of CSV files in long or wide form, streamed."""

import collections
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from seqclass.store.formats.cells import date_formats
from seqclass.store.formats.dialect import (
    DELIMITERS,
    Dialect,
    dialect_of,
    not_decoded,
)
from seqclass.store.formats.longform import gather, survey_rows
from seqclass.store.formats.questions import ask_all, step_of, wide_questions
from seqclass.store.formats.table import (
    ColumnNames,
    Limits,
    Reading,
    check_columns,
    kept_columns,
    refusal,
)
from seqclass.store.formats.widetext import wide_tables
from seqclass.store.rows import KNOWN_COLUMNS

TEXT = [name for name, kind in KNOWN_COLUMNS.items() if kind == pa.string()]
BLOCK_BYTES = 2**20
KINDS = [
    pa.null(), pa.int64(), pa.date32(), pa.time32("s"),
    pa.timestamp("s"), pa.timestamp("s", "UTC"), pa.timestamp("ns"), pa.timestamp("ns", "UTC"),
    pa.float64(), pa.string(),
]  # fmt: skip
"""Possible types of a column without a stated one, in the order in which Arrow tries them."""


class _OtherKindError(ValueError):
    """A later row shows that a column has another type than in the rows before it."""

    def __init__(self, column: int) -> None:
        super().__init__(column)
        self.column = column


def read_csv(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Yield tables from delimited text, long or wide, in the dialect that its first lines show."""
    path = paths[0]
    check_header(path, reading.limits)
    dialect, names = dialect_of(path, reading.names), reading.names
    check_columns(path, list(dialect.header), names)
    first_row, kinds = 2 + dialect.skipped, _first_kinds(path, dialect, names)
    wide = names.layout == "wide"
    others = dict.fromkeys(_left_out(dialect, names, kinds), pa.string())
    while True:
        tables = partial(_tables, path, dialect, kinds, names)
        looked = _tables(path, dialect, kinds | others, names)
        try:
            if not wide:
                survey = survey_rows(path, looked, reading, first_row, dialect.doubts)
            else:
                if (first := next(looked, None)) is not None:
                    ask_all(path, [*dialect.doubts, *wide_questions(first, names, first_row)])
                collections.deque(looked, maxlen=0)  # which finds the types of the columns
            break
        except _OtherKindError as error:
            name = dialect.header[error.column]
            kinds[name] = _next_kind(kinds[name])
    reading = replace(reading, names=replace(names, ignore=()))  # left out by now
    if wide:
        yield from wide_tables(path, tables(), reading, first_row)
    else:
        yield from gather(path, survey, tables, reading, first_row)


def _left_out(dialect: Dialect, names: ColumnNames, kinds: Collection[str]) -> list[str]:
    """Return ignored columns that may still show that the rows are in another order."""
    if names.layout == "wide" or step_of(list(dialect.header), names) is not None:
        return []
    return [name for name in dialect.header if name not in kinds]


def check_header(path: str, limits: Limits) -> None:
    """Refuse too many columns, counted in the bytes of the first line, since each costs memory."""
    counts, n_bytes = collections.Counter[str](), 0
    with open(path, "rb") as file:
        while piece := file.readline(BLOCK_BYTES):
            n_bytes += len(piece)
            limits.check(path, "line_bytes", n_bytes)
            counts.update({sign: piece.count(sign.encode()) for sign in DELIMITERS})
            if piece.endswith(b"\n"):
                break
    limits.check(path, "channels", max(counts.values(), default=0) + 1 - len(KNOWN_COLUMNS))


def _first_kinds(path: str, dialect: Dialect, names: ColumnNames) -> dict[str, pa.DataType]:
    """Return the types of the used columns by the first block, in order; channels are numbers."""
    header = list(dialect.header)
    kept = kept_columns(header, names)
    text = {name: pa.string() for name in _text_columns(names) if name in kept}
    with _opened(path, dialect, dict.fromkeys(kept, None) | text, names) as reader:
        schema = reader.schema
    step = None if names.layout == "wide" else step_of(header, names)
    standard = {*KNOWN_COLUMNS, step}
    return {
        name: schema.field(name).type
        if name in text or names.roles.get(name, name) in standard
        else pa.float64()
        for name in kept
    }


def _text_columns(names: ColumnNames) -> list[str]:
    named = [given for given, role in names.roles.items() if role != "time"]
    return [*named, *(name for name in TEXT if name != names.step)]


def _next_kind(kind: pa.DataType) -> pa.DataType:
    """Return the next wider type; columns that are not numbers may still be true and false."""
    if kind == pa.float64():
        return pa.bool_()
    return pa.string() if kind == pa.bool_() else KINDS[KINDS.index(kind) + 1]


def _tables(
    path: str, dialect: Dialect, kinds: dict[str, pa.DataType], names: ColumnNames
) -> Iterator[pa.Table]:
    with _opened(path, dialect, kinds, names) as reader:
        while (table := _next_table(path, dialect, reader)) is not None:
            yield _blank_as_null(table)


def _opened(
    path: str, dialect: Dialect, kinds: Mapping[str, pa.DataType | None], names: ColumnNames
) -> pyarrow.csv.CSVStreamingReader:
    reading = pyarrow.csv.ReadOptions(
        block_size=BLOCK_BYTES,
        encoding=dialect.encoding,
        skip_rows=dialect.skipped,
        skip_rows_after_names=1,
        column_names=dialect.header,
    )
    options = pyarrow.csv.ConvertOptions(
        column_types={name: kind for name, kind in kinds.items() if kind is not None},
        include_columns=list(kinds),
        decimal_point=dialect.decimal,
        timestamp_parsers=[*date_formats(names.dates), pyarrow.csv.ISO8601],
    )
    parsing = pyarrow.csv.ParseOptions(delimiter=dialect.delimiter)
    try:
        return pyarrow.csv.open_csv(path, reading, parsing, options)
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        raise _explained(path, dialect, error) from error


def _next_table(
    path: str, dialect: Dialect, reader: pyarrow.csv.CSVStreamingReader
) -> pa.Table | None:
    try:
        return pa.Table.from_batches([reader.read_next_batch()])
    except StopIteration:
        return None
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        raise _explained(path, dialect, error) from error


def _explained(path: str, dialect: Dialect, error: Exception) -> ValueError:
    reason = csv_fault(error)
    misfit = re.match(r"In CSV column #(\d+): .*conversion error to (?!string)", reason)
    if misfit:
        return _OtherKindError(int(misfit[1]))
    if "invalid UTF8" in reason or isinstance(error, UnicodeDecodeError):
        return not_decoded(path, dialect.encoding)
    return refusal(path, "a CSV table with a header", reason, "correct the file")


def csv_fault(error: Exception) -> str:
    """Return why Arrow can't read a CSV."""
    reason = str(error).split("\n")[0]
    if "straddling" in reason:
        return f"a row of more than {BLOCK_BYTES // 2**20} MiB (close the quotes that are open)"
    return reason


def _blank_as_null(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.type == pa.string():
            column = table.column(place)
            filled = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
            table = table.set_column(place, field.name, filled)
    return table
