"""Series in pandas DataFrames: each form is the same series, and what can't be meant is refused."""

import numpy as np
import pandas as pd
import pytest

from seqclass import SequenceClassifier
from seqclass.frames import unframed
from seqclass.series import as_padded
from tests.support.courses import courses

SERIES, Y = courses(12)
IDS = [f"s{k}" for k in reversed(range(12))]
"""In an order of their own: not that of the alphabet."""


def one_each() -> list[pd.DataFrame]:
    return [pd.DataFrame(one, columns=["level", "swing"]) for one in SERIES]


def long_form() -> pd.DataFrame:
    parts = [
        frame.assign(series_id=name, step=np.arange(len(frame)), label=label)
        for name, frame, label in zip(IDS, one_each(), Y, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def wide_lists() -> pd.DataFrame:
    cells = {name: [one[:, k] for one in SERIES] for k, name in enumerate(("level", "swing"))}
    return pd.DataFrame({"series_id": IDS, "label": Y, **cells})


FORMS = {
    "one each": one_each,
    "long": long_form,
    "long, by index": lambda: long_form().set_index(["series_id", "step"]),
    "wide, lists": wide_lists,
    "nullable": lambda: [frame.convert_dtypes() for frame in one_each()],
    "other order of columns": lambda: [frame[["swing", "level"]] for frame in one_each()],
    "newest first": lambda: [frame.assign(step=-np.arange(len(frame))).iloc[::-1].assign(
        step=lambda f: -f["step"]) for frame in one_each()],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_series(form: str) -> None:
    found = unframed(FORMS[form](), ["level", "swing"])
    assert found.channels == ["level", "swing"]
    np.testing.assert_array_equal(as_padded(found.series), as_padded(SERIES))


def test_rows_of_a_long_frame_may_lie_in_any_order() -> None:
    mixed = long_form().sample(frac=1, random_state=0)
    order = pd.unique(mixed["series_id"])
    expected = as_padded([SERIES[IDS.index(name)] for name in order])
    np.testing.assert_array_equal(as_padded(unframed(mixed).series), expected)


def test_a_wide_frame_of_numbers_has_a_step_in_every_column() -> None:
    x = np.random.default_rng(0).normal(0, 1, (5, 7))
    wide = pd.DataFrame(x, columns=[f"t{k}" for k in range(7)])
    labelled = wide.assign(label=3)
    for frame in (wide, labelled):
        np.testing.assert_array_equal(as_padded(unframed(frame).series), as_padded(x))


ROWS = long_form()
WORDS = {
    "a row each": ROWS["label"],
    "by id, sorted": ROWS.groupby("series_id")["label"].first(),
    "in order": pd.Series(Y),
    "an array": Y,
    "a list": Y.tolist(),
}


@pytest.mark.parametrize("given", WORDS)
def test_labels_beside_a_long_frame_find_their_series(given: str) -> None:
    found = unframed(ROWS).aligned("y", WORDS[given])
    assert np.asarray(found).tolist() == Y.tolist()


def test_frames_are_learnt_and_asked_as_arrays_are() -> None:
    series, y = courses(40)
    rows = pd.concat(
        [pd.DataFrame(one, columns=["level", "swing"]).assign(series_id=k, step=range(len(one)))
         for k, one in enumerate(series)], ignore_index=True,
    )  # fmt: skip
    labels = pd.Series(y, name="label").sort_values()
    by_frame = SequenceClassifier(members=("steps",)).fit(rows, labels)
    by_array = SequenceClassifier(members=("steps",)).fit(series, y)
    assert (by_frame.channels_, by_array.channels_) == (["level", "swing"], None)
    np.testing.assert_array_equal(by_frame.predict_proba(SERIES), by_array.predict_proba(SERIES))
    turned = [frame[["swing", "level"]] for frame in one_each()]
    np.testing.assert_array_equal(by_frame.predict_proba(turned), by_array.predict_proba(SERIES))
    assert by_frame.score(rows, labels) == by_array.score(series, y)
    with pytest.raises(ValueError, match="got no 'swing' among level, speed; rename the columns"):
        by_frame.predict([frame.rename(columns={"swing": "speed"}) for frame in one_each()])


STRANGE = {
    "expected 'step' in every row of a long frame, got": ROWS.drop(columns="step"),
    "expected 'series_id' in every row of a long frame": ROWS.drop(columns="series_id"),
    "a row without one": ROWS.assign(step=ROWS["step"].where(ROWS.index != 3)),
    "a step once in each series, got 0 again in 's11'": ROWS.assign(step=0),
    "expected numbers in column 'level'": ROWS.assign(level="high"),
    "expected numbers in column 'name'": pd.DataFrame({"a": [1.0], "name": ["x"]}),
    "as many steps in every channel": pd.DataFrame({"a": [[1.0]], "b": [[1.0, 2.0]]}),
    "got no 'swing' among level": [*one_each()[:2], one_each()[2][["level"]]],
    "got one twice or none in series 0": [one_each()[0].assign(step=1)],
    "expected different names": pd.DataFrame(np.zeros((2, 2)), columns=["a", "a"]),
}


@pytest.mark.parametrize("said", STRANGE)
def test_a_frame_that_can_not_be_meant_is_one_line(said: str) -> None:
    with pytest.raises(ValueError, match="X: expected") as refused:
        as_padded(unframed(STRANGE[said]).series)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_long_frame_without_rows_has_no_series() -> None:
    with pytest.raises(ValueError, match="X: expected at least one series, got none; give one"):
        as_padded(unframed(long_form().iloc[:0]).series)


def test_labels_of_other_series_are_refused() -> None:
    given = unframed(ROWS)
    with pytest.raises(ValueError, match="y: expected an index of the frame's rows or of its 12"):
        given.aligned("y", pd.Series(Y, index=[f"other{k}" for k in range(12)]))
    torn = ROWS["label"].where(ROWS.index != 0, "other")
    with pytest.raises(ValueError, match="one value in all rows of a series, got several in 's11'"):
        given.aligned("y", torn)
