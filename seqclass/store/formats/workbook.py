"""Reader of Excel workbooks (.xlsx): a sheet is a table, long or wide.

Its elements are counted before openpyxl reads it, and its places meanwhile: a cell names its own
place, and all places before it are filled, so that a few bytes can ask for billions of empty cells.
"""

import re
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import zip_longest
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
LAST_ROW = 2**20
"""The last row that a workbook can have."""
ELEMENTS_PER_CELL = 3
"""Elements per cell: the cell, its value or text, and its share of the surrounding ones."""
MAX_PARTS = 10_000
MAX_OBJECTS = 2**16
"""Most elements of the parts that become large objects: names, styles, relations."""
CHUNK_BYTES = 2**16
CELLS = re.compile(rb"<(\w+:)?(worksheet|sst)[\s>]")
"""The first element of a sheet, or of the texts of all sheets."""
OBJECT_PARTS = re.compile(r"xl/(workbook|styles)\.xml|\[Content_Types\]\.xml|docProps/.*|.*\.rels")


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
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            limits.check(path, "whole_bytes", size, "of a workbook")
            limits.check_ratio(path, size)
            _check_parts(path, archive, limits)
    except zipfile.BadZipFile as error:
        raise refusal(path, "an Excel workbook", str(error), "save it again as .xlsx") from error


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
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        filled = [name for name in sheets if next(_rows(path, sheets[name], limits), None)]
        title = names.sheet
        if title is None and len(filled) != 1:
            raise refusal(
                path, "one sheet with cells", ", ".join(map(repr, filled)) or "none",
                "say which with --sheet NAME",
            )  # fmt: skip
        if title is not None and title not in filled:
            raise refusal(
                path, f"a sheet {title!r}", ", ".join(map(repr, filled)) or "none",
                "correct --sheet",
            )  # fmt: skip
        sheet = sheets[title or filled[0]]
        rows = list(_rows(path, sheet, limits))
        header = ["" if cell is None else str(cell).strip() for cell in rows[0]]
        columns = [list(column) for column in zip_longest(header, *rows[1:])]
        if any(cell is None for row in rows for cell in row):
            _check_formulas(path, sheet)
        return _table(path, [c[0] or "" for c in columns], [c[1:] for c in columns])
    finally:
        book.close()


def _rows(path: str, sheet: Any, limits: Limits) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of non-empty rows; the sheet's declared size is ignored."""
    sheet.reset_dimensions()
    n_rows = widest = 0
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        if number > LAST_ROW:
            raise refusal(path, f"at most {LAST_ROW:,} rows", "more", "save it again as .xlsx")
        n_rows, widest = n_rows + bool(row), max(widest, len(row))
        limits.check(path, "channels", widest - 1, f"(a cell in column {widest})")
        if n_rows * widest > limits.sheet_cells:
            raise _too_many_cells(path, limits)
        if any(cell is not None for cell in row):
            yield row


def _too_many_cells(path: str, limits: Limits) -> RefusalError:
    most = limits.sheet_cells
    return refusal(
        path, f"at most {most:,} cells in a sheet, empty ones between them included", "more",
        f"save the sheet as CSV, or if you trust the file, say --limit sheet_cells={8 * most}",
    )  # fmt: skip


def _check_formulas(path: str, sheet: Any) -> None:
    """Refuse formulas without a stored result, which would be read as empty cells."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, keep_links=False)
    try:
        formulas = book[sheet.title]
        formulas.reset_dimensions()
        for row, results in zip(formulas.iter_rows(), sheet.iter_rows(), strict=True):
            for cell, result in zip(row, results, strict=True):
                if cell.data_type == "f" and result.value is None and result.data_type != "str":
                    raise refusal(
                        path, "the result of every formula",
                        f"none in row {cell.row}, column {cell.column}",
                        "open it in a spreadsheet program and save it there",
                    )  # fmt: skip
    finally:
        book.close()


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


def _check_parts(path: str, archive: zipfile.ZipFile, limits: Limits) -> None:
    """Refuse too many elements, which take far more memory and time than their bytes."""
    members = archive.infolist()
    if len(members) > MAX_PARTS:
        raise refusal(path, f"at most {MAX_PARTS:,} parts", f"{len(members):,}", "save it again")
    for member in members:
        with archive.open(member) as content:
            n_elements, most = 0, MAX_OBJECTS if OBJECT_PARTS.fullmatch(member.filename) else None
            while chunk := content.read(CHUNK_BYTES):
                if not n_elements and CELLS.search(chunk):
                    most = ELEMENTS_PER_CELL * limits.sheet_cells
                n_elements += chunk.count(b"<") - chunk.count(b"</")
                if most is None:
                    break
                if n_elements > most == MAX_OBJECTS:
                    name = member.filename[:80]
                    expected = f"at most {MAX_OBJECTS:,} elements (in {name})"
                    raise refusal(path, expected, "more", "save it again as .xlsx")
                if n_elements > most:
                    raise _too_many_cells(path, limits)
