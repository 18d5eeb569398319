"""Sixty series in the forms that people hold: read as sixty, or refused with a line that leads."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.utils.estimator_checks import check_dataframe_column_names_consistency

from seqclass import SequenceClassifier, load_model
from seqclass.forms import read_series
from seqclass.loading import StoredClassifier
from seqclass.store.root import Root
from tests.support.stored import register, store_series

N, STEPS, NAMES = 60, 24, ["level", "swing"]
Y = np.array(["falls", "rises"])[np.random.default_rng(1).integers(0, 2, N)]
IDS = [f"m{k}" for k in np.random.default_rng(2).permutation(N)]


def sixty() -> np.ndarray:
    rng = np.random.default_rng(0)
    course = np.linspace(-1, 1, STEPS) * np.where(Y == "rises", 1, -1)[:, None]
    x = np.stack([course, np.cos(course)], axis=2) + rng.normal(0, 0.2, (N, STEPS, 2))
    x[0, 3, 1] = np.nan
    return x.astype(np.float32)


X = sixty()
LEVEL = X[:, :, 0]


def rows(ids: str = "machine", step: str = "minute", series: Any = X) -> pd.DataFrame:
    """A row for each step."""
    parts = [
        pd.DataFrame(values, columns=NAMES).assign(**{ids: name, step: np.arange(len(values))})
        for name, values in zip(IDS, series, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def numbered() -> pd.DataFrame:
    return rows().assign(machine=np.repeat(range(N), STEPS))


def labelled(frame: pd.DataFrame, ids: str) -> pd.Series:
    return frame[ids].map(dict(zip(IDS, Y, strict=True)))


def indexed(first: str | None = "instances", second: str | None = "timepoints") -> pd.DataFrame:
    return rows().set_index(["machine", "minute"]).rename_axis([first, second])


def one_each() -> list[pd.DataFrame]:
    return [pd.DataFrame(values, columns=NAMES) for values in X]


def wide(prefix: str = "x") -> pd.DataFrame:
    return pd.DataFrame(LEVEL, columns=[f"{prefix}{k}" for k in range(STEPS)])


def nested(cell: Callable[[np.ndarray], Any]) -> pd.DataFrame:
    return pd.DataFrame({name: [cell(x[:, k]) for x in X] for k, name in enumerate(NAMES)})


class Streamed:
    """A table that offers its Arrow stream alone."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.table = pa.Table.from_pandas(frame, preserve_index=False)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class Converted(Streamed):
    """A table as polars has it: an Arrow stream, ``to_pandas``, and columns without ``iloc``."""

    columns: tuple[str, ...] = ()

    def to_pandas(self) -> pd.DataFrame:
        return self.table.to_pandas()


def dated(frame: pd.DataFrame, zone: str | None) -> pd.DataFrame:
    start = pd.Timestamp("2026-03-29", tz=zone)
    return frame.assign(step=start + pd.to_timedelta(frame["step"], unit="h"))


def irregular(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with a time ``when``, whose distances differ, instead of ``minute``."""
    gaps = np.random.default_rng(3).exponential(size=(N, STEPS)) + 0.1
    return frame.assign(when=gaps.cumsum(axis=1).ravel()).drop(columns="minute")


def two_channels(first: str, second: str) -> pd.DataFrame:
    names = [name.format(k) for name in (first, second) for k in range(STEPS)]
    return pd.DataFrame(np.hstack([X[:, :, 0], X[:, :, 1]]), columns=names)


class Form(NamedTuple):
    """Sixty series, and how they are read.

    If ``read_series`` refuses them by a line that holds ``says``, then ``answer`` turns them into
    what it reads.
    """

    make: Callable[[], Any]
    keys: dict[str, Any] = {}  # noqa: RUF012 - only read
    values: np.ndarray = X
    says: str | None = None
    answer: Callable[[Any], Any] = lambda x: x


LONG = {"series_id": "machine", "step": "minute"}
FORMS = {
    "array (n, steps, channels)": Form(lambda: X),
    "array (n, steps)": Form(lambda: LEVEL, values=LEVEL[:, :, None]),
    "array of objects": Form(lambda: X.astype(object)),
    "list of (steps, channels)": Form(lambda: list(X)),
    "list of pandas Series": Form(
        lambda: [pd.Series(x) for x in LEVEL], values=LEVEL[:, :, None]),
    "list of frames, newest first": Form(
        lambda: [f.assign(step=range(STEPS)).iloc[::-1] for f in one_each()]),
    "wide with ids and labels": Form(
        lambda: wide().assign(series_id=IDS, label=Y), values=LEVEL[:, :, None]),
    "wide, parts with ids": Form(
        lambda: pd.concat([wide()[k : k + 12].set_axis(range(12)) for k in range(0, N, 12)])
        .assign(series_id=IDS), values=LEVEL[:, :, None]),
    "nested, arrays": Form(lambda: nested(np.asarray)),
    "nested, pandas with arrow types": Form(
        lambda: pa.Table.from_pandas(nested(list)).to_pandas(types_mapper=pd.ArrowDtype)),
    "long, arrow stream": Form(lambda: Streamed(rows("series_id", "step"))),
    "long, polars": Form(lambda: Converted(rows("series_id", "step"))),
    "long, other names": Form(rows, LONG),
    "long, categorical ids": Form(
        lambda: rows("series_id", "step").astype({"series_id": "category"})),
    "long, unordered steps": Form(
        lambda: rows("series_id", "step").groupby("series_id", sort=False).sample(
            frac=1, random_state=0)),
    "long, times of a zone": Form(lambda: dated(rows("series_id", "step"), "Europe/Berlin")),
    "long, text of nullable types": Form(lambda: rows("series_id", "step").convert_dtypes()),
    "two levels, steps first": Form(lambda: indexed().swaplevel()),
    "two levels of a pandas Series": Form(lambda: indexed()["level"], values=LEVEL[:, :, None]),
    "three levels, two usual": Form(
        lambda: indexed("id", "time").assign(plant="a").set_index("plant", append=True)),
    "wide, steps as numbers": Form(
        lambda: pd.DataFrame(LEVEL), values=LEVEL[:, :, None]),
    "wide, lags": Form(
        lambda: wide().set_axis([f"t-{k}" for k in range(STEPS)][::-1], axis=1),
        values=LEVEL[:, :, None]),
    "wide, dates": Form(
        lambda: wide().set_axis(
            pd.date_range("2025-11-20", periods=STEPS, freq="W").strftime("%Y-%m-%d"), axis=1),
        values=LEVEL[:, :, None]),
    "wide, two channels": Form(
        lambda: two_channels("x{}", "y{}"), says="got a column 'y0' after 'x23'; say",
        answer=lambda x: np.stack([x[x.columns[:STEPS]], x[x.columns[STEPS:]]], axis=2)),
    "wide, sorted as text": Form(
        lambda: wide()[sorted(wide())], values=LEVEL[:, :, None],
        says="got a column 'x2' after 'x19'; say",
        answer=lambda x: x[[f"x{k}" for k in range(STEPS)]]),
    "wide, a number of each series": Form(
        lambda: wide().assign(machine=range(N)), values=LEVEL[:, :, None],
        says="got a column 'machine' after 'x23'; say", answer=lambda x: x.drop(columns="machine")),
    "long, irregular times": Form(
        lambda: irregular(numbered()), {"series_id": "machine", "step": "when"},
        says="got a column 'swing' after 'level'; say"),
    "long, irregular times and an index of ids": Form(
        lambda: irregular(rows()).set_index("machine"), {"series_id": "machine", "step": "when"},
        says="SequenceClassifier(series_id=…, step=…)"),
    "long, irregular times and usual ids": Form(
        lambda: irregular(rows()).rename(columns={"machine": "series_id"}), {"step": "when"},
        says="give SequenceClassifier's step="),
    "list of frames with times": Form(
        lambda: [f for _, f in irregular(rows()).drop(columns="machine").groupby(
            np.repeat(range(N), STEPS))], {"step": "when"},
        says="a column 'when' that rises in every series; give SequenceClassifier(step='when')"),
    "two levels, unusual names": Form(
        lambda: indexed("machine", "minute"), LONG, says="levels machine, minute; say which they "
        "are with SequenceClassifier(series_id=…, step=…)"),
    "two levels without names": Form(
        lambda: indexed(None, None), says="X.rename_axis(['series_id', 'step'])",
        answer=lambda x: x.rename_axis(["series_id", "step"])),
    "a pivot of two channels": Form(
        lambda: rows("id", "time").pivot(index="id", columns="time").loc[IDS],
        says="write X.stack()", answer=lambda x: x.stack(future_stack=True)),
    "long, text as ids": Form(
        lambda: rows().drop(columns="minute"), LONG, says="series_id=…, step=…",
        answer=lambda x: x.assign(minute=x.groupby("machine").cumcount())),
    "an array of ids, irregular times and values": Form(
        lambda: irregular(numbered()).to_numpy(), {"series_id": 2, "step": 3},
        says="got 1440 rows and 60 values of y; say"),
    "long, dates as steps": Form(
        lambda: dated(rows("id", "step"), None).rename(columns={"id": "machine", "step": "when"}),
        {"series_id": "machine", "step": "when"}, says="series_id=…, step=…"),
    "frames of numbered channels below each other": Form(
        lambda: pd.concat(one_each()).set_axis([1, 2], axis=1),
        says="an index (X.reset_index(drop=True) removes it), which counts up again and again",
        answer=lambda x: x.set_axis(NAMES, axis=1).assign(
            series_id=np.repeat(range(N), STEPS), step=x.index)),
    "long without steps": Form(
        lambda: rows("series_id").drop(columns="minute"),
        says="step=X.groupby('series_id').cumcount()",
        answer=lambda x: x.assign(step=x.groupby("series_id").cumcount())),
    "steps as text": Form(
        lambda: rows("series_id", "step").assign(step=lambda f: f["step"].map(str)),
        says="expected numbers or times as steps, got '0' (string); convert them with "
        "pd.to_numeric", answer=lambda x: x.assign(step=pd.to_numeric(x["step"]))),
    "array (n, channels, steps)": Form(
        lambda: X.transpose(0, 2, 1), says="write X.transpose(0, 2, 1)",
        answer=lambda x: x.transpose(0, 2, 1)),
    "list of (channels, steps)": Form(
        lambda: [x.T for x in X], says="[x.T for x in X]", answer=lambda x: [v.T for v in x]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_sixty_series_are_read_as_sixty_or_asked_about(name: str) -> None:
    make, keys, values, says, answer = FORMS[name]
    if says is not None:
        with pytest.raises(ValueError, match="X: expected") as refused:
            SequenceClassifier().fit(make(), Y)
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)
    given = read_series(answer(make()), **keys)
    np.testing.assert_array_equal(given.values, values)
    n = values.shape[2]
    assert str(given) == f"60 series, 24 steps, {n} channel{'s' * (n > 1)}"
    assert given.channels in (None, NAMES[:n], [*range(n)])


def test_a_column_of_ids_among_shuffled_rows_is_asked_about() -> None:
    frame = numbered().sample(frac=1, random_state=0)
    y = np.repeat(Y, STEPS)[frame.index]
    for x in (frame.set_axis(range(4), axis=1), frame.to_numpy()):
        with pytest.raises(ValueError, match="column 2, whose 60 values have one label each; say"):
            SequenceClassifier().fit(x, y)


def test_rows_of_a_long_frame_may_lie_in_any_order() -> None:
    frame, shorter = rows("series_id", "step"), X.copy()
    shorter[1, 20:] = np.nan
    frame = frame[(frame["series_id"] != IDS[1]) | (frame["step"] < 20)]
    mixed = frame.sample(frac=1, random_state=0)
    order = [IDS.index(name) for name in pd.unique(mixed["series_id"])]
    given = read_series(mixed)
    np.testing.assert_array_equal(given.values, shorter[order])
    assert str(given) == "60 series, 20 to 24 steps, 2 channels"


ROWS = rows("series_id", "step")
BY_ROW = labelled(ROWS, "series_id")
BY_ID = pd.Series(Y, index=IDS)
LABELS = {
    "a row each": (ROWS, BY_ROW),
    "a row each, an array": (ROWS, BY_ROW.to_numpy()),
    "a row each, shuffled": (ROWS, BY_ROW.sample(frac=1, random_state=0)),
    "a row each, by an index of its own": (indexed(), BY_ROW),
    "by id, sorted": (indexed(), BY_ID.sort_index()),
    "by id, categorical": (ROWS.astype({"series_id": "category"}), BY_ID.sort_values()),
    "an array": (indexed(), Y),
    "wide": (wide(), pd.Series(Y)),
    "nested": (nested(list), pd.Series(Y)),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_find_their_series(name: str) -> None:
    x, y = LABELS[name]
    assert np.asarray(read_series(x).aligned("y", y)).tolist() == Y.tolist()


def test_labels_of_other_series_are_refused() -> None:
    given = read_series(ROWS)
    with pytest.raises(ValueError, match="y: expected an index of the frame's rows or of its 60"):
        given.aligned("y", pd.Series(Y, index=[f"other{k}" for k in range(N)]))
    torn = BY_ROW.where(BY_ROW.index != 0, "other")
    with pytest.raises(ValueError, match=f"all rows of a series, got several in '{IDS[0]}'"):
        given.aligned("y", torn)
    for frame in (wide(), nested(list)):
        mixed = pd.Series(Y).sample(frac=1, random_state=0)
        with pytest.raises(ValueError, match=r"y: expected the index of X in its order.*y\.loc"):
            read_series(frame).aligned("y", mixed)


STRANGE = {
    "a row without one": ROWS.assign(step=ROWS["step"].where(ROWS.index != 3)),
    "a step once in each series, got 0 again in": ROWS.assign(step=0),
    "got Timestamp('2026-03-29 00:00:00+0000', tz='UTC') again": pd.concat(
        [dated(ROWS, "UTC"), dated(ROWS, "UTC").iloc[:1]]),
    "as steps, got '0' (mixed-integer)": ROWS.assign(step=["0", *ROWS["step"][1:]]),
    "expected numbers in column 'level'": ROWS.assign(level="high"),
    "as many steps in every channel": pd.DataFrame({"a": [[1.0]], "b": [[1.0, 2.0]]}),
    "got no 'swing' among level": [*one_each()[:2], one_each()[2][["level"]]],
    "got one twice or none in series 0": [one_each()[0].assign(step=1)],
    "expected different names": pd.DataFrame(np.zeros((2, 2)), columns=["a", "a"]),
    "a column 'z' after 1": pd.DataFrame(np.zeros((2, 2))).assign(z=0.5),
    "got it as a column and as a level": ROWS.set_index("step", drop=False),
    "DataFrames only in a list with one, got 1 others": [one_each()[0], X[1]],
    "at least one series, got none": ROWS.iloc[:0],
    "got an infinite one or one beyond float32 in series 0": ROWS.assign(level=np.inf),
}  # fmt: skip


@pytest.mark.parametrize("says", STRANGE)
def test_a_frame_that_can_not_be_meant_is_one_line(says: str) -> None:
    with pytest.raises(ValueError, match="X: expected") as refused:
        read_series(STRANGE[says])
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_names_that_a_frame_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="expected 'motor' in every row of a long frame, got lev"):
        read_series(rows(), series_id="motor", step="minute")


QUICK = {"members": ("steps",)}


@pytest.fixture(scope="module")
def by_array() -> SequenceClassifier:
    return SequenceClassifier(**QUICK).fit(X, Y)


def test_a_long_frame_of_other_names_is_learnt_and_asked_as_an_array(
    by_array: SequenceClassifier,
) -> None:
    frame = rows()
    fitted = SequenceClassifier(**QUICK, **LONG).fit(frame, labelled(frame, "machine"))
    assert fitted.read_ == by_array.read_ == "60 series, 24 steps, 2 channels"
    assert (fitted.channels_, by_array.channels_) == (NAMES, None)
    expected = by_array.predict_proba(X)
    np.testing.assert_array_equal(fitted.predict_proba(frame), expected)
    turned = [f[["swing", "level"]] for f in one_each()]
    np.testing.assert_array_equal(fitted.predict_proba(turned), expected)
    assert fitted.score(frame, labelled(frame, "machine")) == by_array.score(X, Y)
    np.testing.assert_array_equal(
        fitted.explain(frame[:48], labelled(frame[:48], "machine")), by_array.explain(X[:2], Y[:2])
    )
    with pytest.raises(ValueError, match="got no 'swing' among level, speed; rename the columns"):
        fitted.predict([f.rename(columns={"swing": "speed"}) for f in one_each()])
    with pytest.raises(ValueError, match="expected 'machine' in every row of a long frame"):
        fitted.predict(indexed())
    with pytest.raises(ValueError, match="got a column 'swing' after 'level'; say"):
        fitted.set_params(series_id=None, step=None).predict(one_each()[0])


def test_what_was_read_is_kept_and_shown(by_array: SequenceClassifier, tmp_path: Path) -> None:
    assert repr(by_array).endswith(": 60 series, 24 steps, 2 channels")
    x = numbered().to_numpy()
    fitted = SequenceClassifier(**QUICK, series_id=2, step=3).fit(x, Y)
    fitted.save(tmp_path / "long.seqclass")
    same = load_model(tmp_path / "long.seqclass")
    assert same.get_params() == fitted.get_params()
    assert (same.read_, same.channels_) == (fitted.read_, fitted.channels_)
    np.testing.assert_array_equal(same.predict_proba(x), fitted.predict_proba(x))


def test_an_array_of_no_more_steps_than_channels_is_asked_about() -> None:
    for x in (X[:, :2], list(X[:, :2])):
        with pytest.raises(ValueError, match=r"got 60 series, 2 steps, .*pd\.DataFrame\(x\) for"):
            SequenceClassifier().fit(x, Y)
    fitted = SequenceClassifier(**QUICK).fit([pd.DataFrame(x) for x in X[:, :2]], Y)
    assert fitted.read_ == "60 series, 2 steps, 2 channels"
    assert len(fitted.predict(X[:, :2])) == N


def test_series_of_one_step_are_refused() -> None:
    for x in (X.transpose(0, 2, 1)[:, :1], LEVEL.reshape(-1, 1), wide()[["x0"]]):
        with pytest.raises(ValueError, match=r"got \d+ series, 1 step, .*write X.transpose"):
            SequenceClassifier().fit(x, np.resize(Y, len(x)))


def test_the_other_order_of_an_array_is_refused_by_what_was_fitted(
    by_array: SequenceClassifier,
) -> None:
    with pytest.raises(ValueError, match=r"expected 2 channels .*X\.transpose\(0, 2, 1\) turns"):
        by_array.predict(X.transpose(0, 2, 1))


def test_columns_of_a_wide_frame_are_compared_as_scikit_learn_does(tmp_path: Path) -> None:
    check_dataframe_column_names_consistency("SequenceClassifier", SequenceClassifier(**QUICK))
    fitted = SequenceClassifier(**QUICK).fit(wide(), Y)
    fitted.save(tmp_path / "wide.seqclass")
    for classifier in (fitted, load_model(tmp_path / "wide.seqclass")):
        assert classifier.feature_names_in_.tolist() == wide().columns.tolist()
        with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
            classifier.predict(wide().iloc[:, ::-1])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            classifier.explain(Converted(wide()[:2]))
    assert not hasattr(fitted.fit(LEVEL, Y), "feature_names_in_")


def test_a_stored_model_refuses_a_wide_frame_in_another_order(root: Root) -> None:
    """Its dataset numbers the steps, and does not keep names of columns."""
    dataset = store_series(root, n=90)
    *_, model = register(dataset)
    frame = pd.DataFrame(dataset.values(np.arange(6))[:, :, 0]).add_prefix("t")
    stored = StoredClassifier(model)
    assert stored.predict(frame).tolist() == ["down", "up"] * 3
    for order, says in ((slice(None, None, -1), "count the steps up"), ([1, 0, 2], "after 't0'")):
        with pytest.raises(ValueError, match=says):
            stored.predict(frame.iloc[:, order])
