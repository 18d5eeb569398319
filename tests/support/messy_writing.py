"""Writers of messy files: as text in a dialect, as a workbook or as Parquet."""

import csv
import gzip
import io
from datetime import datetime, time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from tests.support.messy_files import Messy

Cell = str | float | int | datetime | time | None


def write_text(own: "Messy", rows: list[list[Cell]], dialect: dict[str, str]) -> Path:
    """Rows as text, in this dialect, with the flaws that are left."""
    sign, decimal, encoding = dialect["sign"], dialect["decimal"], dialect["encoding"]
    text = io.StringIO()
    table = csv.writer(text, delimiter=sign, lineterminator=dialect["end"])
    for row in _flawed(own, rows):
        table.writerow([_as_text(cell, decimal) for cell in row])
    content = text.getvalue()
    if "separators at the ends" in own.flaws:
        content = content.replace(dialect["end"], sign + dialect["end"])
    if "preamble" in own.flaws:
        content = f"Logger 7{dialect['end']}" + content
    if dialect.get("sep"):
        content = f"sep={sign}{dialect['end']}" + content
    data = content.encode(encoding)
    path = own.folder / f"{dialect['name']}{dialect['ending']}"
    path.write_bytes(gzip.compress(data) if dialect.get("packed") else data)
    return path


def _as_text(cell: Cell, decimal: str) -> str:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    return repr(cell).replace(".", decimal) if isinstance(cell, float) else str(cell)


def _flawed(own: "Messy", rows: list[list[Cell]]) -> list[list[Cell]]:
    head, *body = [list(row) for row in rows]
    if "odd cell" in own.flaws:
        body[-1][-1] = "err"
    if "no results" in own.flaws:
        body[-1][-1] = f"={body[-1][-1]}"
    if "no label" in own.flaws:
        body[0][1] = "N/A"
    if "spaces around" in own.flaws:
        body[0][0] = f"{body[0][0]} "
    if "repeated row" in own.flaws:
        body.append(list(body[-1]))
    if "row names" in own.flaws:
        head, body = [own.row_names, *head], [[k, *row] for k, row in enumerate(body)]
    if "repeated name" in own.flaws:
        head, body = [*head, head[-1]], [[*row, 1.5] for row in body]
    if "units" in own.flaws:
        body.insert(0, [*[None] * (len(head) - 1), "mV"])
    return body if "no names" in own.flaws else [head, *body]


def write_typed(own: "Messy", rows: list[list[Cell]], kind: str, corner: int = 0) -> Path:
    """Rows as a workbook or Parquet, perhaps with the ending of text.

    corner: empty rows above a sheet's table, and empty columns before it.
    """
    right = ".xlsx" if kind == "sheet" else ".parquet"
    ending = right if own.sound else Random(own.number).choice([right, ".csv"])
    path = own.folder / f"table{ending}"
    cells = [[None if isinstance(c, float) and np.isnan(c) else c for c in row]
             for row in _flawed(own, rows)]  # fmt: skip
    (_write_sheet if kind == "sheet" else _write_parquet)(own, cells, path, corner)
    return path


def _write_sheet(own: "Messy", cells: list[list[Cell]], path: Path, corner: int) -> None:
    book = openpyxl.Workbook()
    book.active.title = own.knows.get("--sheet", "Sheet")
    if "--sheet" in own.knows:
        book.create_sheet("About").append(["measured by", "ann"])
    if "preamble" in own.flaws:
        cells = [["Logger 7"], *cells]
    for number, row in enumerate(cells, 1 + corner):
        for place, cell in enumerate(row, 1 + corner):
            book.active.cell(number, place, cell)
    book.save(path)


def _write_parquet(own: "Messy", cells: list[list[Cell]], path: Path, corner: int) -> None:
    """As pandas writes it; labels are a dictionary where the corner says so."""
    head, *body = cells
    columns = [_column([*column]) for column in zip(*body, strict=True)]
    if corner:
        columns = [own.dictionary_encode() if pa.types.is_string(own.type) else own
                   for own in columns]  # fmt: skip
    pq.write_table(pa.Table.from_arrays(columns, names=[str(name) for name in head]), path)


def _column(cells: list[Cell]) -> pa.Array:
    try:
        return pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if cell is None else str(cell) for cell in cells])
