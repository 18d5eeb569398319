"""Splits that do not leak: copies are found, and the newest rows can test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclass.evaluation.leaks import (
    Sample,
    ShapeKeys,
    as_numbers,
    exact_keys,
    find_leaks,
    giveaways,
    near_keys,
)
from seqclass.row_split import leaks_of, select_rows
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import assign_newest
from tests.support.commands import Command
from tests.support.series import keys_of
from tests.support.stored import store_series

RNG = np.random.default_rng(0)
X = RNG.standard_normal((6, 30, 2)).astype(np.float32)


def test_padding_does_not_hide_a_copy() -> None:
    padded = np.concatenate([X, np.full((6, 9, 2), np.nan, np.float32)], axis=1)
    assert exact_keys(padded) == exact_keys(X)
    assert near_keys(padded) == near_keys(X)


@pytest.mark.parametrize("change", [lambda x: 9 / 5 * x + 32, lambda x: x * [3, 1e-3] + [0, 7],
                                    lambda x: x * (1 + 1e-7)])  # fmt: skip
def test_another_level_or_scale_is_a_near_copy_and_no_exact_one(change: object) -> None:
    other = change(X).astype(np.float32)  # type: ignore[operator]
    assert near_keys(other) == near_keys(X)
    assert not set(exact_keys(other)) & set(exact_keys(X))


@pytest.mark.parametrize(
    "change", [lambda x: -x, lambda x: x[:, ::-1], lambda x: x[:, :-1], lambda x: x[..., ::-1],
               lambda x: np.where(np.arange(30)[:, None] == 4, np.nan, x)]
)  # fmt: skip
def test_another_shape_is_no_copy(change: object) -> None:
    other = change(X)  # type: ignore[operator]
    assert not set(near_keys(other)) & set(near_keys(X))


@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
def test_constant_series_are_no_near_copies_of_each_other(level: float) -> None:
    x = np.full((2, 30, 1), level, np.float32)
    x[1] += 1
    assert near_keys(x) == [b"", b""]
    assert len(set(exact_keys(x))) == 2


def test_nothing_observed_has_keys_too() -> None:
    nothing = np.full((1, 5, 2), np.nan, np.float32)
    assert near_keys(nothing) == [b""]
    assert len(exact_keys(nothing)) == 1


def test_leaks_count_test_series_once_and_name_pairs() -> None:
    exact = [key * 8 for key in [b"p", b"q", b"p", b"p", b"s"]]
    near = [key * 8 for key in [b"1", b"2", b"1", b"1", b"2"]]
    keys = ShapeKeys(as_numbers(exact), as_numbers(near))
    leaks = find_leaks(list("abcde"), keys, np.array([0, 1]), np.array([2, 3, 4]))
    assert (leaks["exact"], leaks["near"]) == (2, 1)
    assert leaks["examples"] == [
        {"kind": "exact", "test": "c", "train": "a"},
        {"kind": "exact", "test": "d", "train": "a"},
        {"kind": "near", "test": "e", "train": "b"},
    ]


def copies(root: Root) -> pa.Table:
    """60 series; the test rows hold two copies and one near copy of training rows, and one class
    alone has gaps."""
    table = pa.concat_tables(store_series(root, "plain").tables())
    values = np.array(table["value"].to_pylist(), dtype=np.float32)
    values[1::2, 4:6] = np.nan
    values[50], values[51], values[52] = values[0], values[1], 3 * values[2] + 1
    return table.set_column(3, "value", pa.array(list(values), pa.list_(pa.float32())))


def test_copies_are_told_in_metrics_report_and_output(
    prefect: str, seqclass: Command, root: Root
) -> None:
    split = ["train"] * 48 + ["test"] * 12
    stored = store_series(root, value=copies(root)["value"].combine_chunks(), split=split)
    spec = TrainingSpec(seeds=1, members=("convolutions",))
    leaks = leaks_of(stored, select_rows(stored, spec))
    assert (leaks["exact"], leaks["near"]) == (2, 1)
    assert {"kind": "exact", "test": "s050", "train": "s000"} in leaks["examples"]
    [line] = leaks["amiss"]
    assert line.startswith("the share of missing values alone tells the class")
    path = Path(f"{root.path}.json")
    path.write_text('{"members": ["convolutions"]}')
    _, _, err = seqclass("train", "toy", "--seeds", 1, "--spec", path)
    before, begun, _ = err.partition("expect about")
    assert begun
    assert f"leaks: {line}" in before
    assert "one seed can't disagree with itself" in before
    model = open_model(root, "toy@v1")
    assert model.read_json("metrics.json")["leaks"] == leaks
    page = Path(model.folder, "report.html").read_text()
    assert line in page
    assert "2 exact and 1 near copies of training series are among the 12 test series" in page
    _, out, _ = seqclass("show", "toy@v1")
    assert "3 test series are copies or near copies of training series" in out
    assert line in out


N_ROWS = 240
LABELS = np.random.default_rng(2).integers(0, 2, N_ROWS)
IS_TEST = np.random.default_rng(3).random(N_ROWS) < 0.2


def walks(n: int = N_ROWS) -> np.ndarray:
    return np.cumsum(np.random.default_rng(4).standard_normal((n, 50, 1)), axis=1)


def cut(lengths: np.ndarray) -> np.ndarray:
    return np.where(np.arange(50)[:, None] < lengths[:, None, None], walks(), np.nan)


def holes(shares: np.ndarray) -> np.ndarray:
    missing = np.random.default_rng(5).random((N_ROWS, 50, 1)) < shares[:, None, None]
    return np.where(missing, np.nan, walks())


def repeated(times: int, noise: float) -> np.ndarray:
    x = np.concatenate([walks(N_ROWS // times)] * times)
    return x + noise * x.std() * np.random.default_rng(6).standard_normal(x.shape)


def with_number() -> np.ndarray:
    number = np.broadcast_to(np.arange(N_ROWS)[:, None, None], (N_ROWS, 50, 1))
    return np.concatenate([walks(), number], axis=2)


def found_in(x: np.ndarray, labels: np.ndarray = LABELS, groups: object = None) -> list[str]:
    sample = Sample(x, labels, groups, IS_TEST)  # type: ignore[arg-type]
    return giveaways(sample, [f"c{k}" for k in range(x.shape[2])])


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (cut(30 + 6 * LABELS + np.arange(N_ROWS) % 6), "length of a series alone"),
        (holes(0.1 + 0.4 * LABELS), "missing values alone"),
        (with_number(), "channel 'c1' never changes within a series"),
        (repeated(3, 0.05), "far closer to a training series"),
        (repeated(6, 0.05), "far closer to a training series"),
        (repeated(2, 0.0), "far closer to a training series"),
    ],
)
def test_what_gives_labels_away_is_said_in_one_sentence(x: np.ndarray, says: str) -> None:
    [line] = found_in(x)
    assert says in line


@pytest.mark.parametrize(
    "x",
    [
        walks(),
        repeated(3, 1.0),
        cut(np.random.default_rng(7).integers(20, 50, N_ROWS)),
        holes(np.full(N_ROWS, 0.3)),
        np.sin(walks()[:, :1] + np.arange(50)[:, None] * (0.3 + 0.3 * LABELS[:, None, None])),
        np.where(LABELS[:, None, None], walks(), 0.01 * walks()),
        np.full((N_ROWS, 50, 1), 7.0),
        np.full((N_ROWS, 50, 1), np.inf),
        walks()[:, :1],
    ],
)
def test_nothing_is_said_of_ordinary_series(x: np.ndarray) -> None:
    assert found_in(x) == []


def test_three_of_a_group_on_one_side_are_no_leak() -> None:
    groups = np.tile(np.arange(80), 3)
    tests = Sample(repeated(3, 0.05), LABELS, groups, groups < 20)
    assert giveaways(tests, ["x"]) == []


@pytest.mark.parametrize("n_groups", [1, 2, 4, 5, 40])
def test_few_groups_are_no_error(n_groups: int) -> None:
    x, groups = cut(30 + 6 * LABELS + np.arange(N_ROWS) % 6), np.arange(N_ROWS) % n_groups
    assert len(found_in(x, groups=groups)) == (n_groups >= 5)


@given(
    rows=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 1), st.integers(0, 50)),
                  min_size=12, max_size=80),
    fraction=st.sampled_from([0.1, 0.2, 0.5]),
)  # fmt: skip
def test_the_newest_keys_test_and_no_key_is_cut(
    rows: list[tuple[int, int, int]], fraction: float
) -> None:
    groups, y, time = np.array(rows).T
    kept, held = assign_newest(keys_of(groups.astype(str)), y, time, fraction)
    assert sorted([*kept, *held]) == list(range(len(rows)))
    assert not set(groups[kept]) & set(groups[held])
    for code in set(y):
        keys = set(groups[y == code])
        assert len(keys & set(groups[kept])) >= min(2, len(keys))


def test_a_class_that_is_only_new_trains_first() -> None:
    y = np.array([0] * 8 + [1] * 4)
    kept, held = assign_newest(keys_of(np.arange(12).astype(str)), y, np.arange(12), 0.5)
    assert held.tolist() == [5, 6, 7, 10, 11]
    assert kept.tolist() == [0, 1, 2, 3, 4, 8, 9]


def test_a_dataset_is_split_by_time_where_the_spec_says_so(root: Root) -> None:
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    time = [begin + timedelta(hours=(i * 7) % 60) for i in range(60)]
    kind = pa.timestamp("us", tz="UTC")
    stored = store_series(root, time=pa.array(time, kind))
    split = select_rows(stored, TrainingSpec(split_by="time"))
    assert len(split.test) == 12
    assert min(time[i] for i in split.test) > max(time[i] for i in split.train)
    with pytest.raises(ValueError, match="split_by: expected a dataset with a column 'time'"):
        select_rows(store_series(root, "plain"), TrainingSpec(split_by="time"))
    with pytest.raises(ValueError, match="split_by: expected one of hash, time, got 'date'"):
        TrainingSpec(split_by="date")  # type: ignore[arg-type]


def test_series_of_one_loud_burst_are_no_near_copies_of_each_other() -> None:
    """Noise that is far below the burst still tells two series apart."""
    rng = np.random.default_rng(0)
    x = 10 + 0.1 * rng.standard_normal((40, 100, 1)).astype(np.float32)
    x[:, 50:60] += 490
    keys = near_keys(x)
    assert len(set(keys)) == len(keys)
    assert near_keys(-4 * x) != keys
    assert near_keys(4 * x) == keys
