"""The order of the rows of a series, if no step column is named.

The file's order counts. An ignored column must not contradict it, so that no series is read
backwards unnoticed; other columns that could order the rows are asked about (``questions``).
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.formats.cells import (
    Content,
    as_floats,
    content_of,
    date_formats,
    dates_cure,
    first_odd,
)
from seqclass.store.formats.questions import (
    TableQuestion,
    ask_all,
    counts,
    numbers_of,
    step_question,
)
from seqclass.store.formats.table import ColumnNames, kept_columns, refusal


class FileOrder:
    """A check of the rows' order against ignored columns, part after part."""

    def __init__(self, path: str, names: ColumnNames) -> None:
        self.path, self.names = path, names
        self.contents: dict[str, Content] | None = None
        self.last: dict[str, tuple[int, list[float]]] = {}

    def check(self, table: pa.Table, codes: np.ndarray) -> None:
        """Refuse rows whose order contradicts a time or counter in the file."""
        if self.contents is None:
            self.contents = self._clocks(table, codes)
        for name, content in self.contents.items():
            if not self._goes_on(table[name], name, content, codes):
                cure = step_question(name, content).cure
                ask_all(
                    self.path,
                    [TableQuestion(
                        "rows in the order of their times, or a word on their order",
                        f"column {name!r}, left out, in another order",
                        f"{cure}, or remove the column from the file where the rows are in order",
                    )],
                )  # fmt: skip

    def _clocks(self, table: pa.Table, codes: np.ndarray) -> dict[str, Content]:
        """Return ignored columns that may order the rows."""
        columns = table.column_names
        used = {*kept_columns(columns, self.names), *self.names.roles}
        left = {name: content_of(table[name]) for name in columns if name not in used}
        return {
            name: content
            for name, content in left.items()
            if content.kind in ("time", "clock", "odd time")
            or (content.kind == "number" and counts(table[name], name, codes))
        }

    def _goes_on(
        self, column: pa.ChunkedArray, name: str, content: Content, codes: np.ndarray
    ) -> bool:
        """Check that no reading of the column decreases within a series."""
        readings = readings_of(column, content)
        code, values = self.last.get(name, (-1, []))
        same = np.diff(codes, prepend=code) == 0
        for number, reading in enumerate(readings):
            before = values[number] if number < len(values) else np.nan
            if (np.diff(reading, prepend=before)[same] < 0).any():
                return False
        if len(codes):
            self.last[name] = int(codes[-1]), [float(reading[-1]) for reading in readings]
        return bool(readings) or not _changes(column, codes)


def _changes(column: pa.ChunkedArray, codes: np.ndarray) -> bool:
    """Check whether a column has several values in a series."""
    values = column.cast(pa.string()).combine_chunks().dictionary_encode().indices
    value_codes = pc.fill_null(values, -1).to_numpy(zero_copy_only=False)
    return bool(((np.diff(value_codes) != 0) & (np.diff(codes) == 0)).any())


def readings_of(column: pa.ChunkedArray, content: Content) -> list[np.ndarray]:
    """Return a column's numbers or times as float64, once for each possible notation."""
    if content.kind == "number":
        values = numbers_of(column)
        return [] if values is None else [values]
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return [as_floats(column)]
    if content.kind == "clock":
        readings = [parsed(column, ["%H:%M:%S", "%H:%M"])]
    else:
        readings = [parsed_times(column, words) for words in content.dates or [None]]
    return [] if None in readings else [as_floats(times) for times in readings if times is not None]


def parsed_times(column: pa.ChunkedArray, dates: str | None) -> pa.ChunkedArray | None:
    """Parse texts as ISO times, or by the word of ``--dates``; None if they are none."""
    if dates is not None and (times := parsed(column, date_formats(dates))) is not None:
        return times
    for kind in (pa.timestamp("ns"), pa.timestamp("ns", "UTC")):
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            continue
    return None


def read_times(
    path: str,
    texts: pa.ChunkedArray,
    name: str,
    dates: str | None,
    rows: np.ndarray,
    expected: str = "a time",
) -> pa.ChunkedArray:
    """Return texts as times; refuse the first that is none by its row in the file.

    rows: numbers of the rows in the file ``(n,)``.
    """
    if (times := parsed_times(texts, dates)) is not None:
        return times
    place = first_odd(texts.to_pylist(), dates)
    raise refusal(
        path, f"{expected} in column {name!r}", repr(texts[place].as_py()),
        dates_cure(content_of(texts)), int(rows[place]),
    )  # fmt: skip


def with_times(path: str, table: pa.Table, names: ColumnNames, rows: np.ndarray) -> pa.Table:
    """Return a table whose column ``time`` holds times, where it holds texts; rows: ``(n,)``."""
    if "time" not in table.column_names or not pa.types.is_string(table["time"].type):
        return table
    times = read_times(path, table["time"], names.given("time"), names.dates, rows)
    return table.set_column(table.column_names.index("time"), "time", times)


def parsed(column: pa.ChunkedArray, formats: list[str]) -> pa.ChunkedArray | None:
    """Parse texts by the first time format that fits all of them; None if none fits."""
    for form in formats:
        times = pc.strptime(column, format=form, unit="s", error_is_null=True)
        if times.null_count == column.null_count:
            return times
    return None
