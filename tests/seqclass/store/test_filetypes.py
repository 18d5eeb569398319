"""A file of another kind than its ending says is told what it is, and how to go on."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.formats import ColumnNames, RefusalError, expand, read_files
from seqclass.store.formats.filetypes import check_content

CSV = "series_id,label,step,x\n" + "".join(f"{i},u,{t},{t * t}\n" for i in "pq" for t in range(3))
TABLE = pa.table({"series_id": ["p"], "label": ["u"], "x": pa.array([[0.0, 1.0]])})


def workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    for line in CSV.splitlines():
        book.active.append(line.split(","))
    book.save(path)


def array(path: Path) -> None:
    with open(path, "wb") as file:
        np.savez(file, X=np.ones((2, 3)), y=np.array(["u", "d"]))


MAKE = {
    "workbook": workbook,
    "Parquet": lambda path: pq.write_table(TABLE, path),
    "arrays": array,
    "text": lambda path: path.write_text(CSV),
    "tabs": lambda path: path.write_text(CSV.replace(",", "\t")),
    **{
        f"UCR by {sign!r}": lambda path, sign=sign: path.write_text(
            "".join(sign.join(["1", *["-2.5e-01", "NaN", "3"] * n]) + "\n" for n in (900, 2))
        )
        for sign in ("\t", ",", "   ")
    },
}


@pytest.mark.parametrize(
    ("kind", "name"),
    [("workbook", "a b.csv"), ("Parquet", "a.npz"), ("arrays", "a.csv"), ("text", "a.xlsx"),
     ("text", "a.txt"), ("tabs", "a.tsv"), ("UCR by '\\t'", "a.txt"), ("UCR by ','", "a_TRAIN"),
     ("UCR by '   '", "a.txt"), ("UCR by '\\t'", "a.xlsx")],
)  # fmt: skip
def test_the_ending_that_a_refusal_names_makes_a_file_readable(
    tmp_path: Path, kind: str, name: str
) -> None:
    path = tmp_path / name
    MAKE[kind](path)
    with pytest.raises(ValueError, match="; rename it to end in ") as caught:
        list(read_files(expand([str(path)], "PATH"), ColumnNames()))
    renamed = path.rename(path.with_suffix(str(caught.value).rpartition(" ")[2]))
    assert list(read_files(expand([str(renamed)], "PATH"), ColumnNames()))


def zipped() -> bytes:
    with zipfile.ZipFile(content := io.BytesIO(), "w") as archive:
        archive.writestr("a.csv", CSV)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (gzip.compress(CSV.encode()), "got one packed with gzip; unpack it"),
        (zipped(), "a zip archive; unpack it"),
        (b"%PDF-1.7 ...", "a PDF; save the table as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook; save it as .xlsx"),
        (b"<!DOCTYPE html><table>", "a web page"),
    ],
    ids=["gzip", "zip", "pdf", "xls", "html"],  # the first two hold the time
)
def test_what_no_reader_takes_is_told_what_it_is(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(RefusalError) as caught:
        check_content(str(path))
    assert says in str(caught.value)


@pytest.mark.parametrize("ending", ["csv", "tsv", "ts"])
@pytest.mark.parametrize(
    "magic", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0", b"\xff\xd8\xff\xe0\0\x10JFIF\0"]
)
def test_a_picture_is_no_text(tmp_path: Path, magic: bytes, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(magic + np.random.default_rng(0).bytes(3000))
    with pytest.raises(RefusalError, match=r"text.*, got other bytes; "):
        list(read_files(expand([str(path)], "PATH"), ColumnNames()))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("long.csv", CSV.replace("p,u,2", "p,u,\0002")),
        ("long.csv", CSV.replace("p,u,2", "p\0,u,2")),
        ("ucr.tsv", "1\t2\t3\n" * 3 + "1\t\0002\t3\n"),
        ("sktime.ts", "@classLabel true 1\n@data\n1,2:1\n1\0,2:1\n"),
    ],
)
def test_a_zero_byte_in_a_text_is_named_by_its_row(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(RefusalError, match=r", row 4: expected text, got a zero byte"):
        list(read_files(expand([str(tmp_path / name)], "PATH"), ColumnNames()))


def test_names_above_a_tsv_are_no_series(tmp_path: Path) -> None:
    for head in ("label\t0\t1\t2", "u\tx\ty\tz"):
        (tmp_path / "a.tsv").write_text(head + "\nu\t5\t6\t7\nd\t1\t2\t3\n")
        with pytest.raises(RefusalError, match="names in the first line"):
            list(read_files([str(tmp_path / "a.tsv")], ColumnNames()))
