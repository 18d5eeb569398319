"""Reader of Excel workbooks (.xlsx): a sheet is a table, long or wide.

Its XML is checked before cells are built from it. A cell names its own place, and a reader fills
every place before it: a few bytes can ask for billions of empty cells. A formula whose result was
never stored would be read as an empty cell.
"""

import re
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import zip_longest
from typing import IO, Any
from xml.parsers import expat

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
MAX_DEPTH = 64
MAX_TEXT_BYTES = 2**20
"""Most bytes of a row without the beginning of an element; a cell has at most 32,767 characters."""
CHUNK_BYTES = 2**16
SHEET, TEXTS, PLAIN = "worksheet", "sst", ("v", "t", "is", "f")
OBJECTS = {"styleSheet", "workbook", "Types", "Relationships", "coreProperties", "Properties"}
OBJECT_PARTS = re.compile(r"xl/(workbook|styles)\.xml|\[Content_Types\]\.xml|docProps/.*|.*\.rels")
REFERENCE = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,7})")


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
        reason = " ".join(str(error).split())
        raise refusal(path, "an Excel workbook", reason, "save it again as .xlsx") from error


def _read_sheet(path: str, names: ColumnNames, limits: Limits) -> pa.Table:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    try:
        filled = {sheet.title: sheet for sheet in book.worksheets if next(_rows(sheet), None)}
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
        sheet = filled[title] if title else next(iter(filled.values()))
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


def check_markup(path: str, archive: zipfile.ZipFile, limits: Limits) -> None:
    """Refuse a workbook whose cells are too many, or at places that no table has."""
    members = archive.infolist()
    if len(members) > MAX_PARTS:
        raise refusal(path, f"at most {MAX_PARTS:,} parts", f"{len(members):,}", "save it again")
    for member in members:
        with archive.open(member) as content:
            _Part(path, member.filename, limits).check(content)


class _Part:
    """One member of the archive; if it is no XML, the reader reports that."""

    def __init__(self, path: str, name: str, limits: Limits) -> None:
        self.path, self.name, self.limits = path, name, limits
        self.most = 0
        self.elements = self.depth = self.row = self.column = self.rows = self.widest = 0
        self.is_known = self.is_filled = False
        self.open_formula, self.has_text = "", False
        self.parser = expat.ParserCreate()
        self.parser.StartDoctypeDeclHandler = self._refuse_doctype
        self.parser.StartElementHandler = self._begin_root

    def check(self, content: IO[bytes]) -> None:
        """Parse the part to its end, or until it is clear that no reader loads it."""
        seen, quiet_bytes = 0, 0
        try:
            while chunk := content.read(CHUNK_BYTES):
                self.parser.Parse(chunk)
                if self.is_known and not self.most:
                    return
                quiet_bytes = 0 if self.elements > seen else quiet_bytes + len(chunk)
                seen = self.elements
                if quiet_bytes > MAX_TEXT_BYTES:
                    self._refuse(f"texts of at most {MAX_TEXT_BYTES:,} bytes", "a longer one")
            self.parser.Parse(b"", True)
        except expat.ExpatError:
            return

    def _refuse_doctype(self, *_: object) -> None:
        self._refuse("no document type declaration", "one")

    def _begin_root(self, name: str, _: dict[str, str]) -> None:
        """Decide what is counted: nothing in parts that no reader loads."""
        name, self.is_known, self.elements = _local(name), True, 1
        if name in (SHEET, TEXTS):
            self.most = ELEMENTS_PER_CELL * self.limits.sheet_cells
        elif name in OBJECTS or OBJECT_PARTS.fullmatch(self.name):
            self.most = MAX_OBJECTS
        begin = self._begin_in_sheet if name == SHEET else self._begin
        self.parser.StartElementHandler = begin if self.most else None
        end = self._end_in_sheet if name == SHEET else self._end
        self.parser.EndElementHandler = end if self.most else None

    def _begin(self, _: str, __: dict[str, str]) -> None:
        self.elements += 1
        self.depth += 1
        if self.elements > self.most or self.depth > MAX_DEPTH:
            self._refuse_many()

    def _end(self, _: str) -> None:
        self.depth -= 1

    def _begin_in_sheet(self, name: str, attributes: dict[str, str]) -> None:
        self._begin(name, attributes)
        if name not in PLAIN:
            name = _local(name)
        if name == "c":
            self._begin_cell(attributes.get("r"))
            self.has_text = attributes.get("t") == "str"
        elif name == "row":
            self._begin_row(attributes.get("r"))
        elif name == "f" and not self.has_text:
            self.open_formula = f"row {self.row}, column {self.column}"
        elif name == "v" and self.open_formula:
            self.parser.CharacterDataHandler = self._see_result

    def _see_result(self, text: str) -> None:
        if text.strip():
            self.open_formula, self.parser.CharacterDataHandler = "", None

    def _end_in_sheet(self, name: str) -> None:
        self._end(name)
        if self.open_formula and _local(name) == "c":
            self._refuse(
                "the result of every formula", f"none in {self.open_formula}",
                "open it in a spreadsheet program and save it there",
            )  # fmt: skip

    def _begin_row(self, reference: str | None) -> None:
        row = self.row + 1 if reference is None else _number(reference)
        if not self.row < row <= LAST_ROW:
            self._refuse_place("row", reference, f"{self.row + 1:,} to {LAST_ROW:,}")
        self.row, self.column, self.is_filled = row, 0, False

    def _begin_cell(self, reference: str | None) -> None:
        column = self.column + 1 if reference is None else _column(reference)
        if column <= self.column:
            self._refuse_place("cell", reference, "to the right of the one before it")
        self.limits.check(self.path, "channels", column - 1, f"(a cell in column {column})")
        self.column, self.widest = column, max(self.widest, column)
        self.rows += not self.is_filled
        self.is_filled = True
        if self.rows * self.widest > self.limits.sheet_cells:
            self._refuse_many()

    def _refuse_many(self) -> None:
        if self.depth > MAX_DEPTH:
            self._refuse(f"at most {MAX_DEPTH} elements in each other", "more")
        if self.most == MAX_OBJECTS:
            self._refuse(f"at most {MAX_OBJECTS:,} elements", "more")
        most = self.limits.sheet_cells
        self._refuse(
            f"at most {most:,} cells in a sheet, empty ones between them included", "more",
            f"save the sheet as CSV, or if you trust the file, say --limit sheet_cells={8 * most}",
        )  # fmt: skip

    def _refuse_place(self, what: str, reference: str | None, where: str) -> None:
        self._refuse(f"a {what} {where}", repr((reference or "none")[:20]))

    def _refuse(self, expected: str, got: str, cure: str = "save it again as .xlsx") -> None:
        raise refusal(self.path, f"{expected} (in {self.name[:80]})", got, cure)


def _local(name: str) -> str:
    """Return a name without its namespace's prefix."""
    return name.rpartition(":")[2]


def _number(reference: str) -> int:
    return int(reference) if re.fullmatch(r"[0-9]{1,7}", reference) else 0


def _column(reference: str) -> int:
    """Return a cell's column number by its reference, such as 28 for ``AB7``; 0 if invalid."""
    match = REFERENCE.fullmatch(reference)
    number = 0
    for letter in match[1].upper() if match else "":
        number = 26 * number + ord(letter) - 64
    return number
