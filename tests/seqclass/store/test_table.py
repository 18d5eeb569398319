"""What readers share: what was said of columns, their names and labels, and refusals."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclass.store.formats.table import (
    MISSING,
    ColumnNames,
    RefusalError,
    cast,
    channel_names,
    check_columns,
    kept_columns,
    label_text,
    names_of,
    refusal,
    renamed,
)

WORDS = st.none() | st.sampled_from(["unit", "kind", "t"])
NAMES = st.builds(
    ColumnNames,
    series_id=WORDS,
    label=WORDS,
    channels=st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(tuple),
    layout=st.sampled_from([None, "long", "wide"]),
    decimal=st.sampled_from([None, ".", ","]),
    unlabelled=st.booleans(),
)


def table(**columns: object) -> pa.Table:
    return pa.table({"series_id": ["a", "b"], "label": ["x", "y"], "value": [1.0, 2.0], **columns})


@given(NAMES)
def test_what_was_said_of_columns_survives_a_manifest(names: ColumnNames) -> None:
    stored = json.loads(json.dumps({"reading": names.to_record()}))
    assert names_of(stored) == names


def test_a_manifest_without_words_or_with_newer_ones_is_read() -> None:
    assert names_of({}) == ColumnNames()
    assert names_of({"reading": {"label": "kind", "of the future": 1}}) == ColumnNames(label="kind")


@given(NAMES, NAMES)
def test_newer_words_count_and_older_ones_fill_their_gaps(
    newer: ColumnNames, older: ColumnNames
) -> None:
    both = newer.merge(older)
    for name in ("series_id", "label", "channels", "layout", "decimal", "unlabelled"):
        assert getattr(both, name) == (getattr(newer, name) or getattr(older, name))
    assert newer.merge(newer) == newer


def test_columns_get_the_names_of_their_roles() -> None:
    own = pa.table({"unit": [7, 8], "kind": [1.0, np.nan], "plant": [3, 4], "x": [0.0, 1.0]})
    names = ColumnNames(series_id="unit", label="kind", group="plant")
    found = renamed("f.csv", own, names)
    assert found.column_names == ["series_id", "label", "group", "x"]
    assert found["series_id"].to_pylist() == ["7", "8"]
    assert found["label"].to_pylist() == ["1", None]
    assert found["group"].to_pylist() == ["3", "4"]


def test_without_labels_the_column_is_there_and_empty() -> None:
    bare = table().drop_columns(["label"])
    found = renamed("f.csv", bare, ColumnNames(unlabelled=True))
    assert found["label"].null_count == 2


@pytest.mark.parametrize(
    ("columns", "names", "says"),
    [
        ({"kind": ["p", "q"]}, ColumnNames(label="kind"), "no column 'label' beside 'kind'"),
        ({}, ColumnNames(ignore=("speed",)), "a column 'speed', got series_id, label, value; corr"),
        ({}, ColumnNames(channels=("speed",)), "correct --channels"),
        ({"": [1, 2]}, ColumnNames(), "a name for every column"),
        ({"label": ["x", "NA"]}, ColumnNames(), "'NA', a sign of a missing one; leave the label"),
        ({"label": [1.0, np.inf]}, ColumnNames(), "a class in every label, got inf"),
        ({"label": [[1], [2]]}, ColumnNames(), "texts or numbers in the label's column"),
    ],
)
def test_columns_that_can_not_be_meant_are_refused(
    columns: dict, names: ColumnNames, says: str
) -> None:
    def named() -> None:
        check_columns("f.csv", table(**columns).column_names, names)
        renamed("f.csv", table(**columns), names)

    with pytest.raises(RefusalError) as refused:
        named()
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_ignored_goes_and_what_is_known_stays_beside_the_channels() -> None:
    present = ["series_id", "label", "step", "time", "x", "y", "note"]
    assert kept_columns(present, ColumnNames(ignore=("note", "x"))) == [
        "series_id", "label", "step", "time", "y",
    ]  # fmt: skip
    assert kept_columns(present, ColumnNames(channels=("y",))) == [
        "series_id", "label", "step", "time", "y",
    ]  # fmt: skip
    later = ColumnNames(ignore=("gone",), unlabelled=True)
    assert kept_columns(present, later) == present


@given(st.integers(-(10**9), 10**9))
def test_a_whole_number_is_the_same_class_as_a_float_or_not(code: int) -> None:
    assert label_text(code) == label_text(float(code)) == label_text(f" {code} ") == str(code)


@pytest.mark.parametrize("missing", ["", "  ", "nan", "NaN", "?", float("nan")])
def test_what_stands_for_no_label_is_none(missing: object) -> None:
    assert label_text(missing) is None


def test_labels_of_bytes_and_of_halves_are_texts() -> None:
    assert label_text("é".encode()) == "é"
    assert label_text(0.5) == "0.5"
    assert set(MISSING) >= {"NA", "NaN", "null", "?"}


def test_known_columns_get_their_stored_types_and_say_how_times_are_written() -> None:
    found = cast("f", pa.table({"n_steps": pa.array([1, 2], pa.int64()), "x": ["a", "b"]}))
    assert (found["n_steps"].type, found["x"].type) == (pa.int32(), pa.string())
    with pytest.raises(RefusalError, match="say --dates dd/mm/yyyy"):
        cast("f", pa.table({"time": ["last Friday"]}))
    with pytest.raises(RefusalError, match=r"int32 in column 'n_steps', got string; convert it"):
        cast("f", pa.table({"n_steps": ["many"]}))


def test_channels_without_names_are_numbered() -> None:
    assert channel_names(1) == ["value"]
    assert channel_names(3) == ["channel_0", "channel_1", "channel_2"]


def test_a_refusal_names_file_and_row_and_shows_no_control_characters() -> None:
    assert str(refusal("f", "a", "b", "c", 3)) == "f, row 3: expected a, got b; c"
    said = str(refusal("f", "a", "b\x1b[2J\n", "c"))
    assert said.isprintable()
