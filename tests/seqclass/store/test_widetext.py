"""Tables with a column per step: which columns are whose steps, and which rows they make."""

from itertools import count

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.store.formats.table import ColumnNames, Limits, Reading, RefusalError
from seqclass.store.formats.widetext import step_columns, wide_tables

WIDE = ColumnNames(layout="wide")


def steps_of(*columns: str) -> dict[str, list[str]]:
    return step_columns("f.csv", ["series_id", "label", *columns])


@settings(max_examples=25)
@given(
    n_steps=st.integers(2, 9),
    first=st.integers(0, 3),
    sign=st.sampled_from(["", "_", ".", "-", " "]),
    stems=st.lists(st.sampled_from(["x", "speed", "n"]), min_size=2, max_size=3, unique=True),
)
def test_channels_go_by_their_stems_and_steps_by_their_numbers(
    n_steps: int, first: int, sign: str, stems: list[str]
) -> None:
    numbers = range(first, first + n_steps)
    columns = [f"{stem}{sign}{k}" for stem in stems for k in numbers]
    interleaved = [f"{stem}{sign}{k}" for k in numbers for stem in stems]
    expected = {stem: [f"{stem}{sign}{k}" for k in numbers] for stem in stems}
    assert steps_of(*columns) == steps_of(*interleaved) == expected


def test_one_stem_or_none_is_the_value() -> None:
    assert steps_of("t1", "t2", "t10") == {"value": ["t1", "t2", "t10"]}
    assert steps_of("0", "1", "2") == {"value": ["0", "1", "2"]}
    assert steps_of("morning", "noon", "night") == {"value": ["morning", "noon", "night"]}
    for moments in (["0.5", "1.0", "1.5"], ["0,5", "1,0", "1,5"], ["08:50", "09:00"],
                    ["2024-01-31", "2024-02-01"]):  # fmt: skip
        assert steps_of(*moments) == {"value": moments}
    turned = ("t0_x", "t0_y", "t1_x", "t1_y")
    assert steps_of(*turned) == {"x": ["t0_x", "t1_x"], "y": ["t0_y", "t1_y"]}
    assert steps_of("a_1_m", "b_1_m", "a_2_m", "b_2_m").keys() == {"a_m", "b_m"}


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ((), "a column of numbers per step"),
        (("x1", "x2", "weight"), "got 'weight'; leave out what is no step with --ignore weight"),
        (("x2", "x1"), "'x1' after 'x2'; put the columns in order"),
        (("x1", "x01"), "'x01' after 'x1'"),
        (("x1", "x2", "y1"), "the same steps of every channel, got x, y"),
        (("1/3/2024", "1/2/2024"), "'1/2/2024' after '1/3/2024'"),
        (("x1_y2_z", "x1_y3_z"), "got 'x1_y2_z', 'x1_y3_z'"),
        (("Jan-24", "Feb-24"), "several steps of every channel, got one of each of Jan, Feb"),
    ],
)
def test_columns_that_could_be_meant_otherwise_are_refused(
    columns: tuple[str, ...], says: str
) -> None:
    with pytest.raises(RefusalError) as refused:
        steps_of(*columns)
    assert says in str(refused.value)


def rows_of(table: pa.Table, **options: object) -> list[dict]:
    reading = Reading(**{"names": WIDE, "split": None, "serial": count(), "limits": Limits(),
                         **options})  # type: ignore[arg-type]  # fmt: skip
    return [row for part in wide_tables("f", [table], reading, 2) for row in part.to_pylist()]


def test_holes_within_stay_and_those_at_the_end_are_padding() -> None:
    nan = float("nan")
    rows = rows_of(
        pa.table({"label": ["a", "b", None], "t0": [1.0, nan, nan], "t1": [nan, 2.0, nan],
                  "t2": [3.0, nan, nan]})
    )  # fmt: skip
    assert [row["series_id"] for row in rows] == [f"series-{k:06d}" for k in range(3)]
    assert [row["n_steps"] for row in rows] == [3, 2, 1]
    np.testing.assert_array_equal(rows[0]["value"], [1, nan, 3])
    np.testing.assert_array_equal(rows[1]["value"], [nan, 2])
    assert [row["label"] for row in rows] == ["a", "b", None]


def test_ids_of_the_file_stay_and_new_ones_name_the_split() -> None:
    table = pa.table({"series_id": ["p"], "label": ["a"], "t0": [1.0]})
    assert rows_of(table)[0]["series_id"] == "p"
    bare = table.drop_columns(["series_id"])
    assert rows_of(bare, split="test", serial=count(7))[0]["series_id"] == "test-000007"


def test_a_length_beyond_its_limit_and_a_text_among_numbers_are_refused() -> None:
    wide = pa.table({"label": ["a"], "t0": [1.0], "t1": [2.0]})
    with pytest.raises(RefusalError, match="at most 1 steps, got 2; if you trust the file, --limi"):
        rows_of(wide, limits=Limits(steps=1))
    with pytest.raises(RefusalError, match="t1"):
        rows_of(wide.set_column(2, "t1", pa.array(["warm"])))
