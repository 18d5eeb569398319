"""Workbooks whose XML says what a test wants."""

import io
import zipfile
from pathlib import Path

import openpyxl

OPENING = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
NAMES = "".join(f'<c t="inlineStr"><is><t>{n}</t></is></c>' for n in ("series_id", "label", "x"))
SHEET = "xl/worksheets/sheet1.xml"


def sheet(rows: str, before: str = "") -> str:
    """A sheet with a row of names, and these rows below."""
    return f"{OPENING}{before}<sheetData><row>{NAMES}</row>{rows}</sheetData></worksheet>"


def write_book(path: Path, parts: dict[str, str | bytes]) -> Path:
    """A small workbook of which these parts are others."""
    book = io.BytesIO()
    openpyxl.Workbook().save(book)
    with (
        zipfile.ZipFile(book) as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
    ):
        for name in dict.fromkeys([*whole.namelist(), *parts]):
            archive.writestr(name, parts[name] if name in parts else whole.read(name))
    return path


def write_many_cells(path: Path, n: int) -> Path:
    """A workbook of some kilobytes that takes long to read: ``n`` rows of twelve cells."""
    return write_book(path, {SHEET: sheet(f"<row>{'<c><v>1</v></c>' * 12}</row>" * n)})
