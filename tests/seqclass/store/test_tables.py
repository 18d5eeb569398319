"""Whole Parquet files of a root are read, or some of their columns."""

import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.store.root import Root
from seqclass.store.tables import read_table


def test_a_table_is_read_with_the_columns_that_are_asked_for(root: Root) -> None:
    table = pa.table({"a": [1, 2], "b": ["x", None]})
    root.fs.makedirs(root.path)
    pq.write_table(table, root.join("t.parquet"))
    assert read_table(root, root.join("t.parquet")) == table
    assert read_table(root, root.join("t.parquet"), ["b"]) == table.select(["b"])
