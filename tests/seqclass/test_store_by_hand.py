"""What a store does from Python as the commands do: frames, questions, comparisons, deletions."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from seqclass import open_store
from seqclass.store.root import Root, open_root
from tests.support.commands import Command
from tests.support.stored import store_series

N, STEPS = 40, 9


@pytest.fixture(scope="module")
def long() -> pd.DataFrame:
    level = np.random.default_rng(0).normal(size=N * STEPS).astype(np.float32)
    return pd.DataFrame(
        {
            "machine": np.repeat([f"m{i:02d}" for i in range(N)], STEPS),
            "label": np.repeat(["a", "b"] * (N // 2), STEPS),
            "step": np.tile(np.arange(STEPS), N),
            "level": level,
        }
    )


@pytest.mark.parametrize("form", ["plain", "index", "arrow", "categories and times"])
def test_a_frame_becomes_the_dataset_that_its_file_becomes(
    form: str, long: pd.DataFrame, tmp_path: Path
) -> None:
    store, frame = open_store(tmp_path / "store"), long
    long.to_csv(tmp_path / "rows.csv", index=False)
    if form == "index":
        frame = long.set_index(["machine", "step"])
    elif form == "arrow":
        frame = pa.Table.from_pandas(long)
    elif form == "categories and times":
        times = pd.Timestamp("2026-01-01") + pd.to_timedelta(long["step"], unit="min")
        frame = long.assign(label=long["label"].astype("category"), step=times)
    by_file = store.import_files("file", tmp_path / "rows.csv", series_id="machine")
    by_frame = store.import_frame("frame", frame, series_id="machine")
    digests = [outcome["dataset"].partition("@")[2] for outcome in (by_file, by_frame)]
    assert digests[0] == digests[1]
    assert by_frame["added"] == N
    assert open_store(tmp_path / "store").import_frame("frame", frame, series_id="machine")[
        "existed"
    ]


def test_a_wide_frame_has_a_row_for_each_series(tmp_path: Path) -> None:
    store, x = open_store(tmp_path / "store"), np.arange(N * STEPS, dtype=float).reshape(N, STEPS)
    wide = pd.DataFrame(x).assign(label=["a", "b"] * (N // 2))
    assert store.import_frame("wide", wide, test=wide, layout="wide")["added"] == 2 * N
    series, labels = store.dataset("wide")
    np.testing.assert_array_equal(series[:N, :, 0], x)
    assert labels[:2].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (lambda long: long, "frame.parquet: expected a column 'series_id'"),
        (lambda long: [1, 2], "frame: expected a DataFrame, got list"),
        (lambda long: long.assign(level=[{}, 3] * (N * STEPS // 2)), "frame: expected columns"),
        (lambda long: pd.concat([long, long[["level"]]], axis=1), "frame: expected columns"),
        (lambda long: long.iloc[:0].rename(columns={"machine": "series_id"}), "frame.parquet"),
    ],
)
def test_a_frame_that_can_not_be_read_is_refused_without_a_path(
    frame: Any, words: str, long: pd.DataFrame, tmp_path: Path
) -> None:
    store = open_store(tmp_path / "store")
    with pytest.raises(ValueError, match=words) as refusal:
        store.import_frame("frame", frame(long))
    assert "/" not in str(refusal.value).partition(":")[0]
    assert store.datasets() == []


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a dataset of some wrong labels and two versions, of which the second is
    champion."""
    root = open_root(tmp_path_factory.mktemp("two"))
    muddled = [("down", "up")[(row + (row % 15 == 0)) % 2] for row in range(90)]
    store_series(root, n=90, label=muddled)
    store = open_store(root.url)
    for seed in range(2):
        store.train("toy", seeds=1, first_seed=seed, members=("convolutions",))
    store.train("toy", "spare", seeds=1, members=("convolutions",))
    store.promote("toy@v2", "a trial", force=True)
    return root


@pytest.fixture
def two(trained: Root, root: Root) -> Root:
    shutil.copytree(trained.path, root.path)
    return root


def test_versions_are_compared_as_the_command_compares_them(two: Root, seqclass: Command) -> None:
    compared = open_store(two.url).compare("toy@v1", "toy@v2")
    code, out, err = seqclass("compare", "toy@v1", "toy@v2", "--root", two.path, "--json")
    assert code == 0, err
    printed = {**json.loads(out), "made": compared["made"]}
    assert json.loads(json.dumps(compared)) == printed
    with pytest.raises(ValueError, match="2 to 20 different versions"):
        open_store(two.url).compare("toy")


def test_questions_are_written_once_and_again_on_demand(two: Root, tmp_path: Path) -> None:
    store, out = open_store(two.url), tmp_path / "questions.csv"
    asked = store.queue("toy", out, limit=3)
    assert asked["written"] == [str(out)]
    assert len(pd.read_csv(out)) == asked["questions"] == 3
    with pytest.raises(ValueError, match="not there yet"):
        store.queue("toy", out)
    again = store.queue("toy", tmp_path / "again.csv", limit=3, again=True)
    assert set(pd.read_csv(again["written"][0])["series_id"]) == set(pd.read_csv(out)["series_id"])


def test_what_nothing_needs_is_deleted(two: Root) -> None:
    store = open_store(two.url)
    with pytest.raises(ValueError, match="it stays"):
        store.delete("toy@v2", "a trial")
    with pytest.raises(ValueError, match="expected a version"):
        store.delete("toy", "a trial")
    with pytest.raises(ValueError, match="reason: expected words"):
        store.delete("models/toy", " ", all_versions=True)
    assert "models/toy@v2" in store.delete("models/toy", "it is over", all_versions=True)
    assert (store.models(), store.champion("toy")) == (["spare@v1"], None)
