"""Conversion of tables with a row per step to a row per series, in bounded memory.

A first pass counts the rows of each series. A second one gathers part after part, a part being some
series in the order in which they first appear: straight from the stream if every series' rows are
together, else through a temporary file in which the rows are sorted by part.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from itertools import chain
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.formats.cells import Content, as_floats, dates_cure
from seqclass.store.formats.columns import float_column
from seqclass.store.formats.order import FileOrder, read_times, with_times
from seqclass.store.formats.questions import (
    TableQuestion,
    ask_all,
    long_questions,
    numbers_of,
    step_of,
)
from seqclass.store.formats.table import (
    ColumnNames,
    Reading,
    cast,
    kept_columns,
    option,
    refusal,
    refuse_twins,
    renamed,
)
from seqclass.store.rows import KNOWN_COLUMNS, OPTIONAL_COLUMNS

PART_CELLS = 2**22
"""Cells of a part; a single series may have more."""
REPEATED_STEPS = b"repeated_steps"
"""Key of a table's metadata: how many rows that repeat a step are left out."""
ROW = ""
"""The column of a row's number in its file; no column of the file itself has an empty name."""


@dataclass
class SeriesIndex:
    """The series of a table: ``codes`` by first appearance, the rows of each, order and labels."""

    codes: dict[str, int] = field(default_factory=dict)
    labels: set[str | None] = field(default_factory=set)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(1024, dtype=np.int64))
    together: bool = True

    def codes_of(self, table: pa.Table) -> np.ndarray:
        """Return the code of every row's series; new codes follow the order of first rows."""
        self.labels.update(pc.unique(table["label"]).to_pylist())
        ids = table["series_id"].combine_chunks().dictionary_encode()
        codes = self.codes
        distinct = np.array([codes.setdefault(i, len(codes)) for i in ids.dictionary.to_pylist()])
        return distinct[ids.indices.to_numpy()]

    def count(self, codes: np.ndarray) -> int:
        """Count rows; returns the most rows that one of their series has so far."""
        if len(self.codes) > len(self.counts):
            self.counts = np.pad(self.counts, (0, 2 * len(self.codes) - len(self.counts)))
        places, counts = np.unique(codes, return_counts=True)
        self.counts[places] += counts
        return int(self.counts[places].max(initial=0))

    def parts(self, n_columns: int) -> np.ndarray:
        """Return the ascending part number of every series, by the position of its last row."""
        ends = np.cumsum(self.counts[: len(self.codes)])
        return np.unique((ends - 1) // max(PART_CELLS // n_columns, 1), return_inverse=True)[1]


def survey_rows(
    path: str,
    tables: Iterable[pa.Table],
    reading: Reading,
    first_row: int,
    doubts: Sequence[TableQuestion] = (),
) -> SeriesIndex:
    """Count every series' rows; refuse a table that is not long, with any ``doubts`` about it."""
    survey, last, row, names = SeriesIndex(), 0, first_row, reading.names
    order, step = FileOrder(path, names), None
    for whole in _filled(tables, names):
        if row == first_row:
            ask_all(path, [*doubts, *long_questions(whole, names, first_row)])
        table = renamed(path, whole, names)
        if row == first_row:
            step = step_of(table.column_names, names)
            _channels(path, table, step)
        _refuse_nameless(path, table, names, row)
        codes = survey.codes_of(table)
        torn = np.flatnonzero(np.diff(codes, prepend=last) < 0)
        if step is None:
            order.check(whole, codes)
            _refuse_torn(path, torn, row)
        survey.together &= not len(torn)
        reading.limits.check(path, "steps", survey.count(codes))
        reading.limits.check(path, "series", len(survey.codes))
        last, row = codes[-1] if len(codes) else last, row + len(codes)
    if row == first_row:
        raise refusal(path, "at least one row", "none", "check the file")
    refuse_twins(path, "series_id", survey.codes)
    refuse_twins(path, "label", survey.labels)
    return survey


def _filled(tables: Iterable[pa.Table], names: ColumnNames) -> Iterator[pa.Table]:
    """Drop rows in which every cell is empty, as spreadsheets write them below a table."""
    series_id = names.series_id or "series_id"
    for table in tables:
        if series_id in table.column_names and table[series_id].null_count:
            kept = [table[name] for name in kept_columns(table.column_names, names)]
            table = table.filter(reduce(pc.or_, [pc.is_valid(column) for column in kept]))
        if len(table):
            yield table


def _refuse_torn(path: str, torn: np.ndarray, first_row: int) -> None:
    if len(torn):
        raise refusal(
            path, "the rows of a series together, or a column 'step'", "a series in pieces",
            "say which column is the step with --step-column NAME, or sort the rows",
            int(torn[0]) + first_row,
        )  # fmt: skip


def _refuse_nameless(path: str, table: pa.Table, names: ColumnNames, first_row: int) -> None:
    if table["series_id"].null_count:
        row = int(np.flatnonzero(table["series_id"].is_null().to_numpy())[0]) + first_row
        expected = f"the id of a series in column {names.given('series_id')!r}"
        raise refusal(path, expected, "none", "fill it in", row)


def gather(
    path: str,
    survey: SeriesIndex,
    read: Callable[[], Iterator[pa.Table]],
    reading: Reading,
    first_row: int,
) -> Iterator[pa.Table]:
    """Yield rows of a dataset, series in the order of their first rows, from rows in any order.

    A row that repeats a step of its series is left out; after the last table, such rows are
    refused, unless all are identical and are to be dropped.
    """
    tables = _numbered(path, _filled(read(), reading.names), reading.names, first_row)
    first = next(tables)
    parts = survey.parts(first.num_columns)
    tables = chain((first,), tables)
    cut = _in_turn(tables, _sizes(survey, parts)) if survey.together else (
        _external_shuffle(tables, survey, parts)
    )  # fmt: skip
    repeats = _Repeats()
    for table in cut:
        yield _long_rows(path, table, reading, repeats)
    repeats.check(path, reading.names)


def _numbered(
    path: str, tables: Iterator[pa.Table], names: ColumnNames, first_row: int
) -> Iterator[pa.Table]:
    row = first_row
    for table in tables:
        numbers = pa.array(np.arange(row, row + len(table)))
        yield renamed(path, table, names).append_column(ROW, numbers)
        row += len(table)


def _sizes(survey: SeriesIndex, parts: np.ndarray) -> list[int]:
    return np.bincount(parts, survey.counts[: len(parts)]).astype(int).tolist()


def _in_turn(tables: Iterator[pa.Table], sizes: list[int]) -> Iterator[pa.Table]:
    """Split a stream into tables of these sizes."""
    pending: list[pa.Table] = []
    n_rows = place = 0
    for table in tables:
        pending.append(table)
        n_rows += len(table)
        while place < len(sizes) and n_rows >= sizes[place]:
            whole = pa.concat_tables(pending)
            yield whole.slice(0, sizes[place])
            pending, n_rows = [whole.slice(sizes[place])], n_rows - sizes[place]
            place += 1


def _external_shuffle(
    tables: Iterator[pa.Table], survey: SeriesIndex, parts: np.ndarray
) -> Iterator[pa.Table]:
    """Yield tables by part, through an unnamed temporary file that no crash leaves behind."""
    pieces: list[list[tuple[int, int]]] = [[] for _ in range(int(parts[-1]) + 1)]
    with tempfile.TemporaryFile() as file:
        for block in _blocks(tables):
            schema = block.schema
            _scatter(file, block, parts[survey.codes_of(block)], pieces)
        for places in pieces:
            yield pa.Table.from_batches([_piece(file, *place, schema) for place in places])


def _blocks(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield fewer and larger tables, so that there are not too many pieces."""
    pending: list[pa.Table] = []
    for table in tables:
        pending.append(table)
        if sum(map(len, pending)) * table.num_columns >= PART_CELLS:
            yield pa.concat_tables(pending)
            pending = []
    if pending:
        yield pa.concat_tables(pending)


def _scatter(
    file: IO[bytes], block: pa.Table, parts: np.ndarray, pieces: list[list[tuple[int, int]]]
) -> None:
    order = np.argsort(parts, kind="stable")
    ordered = block.take(pa.array(order)).combine_chunks()
    starts = np.flatnonzero(np.diff(parts[order], prepend=-1)).tolist()
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        [batch] = ordered.slice(start, stop - start).to_batches()
        content = batch.serialize()
        pieces[parts[order[start]]].append((file.tell(), content.size))
        file.write(content)


def _piece(file: IO[bytes], place: int, size: int, schema: pa.Schema) -> pa.RecordBatch:
    file.seek(place)
    return pa.ipc.read_record_batch(pa.py_buffer(file.read(size)), schema)


class _Repeats:
    """Rows of a file that repeat a step of their series: those with the values of the first row of
    this step, then those with others; how many, and the smallest number of one in the file."""

    def __init__(self) -> None:
        self.counts, self.first = [0, 0], [0, 0]

    def add(self, rows: np.ndarray, differ: np.ndarray) -> None:
        """Add rows by their numbers in the file ``(n,)``; differ: bool ``(n,)``."""
        for kind in (0, 1):
            if len(some := rows[differ == kind]):
                first = int(some.min())
                self.first[kind] = min(self.first[kind], first) if self.counts[kind] else first
                self.counts[kind] += len(some)

    def check(self, path: str, names: ColumnNames) -> None:
        """Refuse rows with other values, and identical ones if they are not to be dropped."""
        same, other = self.counts
        if not other and (not same or names.repeated_steps == "drop"):
            return
        drop = "--policy repeated_steps=drop"
        how, cure = "identical in all columns", f"remove them, or let 'import' do it with {drop}"
        if other:
            how, cure = f"{other:,} of them with other values", "correct them"
            cure += f"; 'import' drops the identical ones with {drop}" if same else ""
        raise refusal(
            path, "one row per step of a series", f"{same + other:,} that repeat one, {how}", cure,
            self.first[bool(other)],
        )  # fmt: skip


def dropped_steps(table: pa.Table) -> int:
    """Return how many rows that repeat a step were left out when a table was read."""
    return int((table.schema.metadata or {}).get(REPEATED_STEPS, 0))


def _long_rows(path: str, table: pa.Table, reading: Reading, repeats: _Repeats) -> pa.Table:
    """Gather each series of a part, sorted by step, each step once."""
    rows = table[ROW].to_numpy()
    table = with_times(path, table.drop_columns([ROW]), reading.names, rows)
    step = step_of(table.column_names, reading.names)
    ids = table["series_id"].combine_chunks().dictionary_encode()
    codes = ids.indices.to_numpy()
    order, again = _step_order(path, table, codes, rows, reading)
    kept = order[~again]
    starts = np.flatnonzero(np.diff(codes[kept], prepend=-1))
    part = _Part(path, codes, kept[starts], rows, reading.names)
    lengths = np.diff(np.append(starts, len(kept))).astype(np.int32)
    offsets = pa.array(np.append(starts, len(kept)).astype(np.int32))
    columns: dict[str, pa.Array] = {"series_id": ids.dictionary, "n_steps": lengths}
    for name in ("label", *OPTIONAL_COLUMNS):
        if name in table.column_names and name != step:
            columns[name] = _constant(part, table[name], name)
    differ, first = np.zeros(int(again.sum()), dtype=bool), _first_of_step(order, again)
    for name in _channels(path, table, step):
        flat = float_column(path, table[name], name, rows, reading.infinite_cure)
        columns[name] = pa.ListArray.from_arrays(offsets, pa.array(flat[kept]))
        differ |= ~np.equal(flat[order[again]], flat[first]) & ~(
            np.isnan(flat[order[again]]) & np.isnan(flat[first])
        )
    repeats.add(rows[order[again]], differ)
    left_out = {REPEATED_STEPS: str(len(differ))} if len(differ) else None
    return cast(path, pa.table(columns)).replace_schema_metadata(left_out)


def _first_of_step(order: np.ndarray, again: np.ndarray) -> np.ndarray:
    """Return, for every row that repeats a step, the first row of this step."""
    places = np.where(again, 0, np.arange(len(order)))
    return order[np.maximum.accumulate(places)[again]]


def _channels(path: str, table: pa.Table, step: str | None) -> list[str]:
    reserved = {*KNOWN_COLUMNS, step}
    channels = [name for name in table.column_names if name not in reserved]
    if not channels:
        raise refusal(
            path, "at least one column of numbers besides series, label and step",
            ", ".join(table.column_names), "add the channels",
        )  # fmt: skip
    return channels


def _step_order(
    path: str, table: pa.Table, codes: np.ndarray, rows: np.ndarray, reading: Reading
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows by series and step, and which of them, in this order, repeat a step."""
    step = step_of(table.column_names, reading.names)
    if step is None:
        return np.arange(len(codes)), np.zeros(len(codes), dtype=bool)
    steps = table[step]
    if pa.types.is_string(steps.type):
        steps = _from_texts(path, steps, step, reading.names, rows)
    if steps.null_count:
        row = int(steps.is_null().to_numpy().argmax())
        raise refusal(
            path, f"a number or a time in column {step!r}", "none", "fill it in", int(rows[row])
        )
    values = steps.to_numpy()
    if pa.types.is_time(steps.type):
        values = _times_of_day(path, steps, step, codes, rows)
    order = np.lexsort((values, codes))
    again = np.zeros(len(order), dtype=bool)
    again[1:] = (np.diff(codes[order]) == 0) & (values[order][1:] == values[order][:-1])
    return order, again


def _from_texts(
    path: str, texts: pa.ChunkedArray, step: str, names: ColumnNames, rows: np.ndarray
) -> pa.ChunkedArray:
    """Convert steps that are texts in a workbook, in Parquet, or far down in a CSV."""
    if (numbers := numbers_of(texts)) is not None:
        return pa.chunked_array([pa.array(numbers, from_pandas=True)])
    return read_times(path, texts, step, names.dates, rows, "a number or a time")


def _times_of_day(
    path: str, steps: pa.ChunkedArray, step: str, codes: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Return seconds ``(n,)``; if they decrease, midnight passed or the newest come first."""
    values = as_floats(steps)
    order = np.argsort(codes, kind="stable")
    back = (np.diff(values[order]) < 0) & (np.diff(codes[order]) == 0)
    if back.any():
        row = int(order[int(back.argmax()) + 1])
        raise refusal(
            path, f"times of a day in column {step!r} that only go on", str(steps[row]),
            dates_cure(Content("clock")), int(rows[row]),
        )  # fmt: skip
    return values


class _Part(NamedTuple):
    """Rows of a part: the series of each ``(n,)``, the first row of every series, the rows' numbers
    in the file ``(n,)``, and the file's names of the columns."""

    path: str
    codes: np.ndarray
    first: np.ndarray
    rows: np.ndarray
    names: ColumnNames


def _constant(part: _Part, column: pa.ChunkedArray, name: str) -> pa.Array:
    """Return one value for every series; all its rows must agree."""
    values = column.combine_chunks()
    first = values.take(pa.array(part.first))
    expected = first.take(pa.array(part.codes))
    same = pc.fill_null(pc.equal(values, expected), False).to_numpy(zero_copy_only=False)
    same |= (values.is_null().to_numpy(False)) & (expected.is_null().to_numpy(False))
    if not same.all():
        row = int((~same).argmax())
        given, pair = part.names.given(name), (values[row].as_py(), expected[row].as_py())
        raise refusal(
            part.path, f"one {name} for all steps of a series", " beside ".join(map(_told, pair)),
            _constant_cure(name, given), int(part.rows[row]),
        )  # fmt: skip
    return first


def _told(value: object) -> str:
    return value.isoformat(" ") if isinstance(value, datetime) else repr(value)


def _constant_cure(name: str, given: str) -> str:
    if name == "label":
        return (
            "correct it, or say which column is the label or the series: "
            "--label-column NAME --series-id-column NAME"
        )
    step = f"say {option('--step-column', given)} where it orders the rows, or " * (name == "time")
    return f"{step}leave the column out with {option('--ignore', given)}"
