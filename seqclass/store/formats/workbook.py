"""Reader of Excel workbooks (.xlsx): a sheet is a table, long or wide."""

import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import zip_longest
from typing import Any

import pyarrow as pa

from seqclass.store.formats.hints import NAME, option
from seqclass.store.formats.longform import gather, survey_rows
from seqclass.store.formats.markup import check_markup
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
            check_markup(path, archive, limits)
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
        said = " ".join(str(error).split())
        raise refusal(path, "an Excel workbook", said, "save it again as .xlsx") from error


def _read_sheet(path: str, names: ColumnNames, limits: Limits) -> pa.Table:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        filled = {sheet.title: sheet for sheet in book.worksheets if next(_rows(sheet), None)}
        wanted = names.sheet
        if wanted is None and len(filled) != 1:
            raise refusal(
                path, "one sheet with cells", ", ".join(map(repr, filled)) or "none",
                f"say which with {option('--sheet', NAME)}",
            )  # fmt: skip
        if wanted is not None and wanted not in filled:
            known = ", ".join(map(repr, filled))
            raise refusal(path, f"a sheet {wanted!r}", known or "none", "correct --sheet")
        sheet = filled[wanted] if wanted else next(iter(filled.values()))
        rows = _rows(sheet)
        header = ["" if cell is None else str(cell).strip() for cell in next(rows, ())]
        limits.check(path, "channels", len(header))
        columns = [list(column) for column in zip_longest(header, *rows)]
        return _table(path, [c[0] or "" for c in columns], [c[1:] for c in columns])
    finally:
        book.close()


def _rows(sheet: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the cells of non-empty rows; the sheet's declared size is ignored."""
    sheet.reset_dimensions()
    return (row for row in sheet.iter_rows(values_only=True) if any(c is not None for c in row))


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
