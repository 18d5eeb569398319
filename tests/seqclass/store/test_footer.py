"""What a Parquet file says of itself, looked at in a process of its own."""

import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.formats.footer import _look, read_footers
from seqclass.store.formats.parquet import check_parquet, check_parquets
from seqclass.store.formats.table import Limits, RefusalError
from tests.support.whole_files import aborting_file


def written(path: Path, rows: int = 10, group: int = 4) -> str:
    table = pa.table({
        "x": pa.array([[1.0] * (k + 1) for k in range(rows)], pa.list_(pa.float32())),
        "id": [f"s{k}" for k in range(rows)],
    })  # fmt: skip
    pq.write_table(table, path, row_group_size=group)
    return str(path)


def test_rows_and_the_most_values_of_every_group_are_told(tmp_path: Path) -> None:
    footer = next(read_footers([written(tmp_path / "f.parquet")]))
    assert footer.n_columns == 2
    assert footer.groups == [(4, 1 + 2 + 3 + 4), (4, 5 + 6 + 7 + 8), (2, 9 + 10)]
    assert footer.decoded_bytes >= 4 * sum(range(1, 11))


def test_repeated_numbers_count_as_they_will_be_and_not_as_they_are_packed(tmp_path: Path) -> None:
    table = pa.table({"x": pa.array(np.zeros(100_000))})
    pq.write_table(table, tmp_path / "f.parquet", compression="zstd")
    assert (tmp_path / "f.parquet").stat().st_size < 10_000
    assert _look(str(tmp_path / "f.parquet"))["decoded"] >= 8 * 100_000


def test_what_has_no_footer_says_why(tmp_path: Path) -> None:
    (tmp_path / "f.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ValueError, match="Parquet") as refused:
        next(read_footers([str(tmp_path / "f.parquet")]))
    assert "\n" not in str(refused.value)
    with pytest.raises(RefusalError, match="expected a Parquet file"):
        check_parquet(str(tmp_path / "f.parquet"), Limits())


def test_a_footer_that_ends_the_process_of_pyarrow_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusalError, match="expected a Parquet file"):
        check_parquet(str(aborting_file(tmp_path)), Limits())


def test_one_process_looks_at_many_files_and_stops_at_the_bad_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, begin = [], subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda *w, **o: begun.append(w) or begin(*w, **o))
    paths = [written(tmp_path / f"{n}.parquet", rows=n + 1) for n in range(9)]
    assert [sum(n for n, _ in footer.groups) for footer in read_footers(paths)] == [*range(1, 10)]
    assert len(begun) == 1
    Path(paths[5]).write_bytes(b"PAR1 and no more")
    footers = check_parquets(paths, Limits())
    assert [next(footers).n_columns for _ in range(5)] == [2] * 5
    with pytest.raises(RefusalError, match=r"5\.parquet: expected a Parquet file"):
        next(footers)


def test_a_group_with_more_values_than_its_limit_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "f.parquet")
    with pytest.raises(RefusalError, match="--limit cells=26 takes it"):
        check_parquet(path, Limits(cells=25))
    assert check_parquet(path, Limits(cells=26)).n_columns == 2
