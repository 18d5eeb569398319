"""Files as people have them: each is read correctly, or refused with the cure."""

import re
import zipfile
from collections.abc import Callable
from datetime import datetime, time
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.formats import ColumnNames, Limits, expand, read_files
from seqclass.store.formats.columns import float_column
from seqclass.store.formats.workbook import read_sheet

IDS, LABELS = ["p", "q", "r"], ["up", "down", "up"]
VALUES = {"p": [1.5, 2.25, -3.5], "q": [4.5, 0.25, 6.75], "r": [7.5, 8.125, 9.5]}
RIGHT = [(i, k, VALUES[i]) for i, k in zip(IDS, LABELS, strict=True)]


def long(
    head: str = "series_id,label,step,x",
    step: Callable[[int], object] = int,
    sign: str = ",",
    decimal: str = ".",
    end: str = "\n",
) -> str:
    rows = [
        (i, k, str(step(t)), str(x).replace(".", decimal))
        for i, k in zip(IDS, LABELS, strict=True)
        for t, x in enumerate(VALUES[i])
    ]
    return end.join([head.replace(",", sign), *(sign.join(row) for row in rows), ""])


def wide(head: str = "series_id,label,V1,V2,V3", sign: str = ",", decimal: str = ".") -> str:
    rows = [(i, k, *(str(x).replace(".", decimal) for x in v)) for i, k, v in RIGHT]
    return "\n".join([head.replace(",", sign), *(sign.join(row) for row in rows), ""])


def day(t: int) -> str:
    return f"{13 + t}/02/2024"


READ: dict[str, tuple[bytes | str, dict]] = {
    "plain": (long(), {}),
    "Excel, UTF-8 with a mark": (b"\xef\xbb\xbf" + long(end="\r\n").encode(), {}),
    "Excel, semicolons": (long(sign=";"), {}),
    "Excel, semicolons and decimal commas": (long(sign=";", decimal=","), {}),
    "Excel, sep= in the first line": ("sep=;\n" + long(sign=";", decimal=","), {}),
    "Excel, tabs": (long(sign="\t"), {}),
    "Excel, Unicode text": (long(sign="\t").encode("utf-16"), {}),
    "pipes": (long(sign="|"), {}),
    "spaces": (long(sign=" "), {}),
    "quoted": ('"series_id","label","step","x"\n' + long().split("\n", 1)[1], {}),
    "quoted decimal commas between commas": (
        "series_id,label,step,x\n" + "".join(
            f'{i},{k},{t},"{str(x).replace(".", ",")}"\n' for i, k, v in RIGHT
            for t, x in enumerate(v)
        ), {},
    ),
    "columns of other names": (
        long("unit,kind,t,x"), {"series_id": "unit", "label": "kind", "step": "t"},
    ),
    "ISO times for steps": (long(step=lambda t: f"2024-02-1{t} 10:00:00"), {}),
    "days by the dot": (long(step=lambda t: f"1{3 + t}.02.2024"), {"dates": "dd.mm.yyyy"}),
    "days by the slash": (long(step=day), {"dates": "dd/mm/yyyy"}),
    "latin-1": (
        long("série,label,step,x").encode("latin-1"), {"encoding": "latin-1", "series_id": "série"},
    ),
    "wide": (wide(), {"layout": "wide"}),
    "wide, decimal commas": (wide(sign=";", decimal=","), {"layout": "wide"}),
    "wide, names without numbers": (wide("series_id,label,mo,tu,we"), {"layout": "wide"}),
    "wide, another id": (
        wide("subject,class,t1,t2,t3"),
        {"layout": "wide", "series_id": "subject", "label": "class"},
    ),
}  # fmt: skip
REFUSED: dict[str, tuple[bytes | str, dict, str]] = {
    "wide, not said": (wide(), {}, "--layout wide"),
    "wide, without an id": (
        wide().replace("series_id,", "who,"), {}, "--layout wide where every row",
    ),
    "wide, columns by the alphabet": (
        wide("series_id,label,V1,V10,V2"), {"layout": "wide"}, "put the columns in order",
    ),
    "wide, an age among the steps": (
        wide("series_id,label,age,V1,V2"), {"layout": "wide"}, "--ignore age",
    ),
    "a step by another name": (long("series_id,label,tick,x"), {}, "--step-column tick"),
    "a clock that is no step": (
        long("series_id,label,clock,x", step=lambda t: 0.1 * t), {}, "--step-column clock",
    ),
    "latin-1, not said": (
        long().replace("down", "fällt").encode("latin-1"), {}, "--encoding latin-1",
    ),
    "days by the slash, not said": (long(step=day), {}, "--dates dd/mm/yyyy"),
    "three digits after a comma": (
        "series_id;label;step;x\np;up;0;1,500\np;up;1;2,250\n", {}, "--decimal ','",
    ),
    "three digits after a point": (
        "series_id;label;step;x\np;up;0;1.500\np;up;1;2.250\n", {}, "--decimal ','",
    ),
    "both signs": ("series_id;label;step;x\np;up;0;1,5\np;up;1;2.25\n", {}, "--decimal ','"),
    "thousands": ("series_id;label;step;x\np;up;0;1.234,5\n", {}, "write them without"),
    "decimal commas between commas": (
        long(decimal=","), {}, "separate the columns by semicolons",
    ),
    "R with row names": (
        "series_id,label,step,x\n" + "".join(f"{n},p,up,{n},1.5\n" for n in range(1, 4)), {},
        "name the first column too",
    ),
    "R with quoted row names": (
        '"","series_id","label","step","x"\n"1","p","up",1,1.5\n', {}, "row.names = FALSE",
    ),
    "R with NA for a label": (long().replace("down", "NA"), {}, "leave the label empty"),
    "pandas with its index": (",series_id,label,step,x\n0,p,up,0,1.5\n", {}, "index=False"),
    "a logger's preamble": (
        "Logger 7\nserial 1234\n" + long(), {}, "remove the lines above the header",
    ),
    "a space after an id": (long().replace("p,up,1", "p ,up,1"), {}, "remove the spaces"),
    "a space before a label": (
        wide().replace("r,up", "r, up"), {"layout": "wide"}, "remove the spaces",
    ),
    "a note": (long("series_id,label,step,note").replace("1.5", "ok"), {}, "--ignore note"),
    "units below the header": (
        "series_id,label,step,x\n,,s,mV\n" + long().split("\n", 1)[1], {}, "remove this line",
    ),
    "two signs between columns": (
        "series_id,label;step,x\np,up;0,1\n", {}, "--delimiter",
    ),
    "an offset that eats the digits": (
        "series_id,label,step,x\n" + "".join(f"p,up,{t},{10**9 + t}\n" for t in range(9)), {},
        "subtract an offset",
    ),
    "1e25 and a wave": (
        "series_id,label,step,x\n"
        + "".join(f"p,up,{t},{1e25 + 1e10 * (t % 3)!r}\n" for t in range(9)), {},
        "subtract an offset",
    ),
    "a time that passes": (
        long("series_id,label,time,x", step=lambda t: f"2024-02-1{t} 10:00:00"), {},
        "--step-column time",
    ),
    "empty": ("", {}, "check the file"),
    "a header alone": ("series_id,label,step,x\n", {}, "check the file"),
    "one column": ("value\n1\n2\n", {}, "--series-id-column"),
}  # fmt: skip


def write(path: Path, content: bytes | str) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def read(path: str, **words: object) -> list[tuple]:
    names = ColumnNames(**words)  # type: ignore[arg-type]
    rows = pa.concat_tables(read_files(expand([path], "PATH"), names)).to_pylist()
    fixed = {"series_id", "label", "n_steps"}
    return [
        (r["series_id"], r["label"], next(v for k, v in r.items() if k not in fixed)) for r in rows
    ]


@pytest.mark.parametrize("case", READ)
def test_it_is_read_correctly(tmp_path: Path, case: str) -> None:
    content, words = READ[case]
    assert read(write(tmp_path / "in.csv", content), **words) == RIGHT


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_the_cure(tmp_path: Path, case: str) -> None:
    content, words, cure = REFUSED[case]
    with pytest.raises(ValueError, match="expected") as caught:
        read(write(tmp_path / "in.csv", content), **words)
    assert cure in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_cure_cures(tmp_path: Path) -> None:
    steps = write(tmp_path / "a.csv", long("series_id,label,tick,x"))
    assert read(steps, step="tick") == RIGHT
    assert read(steps, ignore=("tick",)) == RIGHT
    rows = pa.concat_tables(read_files([steps], ColumnNames(channels=("tick", "x")))).to_pylist()
    assert rows[0]["tick"] == [0, 1, 2]
    notes = write(tmp_path / "b.csv", long("series_id,label,step,note").replace("1.5", "ok"))
    with pytest.raises(ValueError, match="at least one column of numbers"):
        read(notes, ignore=("note",))
    flat = write(tmp_path / "c.csv", wide())
    rows = pa.concat_tables(read_files([flat], ColumnNames(layout="long"))).to_pylist()
    assert rows[1]["V2"] == [0.25]


@pytest.mark.parametrize(
    ("name", "cure"),
    [("a.feather", "convert it to Parquet"), ("a.arrow", "convert it to Parquet"),
     ("a.xls", "save it as .xlsx")],
)  # fmt: skip
def test_what_no_reader_takes_is_refused_with_what_to_do(
    tmp_path: Path, name: str, cure: str
) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(ValueError, match=f"expected a file ending in .*; {re.escape(cure)}$"):
        expand([str(tmp_path / name)], "PATH")


def test_wide_channels_go_by_their_names(tmp_path: Path) -> None:
    path = write(tmp_path / "in.csv", "label,x_1,x_2,y_1,y_2\nup,1,2,3,4\ndown,5,,7,\n")
    rows = pa.concat_tables(read_files([path], ColumnNames(layout="wide"))).to_pylist()
    assert [(r["series_id"], r["x"], r["y"], r["n_steps"]) for r in rows] == [
        ("series-000000", [1, 2], [3, 4], 2), ("series-000001", [5], [7], 1),
    ]  # fmt: skip


def test_wide_parquet_of_numbers_is_asked_about_too(tmp_path: Path) -> None:
    path = str(tmp_path / "in.parquet")
    steps = {f"V{k + 1}": [VALUES[i][k] for i in IDS] for k in range(3)}
    pq.write_table(pa.table({"series_id": IDS, "label": LABELS, **steps}), path)
    with pytest.raises(ValueError, match="--layout wide"):
        read(path)
    assert read(path, layout="wide") == RIGHT


def test_a_folder_per_class_is_read_where_that_is_said(tmp_path: Path) -> None:
    for i, label, values in RIGHT:
        (tmp_path / label).mkdir(exist_ok=True)
        write(
            tmp_path / label / f"{i}.csv",
            "step,x\n" + "".join(f"{t},{x}\n" for t, x in enumerate(values)),
        )
    with pytest.raises(ValueError, match="--layout folders"):
        read(str(tmp_path))
    found = read(str(tmp_path), layout="folders")
    assert sorted(found) == sorted((f"{k}/{i}", k, v) for i, k, v in RIGHT)
    write(tmp_path / "up" / "odd.csv", long())
    with pytest.raises(ValueError, match="where folders are the classes"):
        read(str(tmp_path), layout="folders")


def workbook(path: Path, **sheets: list[list[object]]) -> str:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return str(path)


LONG_SHEET: list[list[object]] = [
    ["series_id", "label", "step", "x"],
    *([i, k, t, x] for i, k, v in RIGHT for t, x in enumerate(v)),
]
WIDE_SHEET: list[list[object]] = [
    ["series_id", "label", "V1", "V2", "V3"],
    *([i, k, *v] for i, k, v in RIGHT),
]


def test_a_sheet_is_a_table(tmp_path: Path) -> None:
    assert read(workbook(tmp_path / "a.xlsx", rows=LONG_SHEET)) == RIGHT
    assert read(workbook(tmp_path / "b.xlsx", rows=WIDE_SHEET), layout="wide") == RIGHT
    numbered = [["series_id", "label", 0, 1, 2], *WIDE_SHEET[1:]]
    assert read(workbook(tmp_path / "e.xlsx", rows=numbered), layout="wide") == RIGHT
    days = [
        LONG_SHEET[0],
        *([*r[:2], datetime(2024, 2, 1 + int(str(r[2]))), r[3]] for r in LONG_SHEET[1:]),
    ]
    assert read(workbook(tmp_path / "c.xlsx", rows=days, empty=[])) == RIGHT
    apart = [[], [], *([None, None, *row] for row in WIDE_SHEET)]
    assert read(workbook(tmp_path / "f.xlsx", rows=apart), layout="wide") == RIGHT
    two = workbook(tmp_path / "d.xlsx", notes=[["made by", "me"]], rows=LONG_SHEET)
    assert read(two, sheet="rows") == RIGHT


@pytest.mark.parametrize(
    ("sheets", "words", "cure"),
    [
        ({"a": LONG_SHEET}, {"sheet": "b"}, "correct --sheet"),
        ({"a": [LONG_SHEET[0]]}, {}, "check the sheet"),
        ({"a": [["x"]]}, {}, "check the sheet"),
        ({"a": WIDE_SHEET}, {}, "--layout wide"),
        ({"a": [*LONG_SHEET, ["p", "up", 3, "ok"]]}, {}, "--ignore x"),
        ({"a": [*LONG_SHEET, ["p", "up", 3, time(1)]]}, {}, "--ignore x"),
        ({"a": [["series_id", "series_id"], ["p", "q"]]}, {}, "rename one of the two"),
        ({"a": LONG_SHEET, "b": LONG_SHEET}, {}, "--sheet NAME"),
        ({"a": [["Logger 7"], *LONG_SHEET]}, {}, "remove the lines above the header"),
        ({"a": [*LONG_SHEET, ["q", "down", 3, "=1+1"]]}, {}, "open it in a spreadsheet program"),
    ],
)
def test_a_sheet_that_is_none_is_refused_with_the_cure(
    tmp_path: Path, sheets: dict[str, list[list[object]]], words: dict[str, str], cure: str
) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        read(workbook(tmp_path / "in.xlsx", **sheets), **words)
    assert cure in str(caught.value)


def test_a_sheet_s_columns_are_known_by_kind(tmp_path: Path) -> None:
    path = workbook(tmp_path / "in.xlsx", rows=LONG_SHEET)
    found = read_sheet(path, ColumnNames(), Limits())
    assert [str(kind) for kind in found.schema.types] == ["string", "string", "int64", "double"]


def test_numbers_written_as_texts_are_numbers_or_refused_by_row() -> None:
    texts = pa.chunked_array([["1.5", " ", "nan", "-2e3"]])
    found = float_column("f", texts, "x", np.arange(2, 6), False)
    np.testing.assert_array_equal(found, np.array([1.5, np.nan, np.nan, -2000], np.float32))
    with pytest.raises(ValueError, match=r"f, row 3: .*--decimal"):
        float_column("f", pa.chunked_array([["1.5", "2,5"]]), "x", np.arange(2, 4), False)


def test_an_archive_that_is_no_workbook_or_would_be_huge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an Excel workbook"):
        read(write(tmp_path / "a.xlsx", b"PK\x03\x04, and no zip"))
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 2**29)
    with pytest.raises(ValueError, match="--limit whole_bytes="):
        read(str(tmp_path / "b.xlsx"))
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w") as archive:
        archive.writestr("a.txt", b"none")
    with pytest.raises(ValueError, match="an Excel workbook"):
        read(str(tmp_path / "c.xlsx"))


def test_what_was_said_of_groups_and_times_counts(tmp_path: Path) -> None:
    head = "series_id,label,machine,day,step,x"
    lines = [
        f"{i},up,m{i},0{k + 1}/02/2024,{t},{t * t}" for k, i in enumerate(IDS) for t in range(3)
    ]
    path = write(tmp_path / "in.csv", "\n".join([head, *lines, ""]))
    names = ColumnNames(group="machine", time="day", dates="dd/mm/yyyy")
    rows = pa.concat_tables(read_files([path], names)).to_pylist()
    assert [(r["group"], r["time"].isoformat()[:10]) for r in rows] == [
        (f"m{i}", f"2024-02-0{k + 1}") for k, i in enumerate(IDS)
    ]
    assert np.isfinite(rows[0]["x"]).all()


def test_lists_of_numbers_that_float32_can_t_hold_are_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "in.parquet")
    lists = [[1e9 + t for t in range(9)] for _ in IDS]
    pq.write_table(pa.table({"series_id": IDS, "label": LABELS, "x": lists}), path)
    with pytest.raises(ValueError, match="subtract an offset"):
        read(path)
