"""The contract's pure parts: what rows are like, and who was seen before."""

import json

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqclass.screening.contract import are_stuck
from seqclass.screening.screening import whole_violations
from seqclass.store.duplicates import CONFLICT, FRESH, REPEAT, DuplicateIndex
from seqclass.store.manifests import ChannelStatistics, RowsProfile
from seqclass.store.row_profile import Profile, describe

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=False)


@settings(max_examples=25)
@given(st.lists(arrays(np.float32, st.integers(1, 9), elements=FLOATS), min_size=1, max_size=20))
def test_a_series_is_described_as_numpy_would(series: list[np.ndarray]) -> None:
    lengths = np.array([len(s) for s in series])
    described = describe(np.concatenate(series), lengths)
    for i, values in enumerate(series):
        seen = values[~np.isnan(values)]
        low, high = (seen.min(), seen.max()) if len(seen) else (np.nan, np.nan)
        np.testing.assert_array_equal([described.low[i], described.high[i]], [low, high])
        assert described.missing[i] == pytest.approx(np.isnan(values).mean())
        assert described.frozen[i] == (len(seen) >= 5 and low == high)


def profile(x: np.ndarray, pieces: int = 1) -> RowsProfile:
    gathered = Profile()
    for part in np.array_split(x.astype(np.float32), pieces):
        labels = ["a"] * len(part)
        gathered.add(np.full(len(part), x.shape[1]), labels, {"x": part.ravel()})
    return gathered.describe()


@pytest.mark.parametrize(("offset", "scale"), [(0, 1e-6), (1e6, 1), (-1000, 1e5)])
def test_quartiles_are_within_a_hundredth(offset: float, scale: float) -> None:
    x = offset + scale * np.random.default_rng(0).standard_normal((500, 40))
    quartiles = profile(x)["profile"]["x"]["quartiles"]
    assert quartiles is not None
    exact = np.quantile(x.astype(np.float32), [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, exact, rtol=0.01, atol=0.02 * scale)


def test_a_profile_does_not_depend_on_how_rows_arrive_and_survives_json() -> None:
    x = np.random.default_rng(0).standard_normal((50, 7))
    assert profile(x) == profile(x, pieces=9) == json.loads(json.dumps(profile(x)))
    channel = profile(x)["profile"]["x"]
    assert (channel["mean"], channel["sd"]) == pytest.approx((x.mean(), x.std()), rel=1e-4)


def test_values_around_another_middle_are_no_other_unit_by_their_rounding() -> None:
    rng = np.random.default_rng(0)
    near, far = (profile(1e4 + shift + rng.standard_normal((50, 40))) for shift in (0, 100))
    assert whole_violations(near, far) == []


@pytest.mark.filterwarnings("error")
def test_infinite_values_are_described_without_a_warning() -> None:
    values = np.array([np.inf, np.inf, -np.inf, np.inf, 1.0, 1.0], np.float32)
    described = describe(values, np.array([4, 2]))
    assert described.still.tolist() == [2, 2]


def test_nothing_observed_is_compared_with_nothing() -> None:
    empty = profile(np.full((9, 4), np.nan))
    nothing = dict.fromkeys(("low", "high", "mean", "sd", "quartiles", "still"))
    shares = {"missing": 1.0, "most_missing": 1.0, "stuck": 0}
    assert empty["profile"]["x"] == {**nothing, **shares}
    assert whole_violations(empty, profile(np.ones((9, 4)))) == []


@settings(max_examples=25)
@given(
    rows=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2)), min_size=1, max_size=80),
    size=st.integers(1, 20),
)
def test_an_index_judges_as_a_dictionary_would(rows: list[tuple[int, int]], size: int) -> None:
    expected: list[int] = []
    seen: dict[int, int] = {}
    for i, v in rows:
        expected.append(FRESH if i not in seen else REPEAT if seen[i] == v else CONFLICT)
        seen.setdefault(i, v)
    duplicates, judged = DuplicateIndex(), []
    for start in range(0, len(rows), size):
        judged += duplicates.judge(table(rows[start : start + size])).tolist()
    assert judged == expected


def table(rows: list[tuple[int, int]]) -> pa.Table:
    return pa.table(
        {
            "series_id": [f"s{i}" for i, _ in rows],
            "label": pa.array([None if v == 2 else "k" for _, v in rows], pa.string()),
            "n_steps": np.full(len(rows), 2, np.int32),
            "x": pa.array([[float(v % 2), np.nan] for _, v in rows], pa.list_(pa.float32())),
        }
    )


def channel_of(x: np.ndarray) -> ChannelStatistics:
    return profile(x)["profile"]["x"]


def stuck(channel: ChannelStatistics, x: np.ndarray) -> int:
    lengths = np.full(len(x), x.shape[1])
    return int(are_stuck(channel, describe(x.astype(np.float32).ravel(), lengths)).sum())


def test_what_stays_flat_in_one_series_and_moves_in_the_others_is_frozen() -> None:
    x = np.random.default_rng(0).normal(20, 1, (100, 40))
    x[:4] = 20.5  # the first file had stuck ones too, and is no excuse for later ones
    channel = channel_of(x)
    assert stuck(channel, np.full((3, 40), 21.0)) == 3
    assert stuck(channel, x) == 4
    assert channel["stuck"] == 4


@pytest.mark.parametrize("kind", ["on and off", "often flat", "coarse", "few series", "short"])
def test_a_channel_that_may_be_flat_is_not(kind: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (100, 40))
    flat = np.full((3, 40), 1.0)
    if kind == "on and off":
        x = (np.arange(40) % rng.integers(3, 9, (100, 1)) > 1).astype(float)
    elif kind == "often flat":
        x[:10] = 0.5
    elif kind == "coarse":
        x = np.repeat(rng.normal(0, 1, (100, 2)), 20, axis=1)
    elif kind == "few series":
        x = x[:10]
        x[0] = 0.5
    else:
        x = np.repeat(rng.normal(0, 1, (100, 10)), 4, axis=1)
        flat = flat[:, :6]
    assert stuck(channel_of(x), flat) == 0
