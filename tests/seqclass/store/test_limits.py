"""Small files that would become large ones, and what a file may hold at most."""

import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.lib import format as npy

from seqclass.store.formats import ColumnNames, Limits, RefusalError, limits_of, read_files
from seqclass.store.root import Root
from tests.support.arrivals import drop, rows, sweep
from tests.support.commands import Command
from tests.support.places import REPOSITORY

MEMORY_MB, SECONDS = 1024, 60


def read(path: Path, limits: Limits | None = None) -> list[pa.Table]:
    return list(read_files([str(path)], ColumnNames(), limits=limits))


def constant_rows(path: Path) -> Path:
    """Some kilobytes that are 800 MB of numbers."""
    n = 2_000_000
    table = pa.table({"series_id": pa.array(["s"] * n).dictionary_encode(), "value": np.zeros(n)})
    with pq.ParquetWriter(path, table.schema) as writer:
        for _ in range(25):
            writer.write_table(table)
    return path


def one_long_series(path: Path) -> Path:
    """A row whose list has more numbers than a series may have."""
    n = Limits().steps + 1
    values = pa.ListArray.from_arrays(pa.array([0, n], pa.int32()), pa.array(np.zeros(n, "f4")))
    pq.write_table(pa.table({"series_id": ["s"], "label": ["k"], "value": values}), path)
    return path


def one_text_for_many_rows(path: Path) -> Path:
    """A megabyte of text that stands in each of 4,000 rows, by a dictionary."""
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(4000, np.int32)), ["k" * 2**20])
    ids = [f"s{i}" for i in range(4000)]
    table = pa.table({"series_id": ids, "label": long, "value": [[1.0]] * 4000})
    pq.write_table(table, path)
    return path


def member(archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], kind: str, n: int) -> None:
    """An array of ``n`` zero bytes under this header."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
        dtype = np.lib.format.descr_to_dtype(kind)
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(file, header)
        for _ in range(n // 2**20):
            file.write(bytes(2**20))
        file.write(bytes(n % 2**20))


def zeros(path: Path) -> Path:
    """A megabyte that is 800 MB of zeros."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        member(archive, "X", (10_000, 10_000), "<f8", 800_000_000)
        member(archive, "y", (10_000,), "<i8", 80_000)
    return path


def many_channels(path: Path) -> Path:
    np.savez_compressed(path, X=np.zeros((2, 1, 200_000), "f4"), y=np.zeros(2))
    return path


def false_header(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        member(archive, "X", (10**6, 10**6), "<f8", 64)
        member(archive, "y", (10**6,), "<i8", 64)
    return path


def channels_of_text(path: Path) -> Path:
    path.write_text("@classLabel true k\n@data\n" + "1:" * 300_000 + "k\n")
    return path


def columns_of_text(path: Path) -> Path:
    names = ",".join(f"c{i}" for i in range(100_000))
    path.write_text(f"series_id,label,{names}\ns,k{',1' * 100_000}\n")
    return path


BOMBS: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "constant rows": ("a.parquet", constant_rows, "ratio"),
    "one long series": ("a.parquet", one_long_series, "steps"),
    "one text for many rows": ("a.parquet", one_text_for_many_rows, "whole_bytes"),
    "zeros": ("a.npz", zeros, "ratio"),
    "many channels": ("a.npz", many_channels, "channels"),
    "channels of text": ("a.ts", channels_of_text, "channels"),
    "columns of text": ("a.csv", columns_of_text, "channels"),
}
READER = r"""
import re, sys
from seqclass.store.formats import ColumnNames, RefusalError, read_files
try:
    for _ in read_files([sys.argv[1]], ColumnNames()):
        pass
except RefusalError as error:
    print(error)
with open("/proc/self/status") as status:
    print(int(re.search(r"VmHWM:\s*(\d+)", status.read())[1]) // 1024)
"""


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_that_would_become_a_large_one_is_refused_by_a_limit(
    tmp_path: Path, kind: str
) -> None:
    name, write, limit = BOMBS[kind]
    path = write(tmp_path / name)
    assert path.stat().st_size < 5_000_000
    found = subprocess.run(
        [sys.executable, "-c", READER, str(path)], cwd=REPOSITORY, capture_output=True, text=True,
        timeout=SECONDS,
    )  # fmt: skip
    *refused, megabytes = found.stdout.splitlines()
    assert len(refused) == 1, found.stderr
    assert re.search(rf"expected at most [\d,]+ .*, got [\d,]+; .*--limit {limit}=\d+", refused[0])
    assert int(megabytes) < MEMORY_MB


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusalError, match=r"expected an array of 8,000,000,000,000 bytes, got 64"):
        read(false_header(tmp_path / "a.npz"))


def test_a_bomb_in_an_inbox_is_set_aside_alone(root: Root, inbox: Root) -> None:
    many_channels(Path(inbox.join("bomb.npz")))
    drop(inbox, "good.parquet", rows(100))
    became = {file["file"]: file["became"] for file in sweep(root, inbox)["files"]}
    assert became == {"bomb.npz": "quarantined", "good.parquet": "added"}


@pytest.mark.parametrize("name", ["a.npz", "a.ts", "a.tsv", "a.csv", "a.parquet"])
def test_a_limit_that_is_raised_as_the_error_says_takes_the_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.npz":
        np.savez(path, X=np.arange(24.0).reshape(2, 4, 3), y=np.array(["p", "q"]))
    elif name == "a.ts":
        path.write_text("@classLabel true p q\n@data\n1,2,3,4:5,6,7,8:9,1,2,3:p\n" * 1)
    elif name == "a.tsv":
        path.write_text("p\t1\t2\t3\t4\nq\t1\t2\t3\t4\n")
    else:
        steps = [(s, t) for s in "ab" for t in range(4)]
        table = pa.table({"series_id": [s for s, _ in steps], "label": ["p"] * 8,
                          "step": [t for _, t in steps], "x": [1] * 8, "y": [2] * 8})  # fmt: skip
        if name == "a.parquet":
            pq.write_table(table, path)
        else:
            table.to_pandas().to_csv(path, index=False)
    tight, raised = Limits(series=1, steps=3, channels=1, line_bytes=8), 0
    while True:
        try:
            tables = read(path, tight)
            break
        except RefusalError as error:
            [(limit, number)] = re.findall(r"--limit (\w+)=(\d+)", str(error))
            tight, raised = replace(tight, **{limit: int(number)}), raised + 1
    assert raised > 0
    assert pa.concat_tables(tables)["n_steps"].to_pylist()[0] == 4
    assert repr(tables) == repr(read(path))


def test_series_of_many_numbers_are_read_in_blocks(tmp_path: Path) -> None:
    x = np.arange(6 * 2**20, dtype=np.float32).reshape(6, 2**18, 4)
    for order in "CF":
        np.savez(tmp_path / f"{order}.npz", X=np.array(x, order=order), y=np.arange(6))
        tables = read(tmp_path / f"{order}.npz")
        assert [len(table) for table in tables] == [4, 2]
        found = pa.concat_tables(tables)
        assert found["series_id"].to_pylist() == [f"series-{i:06d}" for i in range(6)]
        np.testing.assert_array_equal(found["channel_1"][5].values.to_numpy(), x[5, :, 1])


def test_an_array_that_can_not_be_read_in_blocks_has_a_limit(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", X=np.ones((4, 100), order="F"), y=np.arange(4))
    with pytest.raises(RefusalError, match=r"whole bytes of series in Fortran order, got 3,200"):
        read(tmp_path / "f.npz", Limits(whole_bytes=1000))


@pytest.mark.parametrize("word", ["steps", "steps=", "steps=0", "steps=-1", "speed=3", "steps=1e3"])
def test_a_limit_that_is_none_is_refused(tmp_path: Path, seqclass: Command, word: str) -> None:
    (tmp_path / "a.csv").write_text("series_id,label,x\na,k,1\n")
    code, out, err = seqclass("import", tmp_path / "a.csv", "--name", "a", "--limit", word)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--limit: expected NAME=NUMBER with a name out of series, steps, " in err


def test_every_limit_can_be_chosen() -> None:
    chosen = [f"{field.name}={place}" for place, field in enumerate(fields(Limits), start=1)]
    assert list(vars(limits_of(chosen)).values()) == list(range(1, len(chosen) + 1))
