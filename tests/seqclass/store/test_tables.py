"""Whole Parquet files of a root are read, or some of their columns."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from seqclass.store.root import Root
from seqclass.store.tables import read_table


@pytest.mark.parametrize("columns", [None, ["b"]])
def test_a_table_is_read_with_the_columns_that_are_asked_for(
    root: Root, columns: list[str] | None
) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    root.fs.makedirs(root.path, exist_ok=True)
    with root.fs.open(root.join("t.parquet"), "wb") as file:
        pq.write_table(table, file)
    assert read_table(root, root.join("t.parquet"), columns) == table.select(columns or ["a", "b"])


def test_a_table_of_a_bucket_is_read(bucket: Root) -> None:
    with bucket.fs.open(bucket.join("t.parquet"), "wb") as file:
        pq.write_table(pa.table({"a": [1]}), file)
    assert read_table(bucket, bucket.join("t.parquet")).to_pylist() == [{"a": 1}]
