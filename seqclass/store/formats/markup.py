"""Checks of a workbook's XML, before a reader builds cells from it.

A cell names its own place, and a reader fills every place before it: a few bytes can ask for
billions of empty cells. A formula whose result was never stored would be read as an empty cell.
"""

import re
import zipfile
from typing import IO
from xml.parsers import expat

from seqclass.store.formats.table import Limits, refusal

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
