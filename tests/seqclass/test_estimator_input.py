"""The estimator's arguments: what is refused before anything is trained."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from seqclass.estimator import SequenceClassifier
from seqclass.forms import read_series

X = np.random.default_rng(0).normal(0, 1, (6, 8))
Y = np.array(["a", "b"] * 3)


@pytest.mark.parametrize(
    ("y", "groups", "says"),
    [
        (None, None, "y: expected a label for every series, got none"),
        (np.arange(6) + 0.5, None, "y: expected classes, got continuous numbers such as 0.5"),
        ([0, np.inf] * 3, None, "y: expected classes, got continuous numbers such as inf; round"),
        (np.array(["a", 1] * 3, object), None, "y: expected values of one type, got int, str; wri"),
        (Y.astype("S"), None, "y: expected classes of text or numbers, which a file"),
        (Y, np.array(["a", 1] * 3, object), "groups: expected values of one type, got int, str;"),
        (np.stack([Y, Y], axis=1), None, "y: expected one value for each of 6 series"),
        ([0.0, 1.0, np.nan, 1.0, 0.0, 1.0], None, "got none for series 2; leave it out"),
        (np.ma.array(Y, mask=[0, 0, 1, 0, 0, 0]), None, "got none for series 2; leave it out"),
        (["a"] * 6, None, "y: expected at least two classes, got one class, 'a'; add"),
        (list("abcdef"), None, "y: expected at least two series of a class, got one of each; add"),
        (
            ["a", "unknown"] * 3,
            None,
            "y: expected another name, got 'unknown', the answer that is none; rename the class",
        ),
        (Y, [1] * 6, "groups: expected at least 2 groups to hold one back, got 1; add groups"),
        (Y, Y, "held back whole; add groups of that class, or leave out groups (a file's column"),
        (Y, [1, 2, 3], "groups: expected one value for each of 6 series, got shape (3,)"),
        (Y, [1, 2, None, 1, 2, 3], "groups: expected a value for every series, got none for s"),
    ],
)
def test_labels_and_groups_that_do_not_suit_are_one_line(
    y: list | None, groups: list | None, says: str
) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        SequenceClassifier().fit(X, y, groups)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_table_that_holds_its_labels_is_refused() -> None:
    y = np.random.default_rng(1).integers(0, 3, 30)
    wide = (
        pd.DataFrame(np.random.default_rng(0).normal(size=(30, 8))).add_prefix("t").assign(target=y)
    )
    long = wide.drop(columns="target").stack().rename("value").reset_index()
    long = long.set_axis(["series_id", "step", "value"], axis=1)
    long["step"] = long["step"].str[1:].astype(int)
    long["kind"] = y[long["series_id"]]
    for table in (wide.to_numpy(), long):
        with pytest.raises(ValueError, match="X: expected series without their labels, got y"):
            SequenceClassifier().fit(table, y)


def test_series_without_any_value_are_one_line() -> None:
    with pytest.raises(ValueError, match="X: expected values, got only missing ones"):
        SequenceClassifier().fit(np.full((6, 8), np.nan), Y)


def test_a_few_series_with_values_among_empty_ones_are_learnt_from() -> None:
    x, y = np.full((600, 8), np.nan), np.tile(Y, 100)
    x[:4] = X[:4]
    fitted = SequenceClassifier(members=("convolutions", "steps")).fit(x, y)
    assert np.isfinite(fitted.predict_proba(x[:9])).all()


class Wrapped:
    """An array by its protocol alone."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.values


def test_what_can_be_read_as_an_array_is_one() -> None:
    np.testing.assert_array_equal(read_series(Wrapped(X)).values, read_series(X).values)
    np.testing.assert_array_equal(read_series(X.astype(object)).values, read_series(X).values)


def test_a_masked_value_is_a_missing_one() -> None:
    hidden = X > 1
    masked = np.ma.array(np.where(hidden, -999, X), mask=hidden)
    expected = read_series(np.where(hidden, np.nan, X)).values
    for x in (masked, list(masked), masked[..., None], iter(masked)):
        np.testing.assert_array_equal(read_series(x).values, expected)
    whole = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    np.testing.assert_array_equal(read_series(whole).values[..., 0], [[1, np.nan], [3, 4]])


@pytest.mark.parametrize(
    ("x", "kind", "says"),
    [
        (X.astype("m8[s]"), ValueError, "X: expected numbers, got times in series 0; correct it"),
        (X * 1j, ValueError, "Complex data not supported in series 0"),
        ([X[0], X[1] * 1j], ValueError, "Complex data not supported in series 1"),
        (sparse.csr_array(X), TypeError, "got a sparse matrix; write X.toarray()"),
        (np.empty((6, 0)), ValueError, "0 feature(s) (shape=(6, 0)) while a minimum of 1"),
        (X[0], ValueError, "got an array of shape (8,); Reshape your data: X[None]"),
        ([], ValueError, "at least one series, got none"),
        ([X[0], np.zeros((3, 2))], ValueError, "1 channels in every series, got [1, 2]"),
        ([X[0], np.zeros(0)], ValueError, "with at least one step, got shape (0,) in series 1"),
        ([X[0], [1e39, 0]], ValueError, "an infinite one or one beyond float32 in series 1"),
        ([["a", "b"], ["c", "d"]], ValueError, "expected numbers, got"),
        (3, TypeError, "list of series or a DataFrame, got 3; give one"),
        ("iot.csv", TypeError, "list of series or a DataFrame, got 'iot.csv'; give one"),
        ({"a": [1]}, TypeError, "list of series or a DataFrame, got {'a': [1]}; give one"),
        ([[{}]], TypeError, "not 'dict' in series 0; correct it"),
    ],
)
def test_series_that_can_not_be_meant_are_one_line(x: object, kind: type, says: str) -> None:
    with pytest.raises(kind, match="X: expected") as refused:
        read_series(x)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"members": ("lstm",)}, "members: expected some of convolutions, view-kernels"),
        ({"members": ()}, "got none; correct the list"),
        ({"members": "conv-lstm"}, "tuple of names such as ('convolutions',), got 'conv-lstm';"),
        ({"members": (3,)}, "got 3; correct the list"),
        ({"budget_s": "1"}, "budget_s: expected seconds above 0, got '1'; correct the value"),
        ({"random_state": -1}, "2147483646, one of NumPy's generators or None, got -1; correct it"),
        ({"random_state": 2**31 - 1}, "None, got 2147483647; correct it"),
        ({"random_state": 0.5}, "got 0.5; correct it"),
        ({"random_state": True}, "got True; correct it"),
        ({"random_state": np.arange(2)}, "got array([0, 1]); correct it"),
        ({"max_error": "0.1"}, "at least 0 and below 1, got '0.1'; correct it"),
        ({"goal": np.eye(2)}, "got array([[1., 0.], [0., 1.]]); correct it"),
        ({"verbose": "yes"}, "verbose: expected None, 0 or 1, got 'yes'; correct it"),
    ],
)
def test_parameters_that_can_not_be_meant_are_one_line(wrong: dict, says: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        SequenceClassifier(**wrong).fit(X, Y)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("method", ["predict", "predict_or_unknown", "explain", "save"])
def test_nothing_is_answered_or_saved_before_it_is_fitted(method: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not fitted"):
        getattr(SequenceClassifier(), method)(tmp_path / "m" if method == "save" else X)
    with pytest.raises(ValueError, match="not fitted"):
        SequenceClassifier().warm_up()
