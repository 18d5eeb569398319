"""Limits of files: what they refuse, how they are raised, and that a small file stays small."""

import re
import zipfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy

from seqclass.store.formats import ColumnNames, Limits, RefusalError, limits_of, read_files
from seqclass.store.formats.table import SPARED_BYTES
from tests.support.commands import Command, in_python
from tests.support.workbooks import write_many_cells

MEMORY_MB, SECONDS = 1024, 60


def read(path: Path, limits: Limits | None = None) -> list[pa.Table]:
    return list(read_files([str(path)], ColumnNames(), limits=limits))


def constant_rows(path: Path) -> None:
    """Some kilobytes that are 300 MB of ids and numbers."""
    n = 2_000_000
    table = pa.table({"series_id": pa.array(["s"] * n).dictionary_encode(), "value": np.zeros(n)})
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(13):
            writer.write_table(table)


def one_text_for_many_rows(path: Path) -> None:
    """A megabyte of text that stands in each of 4,000 rows, by a dictionary."""
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(4000, np.int32)), ["k" * 2**20])
    ids = [f"s{i}" for i in range(4000)]
    pq.write_table(pa.table({"series_id": ids, "label": long, "value": [[1.0]] * 4000}), path)


def zeros(path: Path) -> None:
    """Some hundred kilobytes that are 300 MiB of zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, shape in (("X", (100, 300 * 2**20 // 800)), ("y", (100,))):
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                header = {"descr": "<f8", "fortran_order": False, "shape": shape}
                npy.write_array_header_1_0(file, header)
                for _ in range(shape[0]):
                    file.write(bytes(8 * int(np.prod(shape[1:]))))


def columns_of_text(path: Path) -> None:
    names = ",".join(f"c{i}" for i in range(100_000))
    path.write_text(f"series_id,label,{names}\ns,k{',1' * 100_000}\n")


BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "rows.parquet": (constant_rows, "ratio"),
    "text.parquet": (one_text_for_many_rows, "whole_bytes"),
    "zeros.npz": (zeros, "ratio"),
    "columns.csv": (columns_of_text, "channels"),
    "cells.xlsx": (lambda path: write_many_cells(path, 100_000), "sheet_cells"),
}
READER = r"""
import re, sys
from seqclass.store.formats import ColumnNames, RefusalError, read_files
for path in sys.argv[1:]:
    try:
        for _ in read_files([path], ColumnNames()):
            pass
    except RefusalError as error:
        print(error)
with open("/proc/self/status") as status:
    print(int(re.search(r"VmHWM:\s*(\d+)", status.read())[1]) // 1024)
"""


def test_a_small_file_that_would_become_a_large_one_is_refused_by_a_limit(tmp_path: Path) -> None:
    for name, (write, _) in BOMBS.items():
        write(tmp_path / name)
        assert (tmp_path / name).stat().st_size < 5_000_000
    process = in_python(READER, *(tmp_path / name for name in BOMBS), timeout=SECONDS)
    *refusals, megabytes = process.stdout.splitlines()
    assert len(refusals) == len(BOMBS), process.stderr
    for refusal, (name, (_, limit)) in zip(refusals, BOMBS.items(), strict=True):
        assert refusal.startswith(str(tmp_path / name))
        assert re.search(rf"at most [\d,]+ .*, got ([\d,]+|more); .*--limit {limit}=\d+", refusal)
    assert int(megabytes) < MEMORY_MB


LINES = {"a.ts": "@classLabel true p q\n@data\n1,2,3,4:5,6,7,8:9,1,2,3:p\n",
         "a.tsv": "p\t1\t2\t3\t4\nq\t1\t2\t3\t4\n"}  # fmt: skip


@pytest.mark.parametrize("name", [*LINES, "a.npz", "a.csv", "long.parquet", "wide.parquet"])
def test_a_limit_that_is_raised_as_the_error_says_takes_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name in LINES:
        path.write_text(LINES[name])
    elif name == "a.npz":
        np.savez(path, X=np.arange(24.0).reshape(2, 4, 3), y=np.array(["p", "q"]))
    elif name == "wide.parquet":
        lists = [[1, 2, 3, 4]] * 2
        ids = {"series_id": ["a", "b"], "label": ["p"] * 2}
        pq.write_table(pa.table({**ids, "x": lists, "y": lists}), path)
    else:
        steps = [(s, t) for s in "ab" for t in range(4)]
        table = pa.table({"series_id": [s for s, _ in steps], "label": ["p"] * 8,
                          "step": [t for _, t in steps], "x": [1] * 8, "y": [2] * 8})  # fmt: skip
        if name == "a.csv":
            table.to_pandas().to_csv(path, index=False)
        else:
            pq.write_table(table, path)
    tight, raised = Limits(series=1, steps=3, channels=1, line_bytes=8), set[str]()
    while True:
        try:
            tables = read(path, tight)
            break
        except RefusalError as error:
            [(limit, number)] = re.findall(r"--limit (\w+)=(\d+)", str(error))
            assert limit not in raised or limit == "line_bytes"
            tight = replace(tight, **{limit: int(number)})
            raised.add(limit)
    assert "steps" in raised
    assert pa.concat_tables(tables)["n_steps"].to_pylist()[0] == 4
    assert repr(tables) == repr(read(path))


@settings(max_examples=20)
@given(st.dictionaries(st.sampled_from([*asdict(Limits())]), st.integers(1, 10**12), max_size=4))
def test_choices_change_what_they_name_and_nothing_else(chosen: dict[str, int]) -> None:
    limits = limits_of([f"{name}={number}" for name, number in chosen.items()])
    assert asdict(limits) == {**asdict(Limits()), **chosen}


def test_a_choice_of_no_number_or_no_limit_is_one_line(tmp_path: Path, seqclass: Command) -> None:
    for wrong in ("steps", "steps=", "steps=0", "steps=-1", "steps=1e6", "size=3"):
        with pytest.raises(ValueError, match="--limit: expected NAME=NUMBER") as refused:
            limits_of([wrong])
        assert repr(wrong) in str(refused.value)
    (tmp_path / "a.csv").write_text("series_id,label,x\na,k,1\n")
    code, out, err = seqclass("import", tmp_path / "a.csv", "--name", "a", "--limit", "steps")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--limit: expected NAME=NUMBER with a name out of series, steps, " in err


def test_as_many_as_a_limit_pass_and_the_cure_takes_more() -> None:
    limits = Limits(whole_bytes=1000)
    limits.check("f", "whole_bytes", 1000)
    with pytest.raises(RefusalError) as refused:
        limits.check("f", "whole_bytes", 1001, "of labels")
    assert "at most 1,000 whole bytes of labels, got 1,001" in str(refused.value)
    assert "--limit whole_bytes=1001 " in str(refused.value)


def test_a_ratio_counts_from_some_size_on(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0" * 1000)
    Limits().check_ratio(str(path), SPARED_BYTES)
    with pytest.raises(RefusalError, match=r"at most 200 ratio .*, got 268,436; .* ratio=268436 "):
        Limits().check_ratio(str(path), SPARED_BYTES + 1)
    Limits(ratio=10**6).check_ratio(str(path), SPARED_BYTES + 1)
