"""Files that are read in another process: the same rows, and a limit to all that they can do."""

import os
import subprocess
import sys
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.formats import (
    ColumnNames,
    Limits,
    RefusalError,
    isolated,
    read_files,
    reader_process,
    understood,
)
from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.root import Root
from tests.support.arrivals import drop, rows, sweep
from tests.support.places import REPOSITORY
from tests.support.waiting import until
from tests.support.whole_files import aborting_file, npz, whole_files
from tests.support.workbooks import write_many_cells

SLOW = Limits(sheet_cells=2**30, whole_bytes=2**30, ratio=2**20, seconds=2)
NAMES = ColumnNames()


def test_rows_and_forms_are_those_of_this_process(tmp_path: Path) -> None:
    """Pandas is imported for numbers that are texts alone."""
    (tmp_path / "whole").mkdir()
    paths = [str(file) for file in whole_files(tmp_path / "whole")]
    texts = {"series_id": ["a", "b"], "label": ["p", "q"], "step": [0, 0], "value": ["1.5", " 2"]}
    pq.write_table(pa.table(texts), text_path := str(tmp_path / "texts.parquet"))
    assert isolated.COMMAND[-1] == reader_process.__name__
    with IsolatedReader() as reader:
        for path in paths:
            assert reader.understood(path, NAMES, Limits()) == understood(path, NAMES, Limits())
            tables = list(reader.read_files([path], NAMES, "test"))
            assert repr(tables) == repr(list(read_files([path], NAMES, "test")))
        libraries = Path(f"/proc/{reader._process._popen.pid}/maps")
        assert "/pandas/" not in libraries.read_text()
        table = pa.concat_tables(reader.read_files([text_path], NAMES))
        assert table["value"].to_pylist() == [[1.5], [2.0]]
        assert "/pandas/" in libraries.read_text()
        arrays = [path for path in paths if path.endswith(".npz")] * 2
        table = pa.concat_tables(reader.read_files(arrays, NAMES))
        assert table["series_id"].to_pylist() == [f"series-{i:06d}" for i in range(8)]


def test_a_file_that_takes_too_much_memory_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.ones((1000, 10_000), order="F"), y=np.arange(1000) % 2)
    tight, path = Limits(memory_bytes=2**25), str(tmp_path / "a.npz")
    with IsolatedReader() as reader:
        with pytest.raises(RefusalError, match="--limit memory_bytes=268435456"):
            list(reader.read_files([path], NAMES, limits=tight))
        endless = Limits(seconds=10**12)
        assert sum(map(len, reader.read_files([path], NAMES, limits=endless))) == 1000


def test_a_file_that_ends_its_reader_is_refused(tmp_path: Path) -> None:
    with IsolatedReader() as reader:
        with pytest.raises(RefusalError, match=r"aborting\.parquet: expected"):
            list(reader.read_files([str(aborting_file(tmp_path))], NAMES))
        assert list(reader.read_files([str(npz(tmp_path / "a.npz"))], NAMES))


def test_who_reads_only_the_beginning_can_read_another_file(tmp_path: Path) -> None:
    pq.write_table(rows(0, 200_000), tmp_path / "long.parquet", row_group_size=1000)
    with IsolatedReader() as reader:
        for _, _ in zip(count(), reader.read_files([str(tmp_path / "long.parquet")], NAMES)):
            break
        assert list(reader.read_files([str(npz(tmp_path / "a.npz"))], NAMES))


def test_a_process_that_does_not_start_is_no_file_s_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "COMMAND", ["-c", "raise SystemExit('no library')"])
    with pytest.raises(OSError, match="no library"), IsolatedReader() as reader:
        list(reader.read_files([str(npz(tmp_path / "a.npz"))], NAMES))


KILLED = """
import sys
from seqclass.store.formats import ColumnNames, Limits
from seqclass.store.formats.isolated import IsolatedReader
limits = Limits(sheet_cells=2**30, whole_bytes=2**30, ratio=2**20)
with IsolatedReader() as reader:
    print(reader._process._popen.pid, flush=True)
    list(reader.read_files([sys.argv[1]], ColumnNames(), limits=limits))
"""


def test_a_reader_ends_with_the_process_that_began_it(tmp_path: Path) -> None:
    slow = write_many_cells(tmp_path / "slow.xlsx", 300_000)
    asker = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(slow)], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    reader = int(asker.stdout.readline())
    until(lambda: Path(f"/proc/{reader}/statm").read_text().split()[1] > "20000")
    asker.kill()
    asker.wait()
    until(lambda: not os.path.exists(f"/proc/{reader}"))


def test_a_file_that_runs_over_its_time_is_set_aside_alone(root: Root, inbox: Root) -> None:
    write_many_cells(Path(inbox.join("slow.xlsx")), 300_000)
    drop(inbox, "z.parquet", rows(100))
    files = {file["file"]: file for file in sweep(root, inbox, limits=SLOW)["files"]}
    assert files["slow.xlsx"]["became"] == "quarantined"
    assert "at most 2 seconds" in files["slow.xlsx"]["reason"]
    assert "--limit seconds=16" in files["slow.xlsx"]["reason"]
    assert files["z.parquet"]["became"] == "added"
