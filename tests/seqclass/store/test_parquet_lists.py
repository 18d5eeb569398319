"""Parquet in our own layout: a row is a series, a channel is a list."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.store.formats.parquet import wide_rows
from seqclass.store.formats.table import ColumnNames, RefusalError
from seqclass.store.rows import SERIES


def table(x: pa.Array, **columns: object) -> pa.Table:
    n = len(x)
    return pa.table({"series_id": [f"s{k}" for k in range(n)], "label": ["a"] * n, "x": x,
                     **columns})  # fmt: skip


@settings(deadline=None, max_examples=20)
@given(
    rows=st.lists(st.lists(st.none() | st.integers(-99, 99), max_size=4), min_size=1, max_size=5),
    kind=st.sampled_from([pa.float32(), pa.float64(), pa.int16(), pa.int64()]),
    large=st.booleans(),
)
def test_lists_of_any_number_are_the_same_series(
    rows: list, kind: pa.DataType, large: bool
) -> None:
    lists = pa.large_list(kind) if large else pa.list_(kind)
    read = wide_rows("f", table(pa.array(rows, lists)), ColumnNames())
    assert read["x"].type == SERIES
    assert read["x"].combine_chunks().flatten().null_count == 0
    assert read["n_steps"].to_pylist() == [len(row) for row in rows]
    for got, row in zip(read["x"].to_pylist(), rows, strict=True):
        expected = np.array([np.nan if value is None else value for value in row], np.float32)
        np.testing.assert_array_equal(np.array(got, np.float32), expected)


def test_slices_and_lists_of_a_fixed_size_give_their_rows() -> None:
    whole = table(pa.array([[1.0], [2.0, 3.0], [4.0]]))
    assert wide_rows("f", whole.slice(1), ColumnNames())["x"].to_pylist() == [[2, 3], [4]]
    fixed = table(pa.FixedSizeListArray.from_arrays(pa.array([1.0, 2.0, 3.0, 4.0]), 2))
    assert wide_rows("f", fixed, ColumnNames())["x"].to_pylist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        (
            pa.array([[1.0], None]),
            "expected a list in column 'x', got null in series 's1'; drop the row",
        ),
        (pa.array([["warm"]]), "lists of numbers in column 'x'"),
        (pa.array([[[1.0]]]), "lists of numbers in column 'x'"),
    ],
)
def test_lists_that_are_no_numbers_are_refused(lists: pa.Array, says: str) -> None:
    with pytest.raises(RefusalError) as refused:
        wide_rows("f", table(lists), ColumnNames())
    assert says in str(refused.value)
