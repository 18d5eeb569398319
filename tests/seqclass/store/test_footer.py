"""Sizes that a Parquet file declares are checked before anything of it is decoded."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.formats.isolated import IsolatedReader
from seqclass.store.formats.parquet import check_parquet, read_footer
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
    footer = read_footer(written(tmp_path / "f.parquet"))
    assert footer.n_columns == 2
    assert footer.groups == [(4, 1 + 2 + 3 + 4), (4, 5 + 6 + 7 + 8), (2, 9 + 10)]
    assert footer.decoded_bytes >= 4 * sum(range(1, 11))


def test_repeated_numbers_count_as_they_will_be_and_not_as_they_are_packed(tmp_path: Path) -> None:
    table = pa.table({"x": pa.array(np.zeros(100_000))})
    pq.write_table(table, tmp_path / "f.parquet", compression="zstd")
    assert (tmp_path / "f.parquet").stat().st_size < 10_000
    assert read_footer(str(tmp_path / "f.parquet")).decoded_bytes >= 8 * 100_000


def test_what_has_no_footer_says_why(tmp_path: Path) -> None:
    (tmp_path / "f.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(RefusalError, match=r"expected a Parquet file, got .*footer") as refused:
        check_parquet(str(tmp_path / "f.parquet"), Limits())
    assert "\n" not in str(refused.value)


def test_a_footer_that_ends_the_process_of_pyarrow_is_refused(tmp_path: Path) -> None:
    with IsolatedReader() as reader:
        with pytest.raises(RefusalError, match="ended by SIGABRT"):
            reader.check_parquet(str(aborting_file(tmp_path)), Limits())
        reader.check_parquet(written(tmp_path / "f.parquet"), Limits())


def test_a_group_with_more_values_than_its_limit_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "f.parquet")
    with pytest.raises(RefusalError, match="--limit cells=26 takes it"):
        check_parquet(path, Limits(cells=25))
    assert check_parquet(path, Limits(cells=26)).n_columns == 2
