"""A sample of a stream, however long it is and however it is cut, finds what gives labels away."""

import numpy as np
import pyarrow as pa
import pytest

from seqclass.screening import giveaways
from seqclass.screening.giveaways import SampledSeries
from seqclass.store.rows import from_dense

N_ROWS = 300


def stream(x: np.ndarray, at_once: int = N_ROWS, **more: list) -> list[pa.Table]:
    """Tables of series with one or two channels, of alternating classes."""
    n, n_steps, n_channels = x.shape
    columns = {
        "series_id": [f"s{k}" for k in range(n)],
        "label": ["ab"[k % 2] for k in range(n)],
        "n_steps": np.full(n, n_steps, np.int32),
        **{f"c{k}": from_dense(x[..., k].astype(np.float32)) for k in range(n_channels)},
        **more,
    }
    table = pa.table(columns)
    return [table.slice(start, at_once) for start in range(0, n, at_once)]


def sampled(tables: list[pa.Table]) -> SampledSeries:
    sample = SampledSeries()
    for table in tables:
        sample.add(table)
    return sample


def walks(n: int = N_ROWS) -> np.ndarray:
    return np.cumsum(np.random.default_rng(0).standard_normal((n, 40, 1)), axis=1)


def copies(times: int) -> np.ndarray:
    x = np.concatenate([walks(N_ROWS // times)] * times)
    return x + 0.05 * np.random.default_rng(1).standard_normal(x.shape)


@pytest.mark.parametrize("at_once", [7, N_ROWS])
def test_copies_are_found_unless_a_group_keeps_them_together(at_once: int) -> None:
    [line] = sampled(stream(copies(3), at_once)).giveaways()
    assert "far closer to a training series" in line
    groups = [f"g{k}" for k in range(100)] * 3
    assert sampled(stream(copies(3), at_once, group=groups)).giveaways() == []


def test_the_split_of_the_files_counts() -> None:
    split = ["train"] * 200 + ["test"] * 100
    assert len(sampled(stream(copies(3), split=split)).giveaways()) == 1
    x = np.concatenate([copies(3)[:200], walks(400)[300:]])
    assert sampled(stream(x, split=split)).giveaways() == []


def test_a_sample_is_bounded_and_each_series_as_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giveaways, "SAMPLE_VALUES", 100 * 40)
    number = np.broadcast_to(np.arange(6000)[:, None, None], (6000, 40, 1))
    sample = sampled(stream(number, 50))
    assert "'c0' never changes within a series" in sample.giveaways()[0]
    assert sample.table is not None
    places = np.array([row[0] for row in sample.table["c0"].to_pylist()])
    assert len(places) == 100
    assert sampled([*stream(np.zeros((1, 4001, 1))), *stream(number)]).giveaways() == []
    assert abs(places.mean() - 3000) < 4 * 6000 / np.sqrt(12 * 100)


def test_rows_without_labels_and_columns_of_some_files_are_left_out() -> None:
    x = np.concatenate([walks(), walks()], axis=2)
    unlabelled = stream(x, label=pa.nulls(N_ROWS, pa.string()))
    assert sampled(unlabelled).giveaways() == []
    sample = sampled([*stream(x, group=["g"] * N_ROWS), *stream(walks()), *unlabelled])
    assert sample.table is not None
    assert sample.table.column_names == ["label", "n_steps", "c0"]
