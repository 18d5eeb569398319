"""Workbooks whose XML asks for more than a table has: refused before a cell is built."""

import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from seqclass.store.formats import ColumnNames, Limits, RefusalError, read_files
from seqclass.store.formats.workbook import ELEMENTS_PER_CELL, MAX_OBJECTS
from tests.support.workbooks import SHEET, sheet, write_book, write_many_cells

MANY = ELEMENTS_PER_CELL * Limits().sheet_cells
FAR = {
    "row": ('<row r="900000000000"><c><v>1</v></c></row>', "expected a row 2 to 1,048,576"),
    "row in a cell": ('<row r="5"><c r="ZZZZ5"><v>1</v></c></row>', "expected a cell to the right"),
    "column": ('<row><c r="XFD2"><v>1</v></c></row>', "at most 4,096 channels"),
    "row before": ('<row r="4"/><row r="3"/>', "expected a row 5 to"),
    "row twice": ('<row r="4"/><row r="4"/>', "expected a row 5 to"),
    "cell before": ('<row r="4"><c r="B4"/><c r="A4"/></row>', "expected a cell to the right"),
    "number that is none": ('<row r="1e3"/>', "expected a row 2 to"),
    "digits": (f'<row r="{"9" * 6000}"/>', "expected a row 2 to"),
    "wide rows": ('<row><c r="DZZ2"/></row>' + "<row><c/></row>" * 400, "sheet_cells="),
    "cells": (f"<row>{'<c/>' * 1000}</row>" * 1050, "sheet_cells="),
    "elements": (
        f"<row><c>{'<v/>' * (ELEMENTS_PER_CELL * Limits().sheet_cells)}</c></row>",
        "sheet_cells=",
    ),
    "text": (f"<row><c><v>{'1' * 2**21}</v></c></row>", "texts of at most 1,048,576 bytes"),
}
STYLES = f"<styleSheet><cellXfs>{'<xf/>' * MAX_OBJECTS}</cellXfs></styleSheet>"
ENTITY = '<!DOCTYPE a [<!ENTITY a "aaaa">]>' + sheet("<row><c><v>&a;</v></c></row>")


def read(path: Path, **limits: int) -> pa.Table:
    return pa.concat_tables(read_files([str(path)], ColumnNames(), limits=Limits(**limits)))


@pytest.mark.parametrize("kind", FAR)
def test_places_that_no_table_has_are_refused(tmp_path: Path, kind: str) -> None:
    rows, says = FAR[kind]
    path = write_book(tmp_path / "a.xlsx", {SHEET: sheet(rows)})
    assert path.stat().st_size < 100_000
    with pytest.raises(RefusalError) as caught:
        read(path)
    assert says in str(caught.value)


DEEP = sheet("<row><c><v>" + "<v>" * 100)


@pytest.mark.parametrize("parts", [{"xl/styles.xml": STYLES}, {SHEET: ENTITY}, {SHEET: DEEP}])
def test_other_parts_have_limits_too(tmp_path: Path, parts: dict) -> None:
    with pytest.raises(RefusalError, match=r"at most 65,536 elem|no document type|in each other"):
        read(write_book(tmp_path / "a.xlsx", parts))


def test_a_sheet_that_lies_about_its_size_is_read_as_it_is(tmp_path: Path) -> None:
    text = "<row>{}<c><v>{}</v></c></row>"
    names = '<c t="inlineStr"><is><t>s</t></is></c><c t="inlineStr"><is><t>p</t></is></c>'
    rows = "".join(text.format(names, value) for value in (0, 2, 1))
    for n, size in enumerate(("A1:XFD1048576", "A1", "B2:B3")):
        content = sheet(rows, f'<dimension ref="{size}"/>')
        found = read(write_book(tmp_path / f"{n}.xlsx", {SHEET: content}))
        assert found["x"].to_pylist() == [[0.0, 2.0, 1.0]]


def test_rows_of_other_widths_are_one_table(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    table = book.create_sheet()
    for row in (["series_id", "label", "x"], ["s", "p", 1], ["s", "p"], ["s", "p", 3]):
        table.append(row)
    book.save(tmp_path / "a.xlsx")
    assert str(read(tmp_path / "a.xlsx")["x"].to_pylist()) == "[[1.0, nan, 3.0]]"


@pytest.mark.parametrize("name", ["a.xlsx", "a.npz"])
def test_an_archive_of_a_crowd_of_members_is_refused_by_its_directory(
    tmp_path: Path, name: str
) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        for number in range(90_000):  # more than 65,535: its end has another form
            archive.writestr(zipfile.ZipInfo(f"{number}.xml"), b"")
    with pytest.raises(RefusalError, match="directory of at most 4,194,304 bytes"):
        read(tmp_path / name)


def test_a_larger_sheet_is_read_where_the_limit_is_raised(tmp_path: Path) -> None:
    path = write_many_cells(tmp_path / "a.xlsx", 100)
    with pytest.raises(RefusalError, match="--limit sheet_cells=8000"):
        read(path, sheet_cells=1000)
    with pytest.raises(RefusalError, match="name for every column"):
        read(path, sheet_cells=8000)


@pytest.mark.parametrize(
    ("cell", "is_read"),
    [("<c><f>1+1</f><v>2</v></c>", True), ('<c t="str"><f>""</f><v></v></c>', True),
     ("<c><f>1+1</f><v/></c>", False), ("<c><f>1+1</f></c>", False),
     ("<c>\n<f>1+1</f>\n<v>\n</v>\n</c>", False)],
)  # fmt: skip
def test_a_formula_needs_its_result(tmp_path: Path, cell: str, is_read: bool) -> None:
    ids = '<c t="inlineStr"><is><t>p</t></is></c>' * 2
    rows = f"<row>{ids}{cell}</row><row>{ids}<c><v>3</v></c></row>"
    path = write_book(tmp_path / "a.xlsx", {SHEET: sheet(rows)})
    if is_read:
        assert read(path)["x"].to_pylist()[0][-1] == 3
        return
    with pytest.raises(RefusalError, match="got none in row 2, column 3; open it"):
        read(path)
