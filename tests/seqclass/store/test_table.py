"""What readers share: options on columns, their names and labels, and refusals."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.store.formats.table import (
    MISSING,
    ColumnNames,
    RefusalError,
    cast,
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


@settings(max_examples=25)
@given(NAMES, NAMES)
def test_options_survive_a_manifest_and_newer_ones_count(
    newer: ColumnNames, older: ColumnNames
) -> None:
    stored = json.loads(json.dumps({"reading": newer.to_record()}))
    assert names_of(stored) == newer
    both = newer.merge(older)
    for name in ("series_id", "label", "channels", "layout", "decimal", "unlabelled"):
        assert getattr(both, name) == (getattr(newer, name) or getattr(older, name))


def test_a_manifest_without_options_or_with_newer_ones_is_read() -> None:
    assert names_of({}) == ColumnNames()
    assert names_of({"reading": {"label": "kind", "of the future": 1}}) == ColumnNames(label="kind")


def test_columns_get_the_names_of_their_roles() -> None:
    given = pa.table({"unit": [7, 8], "kind": [1.0, np.nan], "plant": [3, 4], "x": [0.0, 1.0]})
    names = ColumnNames(series_id="unit", label="kind", group="plant")
    assert renamed("f.csv", given, names).to_pydict() == {
        "series_id": ["7", "8"], "label": ["1", None], "group": ["3", "4"], "x": [0.0, 1.0],
    }  # fmt: skip
    bare = table().drop_columns(["label"])
    assert renamed("f.csv", bare, ColumnNames(unlabelled=True))["label"].null_count == 2


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


def test_what_is_ignored_goes_and_what_has_a_role_stays_beside_the_channels() -> None:
    present = ["series_id", "label", "step", "time", "x", "y", "note"]
    roles = ["series_id", "label", "step", "time"]
    assert kept_columns(present, ColumnNames(ignore=("note", "x"))) == [*roles, "y"]
    assert kept_columns(present, ColumnNames(channels=("y",))) == [*roles, "y"]
    assert kept_columns(present, ColumnNames(label="note", ignore=("note",))) == present
    assert kept_columns(present, ColumnNames(ignore=("gone",), unlabelled=True)) == present


def test_labels_are_texts_and_a_whole_number_is_one_class() -> None:
    for code in (-(10**9), 0, 7):
        assert label_text(code) == label_text(float(code)) == label_text(f" {code} ") == str(code)
    for missing in ("", "  ", "nan", "NaN", "?", float("nan")):
        assert label_text(missing) is None
    assert (label_text("é".encode()), label_text(0.5)) == ("é", "0.5")
    assert set(MISSING) >= {"NA", "NaN", "null", "?"}


def test_columns_with_a_role_get_their_stored_types_or_are_refused() -> None:
    given = pa.table({"n_steps": pa.array([1, 2], pa.int64()), "x": ["a", "b"]})
    assert cast("f", given).schema.types == [pa.int32(), pa.string()]
    with pytest.raises(RefusalError, match=r"int32 in column 'n_steps', got string; convert it"):
        cast("f", pa.table({"n_steps": ["many"]}))


def test_a_refusal_names_file_and_row_and_shows_no_control_characters() -> None:
    assert str(refusal("f", "a", "b", "c", 3)) == "f, row 3: expected a, got b; c"
    assert str(refusal("f", "a", "b\x1b[2J\n", "c")).isprintable()
