"""Workbooks: a sheet is a table; what asks for more cells than it has is refused."""

import zipfile
from datetime import datetime, time
from pathlib import Path

import openpyxl
import pyarrow as pa
import pytest

from seqclass.store.formats import ColumnNames, Limits, RefusalError, read_files
from seqclass.store.formats.workbook import ELEMENTS_PER_CELL, MAX_OBJECTS
from tests.support.workbooks import SHEET, sheet, write_book, write_many_cells

SMALL = Limits(sheet_cells=4000)


def read(path: Path, limits: Limits | None = None, **options: str) -> pa.Table:
    names = ColumnNames(**options)  # type: ignore[arg-type]
    return pa.concat_tables(read_files([str(path)], names, limits=limits))


Rows = list[list[object]]


def workbook(path: Path, **sheets: Rows) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(path)
    return path


SERIES = {"p": ("up", [1.5, 2.25, -3.5]), "q": ("down", [4.5, 0.25, 6.75])}
LONG: Rows = [["series_id", "label", "step", "x"],
              *([i, k, t, x] for i, (k, v) in SERIES.items() for t, x in enumerate(v))]  # fmt: skip
WIDE: Rows = [["series_id", "label", "V1", "V2", "V3"],
              *([i, k, *v] for i, (k, v) in SERIES.items())]  # fmt: skip


def test_a_sheet_is_a_table(tmp_path: Path) -> None:
    days = [[*r[:2], datetime(2024, 2, 1 + int(str(r[2]))), r[3]] for r in LONG[1:]]
    for rows, options in (
        (LONG, {}),
        ([LONG[0], *days], {}),
        (WIDE, {"layout": "wide"}),
        ([["series_id", "label", 0, 1, 2], *WIDE[1:]], {"layout": "wide"}),
        ([[], [], *([None, None, *row] for row in WIDE)], {"layout": "wide"}),
    ):
        table = read(workbook(tmp_path / "a.xlsx", rows=rows, empty=[]), **options)
        assert table["label"].to_pylist() == ["up", "down"]
        assert table[table.column_names[-1]].to_pylist() == [v for _, v in SERIES.values()]
    two = workbook(tmp_path / "b.xlsx", notes=[["made by", "me"]], rows=LONG)
    assert len(read(two, sheet="rows")) == 2


@pytest.mark.parametrize(
    ("sheets", "options", "cure"),
    [
        ({"a": LONG}, {"sheet": "b"}, "correct --sheet"),
        ({"a": LONG, "b": LONG}, {}, "--sheet NAME"),
        ({"a": [LONG[0]]}, {}, "check the sheet"),
        ({"a": [*LONG, ["p", "up", 3, "ok"]]}, {}, "--ignore x"),
        ({"a": [LONG[0], ["p", "up", time(1), 1.5]]}, {}, "add the date"),
        ({"a": [["Logger 7"], *LONG]}, {}, "remove the lines above the header"),
    ],
)
def test_a_sheet_that_is_no_table_is_refused_with_the_cure(
    tmp_path: Path, sheets: dict[str, Rows], options: dict[str, str], cure: str
) -> None:
    with pytest.raises(RefusalError, match=f"expected .*{cure}"):
        read(workbook(tmp_path / "in.xlsx", **sheets), **options)


FAR = {
    "row in a cell": ('<row r="5"><c r="ZZZZ5"><v>1</v></c></row>', "an Excel workbook"),
    "column": ('<row><c r="XFD2"><v>1</v></c></row>', "at most 4,096 channels"),
    "row twice": ('<row r="4"/><row r="4"/>', "every row and cell once, in order"),
    "row before": ('<row r="4"/><row r="3"/>', "another order at row 3"),
    "cell before": ('<row r="4"><c r="B4"/><c r="A4"/></row>', "another order at row 4"),
    "cell twice": ('<row><c r="A2"/><c r="A2"/></row>', "another order at row 2"),
    "number that is none": ('<row r="one"/>', "an Excel workbook"),
    "digits": (f'<row r="{"9" * 6000}"/>', "an Excel workbook"),
    "wide rows": ('<row><c r="DZZ2"/></row><row><c/></row>', "--limit sheet_cells=32000"),
    "cells": (f"<row>{'<c/>' * 1000}</row>" * 4, "sheet_cells="),
    "elements": (f"<row><c>{'<v/>' * (ELEMENTS_PER_CELL * 4002)}</c></row>", "sheet_cells="),
    "text": (f"<row><c><v>{'1' * 2**21}</v></c></row>", "an Excel workbook"),
    "depth": ("<row><c><v>" + "<v>" * 100, "an Excel workbook"),
}


@pytest.mark.parametrize("kind", FAR)
def test_places_that_no_table_has_are_refused(tmp_path: Path, kind: str) -> None:
    rows, says = FAR[kind]
    path = write_book(tmp_path / "a.xlsx", {SHEET: sheet(rows)})
    with pytest.raises(RefusalError) as caught:
        read(path, SMALL)
    assert says in str(caught.value)


def test_other_parts_have_limits_too(tmp_path: Path) -> None:
    styles = f"<styleSheet><cellXfs>{'<xf/>' * MAX_OBJECTS}</cellXfs></styleSheet>"
    entity = '<!DOCTYPE a [<!ENTITY a "aaaa">]>' + sheet("<row><c><v>&a;</v></c></row>")
    for parts, says in (
        ({"xl/styles.xml": styles}, "at most 65,536 elements in xl/styles.xml"),
        ({SHEET: entity}, "an Excel workbook"),
    ):
        with pytest.raises(RefusalError, match=says):
            read(write_book(tmp_path / "a.xlsx", parts))


def test_an_archive_that_is_no_workbook_or_would_be_huge_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04, and no zip")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("a.txt", b"none")
    for name in ("a.xlsx", "b.xlsx"):
        with pytest.raises(RefusalError, match="an Excel workbook"):
            read(tmp_path / name)
    with pytest.raises(RefusalError, match="--limit whole_bytes="):
        read(workbook(tmp_path / "c.xlsx", rows=LONG), Limits(whole_bytes=1000))


def test_a_sheet_that_lies_about_its_size_is_read_as_it_is(tmp_path: Path) -> None:
    text = "<row>{}<c><v>{}</v></c></row>"
    names = '<c t="inlineStr"><is><t>s</t></is></c><c t="inlineStr"><is><t>p</t></is></c>'
    rows = "".join(text.format(names, value) for value in (0, 2, 1))
    for n, size in enumerate(("A1:XFD1048576", "A1", "B2:B3")):
        content = sheet(rows, f'<dimension ref="{size}"/>')
        table = read(write_book(tmp_path / f"{n}.xlsx", {SHEET: content}))
        assert table["x"].to_pylist() == [[0.0, 2.0, 1.0]]


def test_far_rows_cost_no_more_than_near_ones(tmp_path: Path) -> None:
    names = '<c t="inlineStr"><is><t>s</t></is></c><c t="inlineStr"><is><t>p</t></is></c>'
    rows = "".join(f'<row r="{n}">{names}<c r="C{n}"><v>{n}</v></c></row>' for n in (9, 2**40))
    table = read(write_book(tmp_path / "a.xlsx", {SHEET: sheet(rows)}), Limits(sheet_cells=100))
    assert table["x"].to_pylist() == [[9.0, 2.0**40]]


def test_rows_of_other_widths_are_one_table(tmp_path: Path) -> None:
    rows: Rows = [["series_id", "label", "x"], ["s", "p", 1], ["s", "p"], ["s", "p", 3]]
    assert str(read(workbook(tmp_path / "a.xlsx", a=rows))["x"].to_pylist()) == "[[1.0, nan, 3.0]]"


@pytest.mark.parametrize("name", ["a.xlsx", "a.npz"])
def test_an_archive_with_a_large_directory_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for most in (zipfile.ZIP_FILECOUNT_LIMIT, 10):  # beyond it the archive's end has another form
        monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", most)
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for number in range(70):
                member = zipfile.ZipInfo(f"{number}.xml")
                member.comment = bytes(2**16 - 1)
                archive.writestr(member, b"")
        with pytest.raises(RefusalError, match="directory of at most 4,194,304 bytes"):
            read(tmp_path / name)


def test_a_larger_sheet_is_read_where_the_limit_is_raised(tmp_path: Path) -> None:
    path = write_many_cells(tmp_path / "a.xlsx", 100)
    with pytest.raises(RefusalError, match="--limit sheet_cells=8000"):
        read(path, Limits(sheet_cells=1000))
    with pytest.raises(RefusalError, match="name for every column"):
        read(path, Limits(sheet_cells=8000))


@pytest.mark.parametrize(
    ("cell", "is_read"),
    [("<c><f>1+1</f><v>2</v></c>", True), ('<c t="str"><f>""</f><v></v></c>', True),
     ("<c><f>1+1</f><v/></c>", False), ("<c>\n<f>1+1</f>\n<v>\n</v>\n</c>", False)],
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
