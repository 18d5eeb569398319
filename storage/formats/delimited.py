"""CSV in long form, streamed."""

import re
from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from storage.formats.limits import Limits
from storage.formats.longform import gather, step_column, survey_rows
from storage.formats.table import ColumnNames, Reading, refusal, renamed
from storage.rows import FIXED_COLUMNS, OPTIONAL_COLUMNS

TEXT = [name for name, kind in (FIXED_COLUMNS | OPTIONAL_COLUMNS).items() if kind == pa.string()]
BLOCK_BYTES = 2**20
KINDS = [
    pa.null(), pa.int64(), pa.date32(), pa.time32("s"),
    pa.timestamp("s"), pa.timestamp("s", "UTC"), pa.timestamp("ns"), pa.timestamp("ns", "UTC"),
    pa.float64(), pa.string(),
]  # fmt: skip
"""What a column without a stated type may be, in the order in which Arrow tries."""


class _OtherKindError(ValueError):
    """A later row shows that a column is of another kind than the rows before it."""

    def __init__(self, column: int) -> None:
        super().__init__(column)
        self.column = column


def read_csv(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    path, first_row = paths[0], 2
    _check_header(path, reading.limits)
    kinds = _first_kinds(path, reading)
    while True:
        try:
            survey = survey_rows(path, _tables(path, kinds), reading, first_row)
            break
        except _OtherKindError as error:
            name = list(kinds)[error.column]
            kinds[name] = _next_kind(kinds[name])
    yield from gather(path, survey, partial(_tables, path, kinds), reading, first_row)


def _check_header(path: str, limits: Limits) -> None:
    """Columns cost, whatever is in them: they are counted in the bytes of the first line."""
    with open(path, "rb") as file:
        commas = file.readline(BLOCK_BYTES).count(b",")
    limits.check(path, "channels", commas + 1 - len(FIXED_COLUMNS | OPTIONAL_COLUMNS))


def _first_kinds(path: str, reading: Reading) -> dict[str, pa.DataType]:
    """Kinds of all columns, in the file's order, by its first block; channels are numbers."""
    text = dict.fromkeys(_text_columns(reading.names), pa.string())
    with _opened(path, text) as reader:
        schema = reader.schema
    own = renamed(path, schema.empty_table(), reading.names)
    known = {*FIXED_COLUMNS, *OPTIONAL_COLUMNS, step_column(path, own, reading.names)}
    return {
        field.name: field.type if field.name in text or name in known else pa.float64()
        for field, name in zip(schema, own.column_names, strict=True)
    }


def _text_columns(names: ColumnNames) -> list[str]:
    return [names.series_id, names.label, *(name for name in TEXT if name != names.step)]


def _next_kind(kind: pa.DataType) -> pa.DataType:
    """The wider kind to try; numbers that are none may still be true and false."""
    if kind == pa.float64():
        return pa.bool_()
    return pa.string() if kind == pa.bool_() else KINDS[KINDS.index(kind) + 1]


def _tables(path: str, kinds: dict[str, pa.DataType]) -> Iterator[pa.Table]:
    with _opened(path, kinds) as reader:
        while (table := _next_table(path, reader)) is not None:
            yield _blank_as_null(table)


def _opened(path: str, kinds: dict[str, pa.DataType]) -> pyarrow.csv.CSVStreamingReader:
    reading = pyarrow.csv.ReadOptions(block_size=BLOCK_BYTES)
    options = pyarrow.csv.ConvertOptions(column_types=kinds)
    try:
        return pyarrow.csv.open_csv(path, read_options=reading, convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        raise _explained(path, error) from error


def _next_table(path: str, reader: pyarrow.csv.CSVStreamingReader) -> pa.Table | None:
    try:
        return pa.Table.from_batches([reader.read_next_batch()])
    except StopIteration:
        return None
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        raise _explained(path, error) from error


def _explained(path: str, error: Exception) -> ValueError:
    reason = str(error).split("\n")[0]
    misfit = re.match(r"In CSV column #(\d+): .*conversion error to (?!string)", reason)
    if misfit:
        return _OtherKindError(int(misfit[1]))
    return refusal(path, "a CSV table with a header", reason, "correct the file")


def _blank_as_null(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.type == pa.string():
            column = table.column(place)
            filled = pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
            table = table.set_column(place, field.name, filled)
    return table
