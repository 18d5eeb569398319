"""Files of answers in the user's format: Parquet, CSV or JSON lines."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from seqclass.inference.prediction import join_tables
from seqclass.store.layout import check_free
from seqclass.store.root import Root

KINDS = {".parquet": "Parquet", ".csv": "CSV", ".jsonl": "JSON lines"}
BATCH_ROWS = 16_384
FORMULA, NUMBER = r"^\s*[=+\-@]", r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"
"""Texts that spreadsheets run as formulas, and numbers, which they only show."""


def check_ending(out: str) -> str:
    """Return the ending of a file for answers; ValueError for an unknown one."""
    ending = os.path.splitext(out)[1].lower()
    if ending not in KINDS:
        raise ValueError(
            f"--out: expected a name ending in {', '.join(KINDS)}, or - for CSV on standard "
            f"output, got {out!r}; rename it"
        )
    return ending


def check_out(root: Root, out: str) -> str:
    """Return the ending of a file for answers; ValueError if the file can't be written."""
    check_target(root, out)
    return check_ending(out)


def check_target(root: Root, out: str) -> None:
    """Refuse a place of the store, a folder, and a file whose folder is missing or can't be written
    to."""
    target = os.path.abspath(out)
    check_free(root, "--out", target)
    folder = os.path.dirname(target)
    may_write = os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
    if os.path.isdir(target) or not may_write:
        raise ValueError(
            "--out: expected a file in a folder that is there and can be written to, got "
            f"{target!r}; make the folder, choose another place, or correct the permissions"
        )


def write_out(root: Root, tables: list[str], out: str) -> str:
    """Write scores to the user's file, in the format of its ending, whole or not at all."""
    ending, target = check_out(root, out), os.path.abspath(out)
    with written_whole(target) as file:
        write_answers(root, tables, file, ending)
    return target


@contextlib.contextmanager
def written_whole(target: str) -> Iterator[BinaryIO]:
    """Provide a file that appears under its name once the block has ended without an error."""
    written = f"{target}.{uuid.uuid4().hex[:8]}"
    try:
        with open(written, "wb") as file:
            yield file
        os.replace(written, target)
    finally:
        if os.path.exists(written):
            os.remove(written)


def write_answers(root: Root, tables: list[str], file: BinaryIO, ending: str) -> None:
    """Write scores in the format of an ending; in text formats, lists are joined by semicolons."""
    if ending == ".parquet":
        join_tables(root, tables, file)
        return
    for number, batch in enumerate(_batches(root, tables)):
        if ending == ".csv":
            options = pacsv.WriteOptions(include_header=number == 0)
            pacsv.write_csv(_flat(batch), file, options)
        else:
            for row in batch.to_pylist():
                file.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


def _batches(root: Root, tables: list[str]) -> Iterator[pa.RecordBatch]:
    for path in tables:
        with root.fs.open(path, "rb") as file, pq.ParquetFile(file) as parquet:
            yield from parquet.iter_batches(BATCH_ROWS, use_threads=False)


def _flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        pc.binary_join(column, ";") if pa.types.is_list(column.type) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(list(map(_inert, columns)), names=batch.schema.names)


def _inert(column: pa.Array) -> pa.Array:
    """Put an apostrophe before texts that a spreadsheet would run as formulas."""
    if not pa.types.is_string(column.type):
        return column
    runs = pc.and_not(
        pc.match_substring_regex(column, FORMULA), pc.match_substring_regex(column, NUMBER)
    )
    return pc.if_else(runs, pc.binary_join_element_wise("'", column, ""), column)
