"""Reader of Excel workbooks (.xlsx): a sheet is a table, long or wide.

A cell names its own place. The rows of openpyxl fill every place before it, so that a few bytes can
ask for billions of empty cells, and they leave out a row that comes again. So cells are taken from
its parser, and their places are checked before a row is made.
"""

import re
import zipfile
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from itertools import pairwise, zip_longest
from typing import Any

import pyarrow as pa

from seqclass.store.formats.longform import gather, survey_rows
from seqclass.store.formats.table import (
    ColumnNames,
    Limits,
    Reading,
    RefusalError,
    check_columns,
    check_directory,
    refusal,
)
from seqclass.store.formats.widetext import wide_tables

FIRST_ROW = 2
ELEMENTS_PER_CELL = 3
"""Elements per cell: the cell, its value or text, and its share of the surrounding ones."""
MAX_OBJECTS = 2**16
"""Most elements of the parts that become large objects: names, styles, relations."""
OBJECT_PARTS = re.compile(r"xl/(workbook|styles)\.xml|\[Content_Types\]\.xml|docProps/.*|.*\.rels")
CHUNK_BYTES = 2**20


def read_workbook(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Yield rows of a sheet that is a table, long or wide."""
    path = paths[0]
    table = read_sheet(path, reading.names, reading.limits)
    check_columns(path, table.column_names, reading.names)
    if reading.names.layout == "wide":
        yield from wide_tables(path, [table], reading, FIRST_ROW)
        return
    survey = survey_rows(path, [table], reading, FIRST_ROW)
    yield from gather(path, survey, lambda: iter([table]), reading, FIRST_ROW)


def _check_size(path: str, limits: Limits) -> None:
    """Check the unpacked size of a workbook, which is an archive, before it is read."""
    if find_spec("openpyxl") is None:
        raise refusal(
            path, "the package openpyxl for Excel files", "none",
            "install sequence-classification[excel], or save the sheet as CSV",
        )  # fmt: skip
    check_directory(path)
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        limits.check(path, "whole_bytes", size, "of a workbook")
        limits.check_ratio(path, size)
        for name in archive.namelist():
            with archive.open(name) as part:
                chunks = iter(partial(part.read, CHUNK_BYTES), b"")
                n_elements = sum(chunk.count(b"<") - chunk.count(b"</") for chunk in chunks)
            if OBJECT_PARTS.fullmatch(name) and n_elements > MAX_OBJECTS:
                expected = f"at most {MAX_OBJECTS:,} elements in {name}"
                raise refusal(path, expected, f"{n_elements:,}", "save it again as .xlsx")
            _check_cells(path, n_elements // ELEMENTS_PER_CELL, limits)


def _check_cells(path: str, n_cells: int, limits: Limits) -> None:
    if n_cells > (most := limits.sheet_cells):
        raise refusal(
            path, f"at most {most:,} cells in a sheet, empty ones between them included", "more",
            f"save the sheet as CSV, or if you trust the file, say --limit sheet_cells={8 * most}",
        )  # fmt: skip


def read_sheet(path: str, names: ColumnNames, limits: Limits) -> pa.Table:
    """Return the named sheet, or the only one with cells; its first row names the columns."""
    try:
        _check_size(path, limits)
        return _read_sheet(path, names, limits)
    except (OSError, RefusalError):
        raise
    except Exception as error:  # openpyxl has no kind of its own for XML that it can't take
        reason = " ".join(str(error).split())
        raise refusal(path, "an Excel workbook", reason, "save it again as .xlsx") from error


def _read_sheet(path: str, names: ColumnNames, limits: Limits) -> pa.Table:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        sheets = {sheet.title: _rows(path, sheet, limits) for sheet in book.worksheets}
        headers = {title: header for title, rows in sheets.items() if (header := next(rows, None))}
        title = names.sheet
        if title is None and len(headers) != 1:
            raise refusal(
                path, "one sheet with cells", ", ".join(map(repr, headers)) or "none",
                "say which with --sheet NAME",
            )  # fmt: skip
        if title is not None and title not in headers:
            raise refusal(
                path, f"a sheet {title!r}", ", ".join(map(repr, headers)) or "none",
                "correct --sheet",
            )  # fmt: skip
        [title] = [title] if title else headers
        header = ["" if cell is None else str(cell).strip() for cell in headers[title]]
        columns = [list(column) for column in zip_longest(header, *sheets[title])]
        return _table(path, [c[0] or "" for c in columns], [c[1:] for c in columns])
    finally:
        book.close()


def _rows(path: str, sheet: Any, limits: Limits) -> Iterator[list[Any]]:
    """Yield the cells of non-empty rows; the sheet's declared size is ignored."""
    from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

    class Parser(WorkSheetParser):  # type: ignore[misc]
        def parse_cell(self, element: Any) -> Any:
            has_formula = element.find(FORMULA_TAG) is not None and element.get("t") != "str"
            if has_formula and not (element.findtext(VALUE_TAG) or "").strip():
                place = element.get("r") or f"row {self.row_counter}, column {self.col_counter + 1}"
                raise refusal(
                    path, "the result of every formula", f"none in {place}",
                    "open it in a spreadsheet program and save it there",
                )  # fmt: skip
            return super().parse_cell(element)

    book, before, n_rows, widest = sheet.parent, 0, 0, 0
    with sheet._get_source() as source:
        parser = Parser(
            source, sheet._shared_strings, data_only=True, epoch=book.epoch,
            date_formats=book._date_formats, timedelta_formats=book._timedelta_formats,
        )  # fmt: skip
        for number, cells in parser.parse():
            places = [0, *(cell["column"] for cell in cells)]
            if number <= before or any(a >= b for a, b in pairwise(places)):
                raise refusal(
                    path, "every row and cell once, in order", f"another order at row {number}",
                    "save it again as .xlsx",
                )  # fmt: skip
            before, n_rows, widest = number, n_rows + bool(cells), max(widest, places[-1])
            limits.check(path, "channels", places[-1] - 1, f"(a cell in column {places[-1]})")
            _check_cells(path, n_rows * widest, limits)
            row = [None] * places[-1]
            for cell in cells:
                row[cell["column"] - 1] = cell["value"]
            if any(value is not None for value in row):
                yield row


def _table(path: str, header: list[str], columns: list[list[Any]]) -> pa.Table:
    used = [k for k, name in enumerate(header) if name or any(c is not None for c in columns[k])]
    header, columns = [header[k] for k in used], [columns[k] for k in used]
    if not columns or not columns[0]:
        raise refusal(path, "at least one row below the names", "none", "check the sheet")
    arrays = []
    for name, cells in zip(header, columns, strict=True):
        try:
            arrays.append(pa.array(cells))
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            arrays.append(pa.array([None if c is None else str(c) for c in cells]))
        if pa.types.is_time(arrays[-1].type):
            raise refusal(
                path, f"dates or numbers in column {name!r}", "times of a day", "add the date"
            )
    return pa.Table.from_arrays(arrays, names=header)
