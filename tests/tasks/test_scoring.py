"""Scoring: every row once, in order, by one version, whatever happens meanwhile."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow.csv import read_csv
from pyarrow.json import read_json

from seqclass.inference.answers import BATCH_ROWS, predict_block, spans
from seqclass.inference.assessment import SURENESS
from seqclass.inference.prediction import BLOCK_VALUES, RowGroups, _tables, answer_rows, scorer_of
from seqclass.inference.score_data import ScoringSpec, score_data
from seqclass.pipeline.promote import roll_back
from seqclass.row_split import split_of
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.formats import ColumnNames, Limits
from seqclass.store.models import save_keras
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.workers import begun_workers
from tests.support.commands import Command
from tests.support.places import NOW, REPOSITORY
from tests.support.stored import make_champion, register, store_series
from tests.support.waiting import until


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a dataset and two versions, of which the second is champion."""
    root = open_root(tmp_path_factory.mktemp("scored"))
    for number, model in enumerate(register(store_series(root, n=90))):
        make_champion(root, "toy", model.version, number)
    return root


def file_of_series(folder: Path, root: Root, columns: tuple[str, ...] = ()) -> Path:
    table = pa.concat_tables(open_dataset(root, "toy").tables())
    path = folder / "new.parquet"
    pq.write_table(table.select(["series_id", "value", *columns]), path)
    return path


@given(st.lists(st.integers(1, 300), min_size=1, max_size=1200), st.integers(0, 99))
def test_blocks_keep_the_order_and_look_at_whole_series(lengths: list[int], seed: int) -> None:
    n_steps, rng = np.array(lengths), np.random.default_rng(seed)
    x = rng.standard_normal((len(lengths), max(lengths), 1), dtype=np.float32)
    x[np.arange(max(lengths)) >= n_steps[:, None]] = np.nan

    def infer(rows: np.ndarray) -> dict[str, np.ndarray]:
        assert len(rows) <= BATCH_ROWS
        sums, seen = np.nansum(rows, axis=(1, 2)), np.isfinite(rows).sum(axis=(1, 2))
        return {"sums": np.stack([sums, -sums], axis=1), "seen": seen}

    found = predict_block(infer, x, n_steps)
    assert found["seen"].tolist() == lengths
    np.testing.assert_allclose(found["sums"][:, 0], np.nansum(x, axis=(1, 2)), atol=1e-3)


@given(st.lists(st.integers(1, 99), max_size=99), st.integers(1, 9), st.integers(1, 300))
def test_spans_cover_every_row_and_hold_what_they_may(
    lengths: list[int], most_rows: int, most_values: int
) -> None:
    found = list(spans(np.array(lengths), most_rows, most_values))
    assert [row for start, stop in found for row in range(start, stop)] == [*range(len(lengths))]
    for start, stop in found:
        own = lengths[start:stop]
        assert len(own) == 1 or (len(own) <= most_rows and len(own) * max(own) <= most_values)


@pytest.mark.parametrize("is_stored", [True, False])
def test_a_long_series_among_short_ones_pads_few_of_them(
    scored: Root, tmp_path: Path, is_stored: bool
) -> None:
    """By the mean length, 4,000 rows would be padded to 100,000 steps: 1.6 GB."""
    lengths = np.full(4000, 20, np.int32)
    lengths[::1000] = 100_000
    ids = [f"s{row}" for row in range(4000)]
    values = pa.LargeListArray.from_arrays(
        np.append(0, np.cumsum(lengths, dtype=np.int64)),
        np.zeros(int(lengths.sum()), dtype=np.float32),
    ).cast(pa.list_(pa.float32()))
    table = pa.table({"series_id": ids, "label": ["up"] * 4000, "n_steps": lengths,
                      "value": values})  # fmt: skip
    path = str(tmp_path / "long.parquet")
    pq.write_table(table, path)
    scorer = scorer_of(open_model(scored, "toy@v1"))
    blocks = list(_tables(scored, RowGroups(path, is_stored, (0,)), scorer))
    padded = [len(block) * max(block["n_steps"].to_pylist()) for block in blocks]
    assert max(padded) <= BLOCK_VALUES
    assert [name for block in blocks for name in block["series_id"].to_pylist()] == ids


def test_a_model_is_given_its_own_channels_in_its_own_order(root: Root) -> None:
    """In a worker's place: a sum over steps that weighs one channel only."""
    import keras

    columns = {name: pa.array([[k + 1.0] * 3, [10 * k] * 3]) for k, name in enumerate("abc")}
    plain = {"series_id": ["s", "t"], "label": ["x", "y"], "n_steps": pa.array([3, 3], pa.int32())}
    dataset = write_dataset(root, "wide", [pa.table({**plain, **columns})], {}, NOW)
    series = keras.Input((None, 2))
    weighed = keras.layers.Dense(1, use_bias=False)(series)
    model = keras.Model(series, keras.layers.GlobalAveragePooling1D()(weighed))
    model.set_weights([np.array([[1.0], [0.0]], dtype=np.float32)])
    path = root.join("model.keras")
    save_keras(model, root, path)
    for channels, first in ((["c", "a"], [3, 20]), (["b", "c"], [2, 10])):
        found = answer_rows(dataset, np.arange(2), path, channels)
        assert found["probabilities"][:, 0].tolist() == first
    with pytest.raises(ValueError, match=r"expected the channels d, a that .* has a, b, c; import"):
        answer_rows(dataset, np.arange(2), path, ["d", "a"])


def test_every_row_is_answered_once_by_one_version(scored: Root) -> None:
    first = score_data(scored, "toy@v1", "toy")
    table = pq.read_table(first["out"])
    dataset = pa.concat_tables(open_dataset(scored, "toy").tables())
    assert table["series_id"].to_pylist() == dataset["series_id"].to_pylist()
    assert set(table["model"].to_pylist()) == {"models/toy@v1"}
    sums = table["probability_down"].to_numpy() + table["probability_up"].to_numpy()
    np.testing.assert_allclose(sums, 1, atol=1e-5)
    assert set(table["answer"].to_pylist()) <= {"down", "up", "unknown"}
    assert first["unknown"] == table["answer"].to_pylist().count("unknown")
    before = Path(first["out"]).read_bytes()
    again = score_data(scored, "toy@v1", "toy")
    assert (first["rows"], again["rows"]) == (90, 90)
    assert again["scored"] == 0
    assert Path(again["out"]).read_bytes() == before


def test_a_name_means_the_champion_and_a_pinned_version_stays(scored: Root) -> None:
    assert score_data(scored, "toy", "toy")["model"] == "models/toy@v2"
    assert score_data(scored, "toy@v1", "toy")["model"] == "models/toy@v1"


def test_the_user_s_file_gets_the_answers_of_the_dataset(scored: Root, tmp_path: Path) -> None:
    path = file_of_series(tmp_path, scored)
    found = score_data(scored, "toy@v1", str(path), ScoringSpec(str(tmp_path / "out.parquet")))
    assert found["scored"] == 90
    own = pq.read_table(tmp_path / "out.parquet")
    theirs = pq.read_table(score_data(scored, "toy@v1", "toy")["out"])
    assert own["label"].null_count == 90
    assert own.drop_columns("label").equals(theirs.drop_columns("label"))


def test_labels_may_come_later(
    prefect: str, scored: Root, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    path = file_of_series(tmp_path, scored)
    words = ("score", "toy", path, "--root", scored.path)
    blind = seqclass_json(*words)
    assert blind["metrics"] is None
    assert blind["estimate"]["is_estimate"]
    ids = open_dataset(scored, "toy").labels()
    rows = zip(ids["series_id"].to_pylist(), ids["label"].to_pylist(), strict=True)
    lines = [f"{name},{label}" for name, label in rows][:60]
    (tmp_path / "labels.csv").write_text("\n".join(["series_id,label", *lines]))
    seen = seqclass_json(*words, "--labels", tmp_path / "labels.csv")
    assert (seen["scored"], seen["metrics"]["labelled"]) == (0, 60)
    names = ids["series_id"].to_pylist()
    trained = {names[row] for row in split_of(open_model(scored, "toy")).train}
    assert 0 < seen["metrics"]["trained"] == len(trained & set(names[:60])) < 60
    assert seen["metrics"]["accuracy"] == 1.0
    assert seen["metrics"]["intervals"]["accuracy"][0] > 0.9


@pytest.mark.parametrize(
    ("lines", "counts", "said"),
    [
        (["other,up"], (0, 0), "0 of 90 series have a label in {}; compare the ids of the two"),
        (["s000,left", "s001,left"], (2, 2), "classes that the model does not know: 2, left out"),
    ],
)
def test_labels_of_which_none_applies_are_told(
    scored: Root,
    seqclass: Command,
    tmp_path: Path,
    lines: list[str],
    counts: tuple[int, int],
    said: str,
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(["series_id,label", *lines]))
    path = file_of_series(tmp_path, scored)
    words = ("score", "toy", path, "--labels", labels, "--root", scored.path)
    code, out, _ = seqclass(*words)
    assert (code, said.format(labels) in out) == (0, True)
    found = json.loads(seqclass(*words, "--json")[1])
    assert (found["metrics"], found["labels"]) == (
        None, {"rows": counts[0], "of_other_classes": counts[1]},
    )  # fmt: skip


def test_every_file_of_a_folder_is_scored_and_copies_once(scored: Root, tmp_path: Path) -> None:
    table = pa.concat_tables(open_dataset(scored, "toy").tables()).select(["series_id", "value"])
    for name, part in (("a", table[:20]), ("b", table[20:70]), ("copy-of-a", table[:20])):
        pq.write_table(part, tmp_path / f"{name}.parquet")
    found = score_data(scored, "toy@v1", f"{tmp_path}/", ScoringSpec(str(tmp_path / "all.parquet")))
    assert (found["rows"], found["scored"]) == (70, 70)
    ids = pq.read_table(tmp_path / "all.parquet")["series_id"].to_pylist()
    assert ids == table["series_id"].to_pylist()[:70]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a model whose dataset was imported from columns of other names."""
    root = open_root(tmp_path_factory.mktemp("told"))
    reading = {"series_id": "unit", "label": "kind", "step": "t", "ignore": ["note"],
               "repeated_steps": "drop"}  # fmt: skip
    for number, model in enumerate(register(store_series(root, n=90), reading=reading)):
        make_champion(root, "toy", model.version, number)
    return root


def other_columns(folder: Path, root: Root, head: str = "unit,t,value") -> Path:
    """The dataset's series, the last first, without labels; some rows come again."""
    rows = pa.concat_tables(open_dataset(root, "toy").tables()).to_pylist()[::-1]
    lines = [f"{r['series_id']},{t},{v}" for r in rows for t, v in enumerate(r["value"])]
    path = folder / "new.csv"
    path.write_text("\n".join([head, *lines, *lines[::50], ""]))
    return path


def test_new_rows_are_read_as_the_import_was_told_and_need_no_labels(
    told: Root, tmp_path: Path
) -> None:
    found = score_data(told, "toy", str(other_columns(tmp_path, told)))
    theirs = pq.read_table(found["out"])
    assert theirs["series_id"].to_pylist() == [f"s{i:03d}" for i in reversed(range(90))]
    assert set(theirs["label"].to_pylist()) == {None}
    own = pq.read_table(score_data(told, "toy", "toy")["out"])
    assert theirs["prediction"].to_pylist() == own["prediction"].to_pylist()[::-1]
    other = other_columns(tmp_path, told, "name,clock,value")
    with pytest.raises(ValueError, match="expected columns 'unit'"):
        score_data(told, "toy", str(other))
    said = score_data(
        told, "toy", str(other), ScoringSpec(columns=ColumnNames("name", step="clock"))
    )
    assert said["rows"] == 90


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_answers_come_in_the_form_of_the_ending(
    told: Root, tmp_path: Path, seqclass: Command, ending: str, prefect: str
) -> None:
    path, out = other_columns(tmp_path, told), tmp_path / f"answers{ending}"
    code, _, err = seqclass("score", "toy", path, "--out", out, "--root", told.path)
    assert code == 0, err
    readers = {".parquet": pq.read_table, ".csv": read_csv, ".jsonl": read_json}
    table = readers[ending](out)
    assert table["series_id"].to_pylist() == [f"s{i:03d}" for i in reversed(range(90))]
    own = pq.read_table(score_data(told, "toy", "toy")["out"])
    assert table.schema.names == own.schema.names
    possible = table["possible"].to_pylist()[0]
    assert (possible.split(";") if ending == ".csv" else possible) == own["possible"].to_pylist()[
        -1
    ]


def test_answers_on_standard_output_are_csv_and_nothing_else(
    told: Root, tmp_path: Path, seqclass: Command, prefect: str
) -> None:
    path = other_columns(tmp_path, told)
    code, out, err = seqclass("score", "toy", path, "--out", "-", "--root", told.path)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith('"series_id","model","label","prediction","answer"')
    assert len(lines) == 91


def test_the_answers_never_take_the_place_of_an_input(scored: Root, tmp_path: Path) -> None:
    data, labels = file_of_series(tmp_path, scored), tmp_path / "labels.parquet"
    pq.write_table(open_dataset(scored, "toy").labels().select(["series_id", "label"]), labels)
    (tmp_path / "link.parquet").symlink_to(data)
    before = [path.read_bytes() for path in (data, labels)]
    for out in ("new.parquet", "labels.parquet", "link.parquet"):
        with pytest.raises(ValueError, match="--out: expected another file than the input"):
            score_data(scored, "toy@v1", str(data), ScoringSpec(str(tmp_path / out), str(labels)))
    assert [path.read_bytes() for path in (data, labels)] == before


@pytest.mark.parametrize("rows", [[0, 1, 2, 1], [*range(90), *range(89, 90)]])
def test_an_id_that_comes_twice_is_refused_before_anything_is_answered(
    scored: Root, seqclass: Command, tmp_path: Path, rows: list[int]
) -> None:
    path = file_of_series(tmp_path, scored)
    pq.write_table(pq.read_table(path).take(pa.array(rows)), path, row_group_size=3)
    code, out, err = seqclass("score", "toy", path, "--root", scored.path)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    twice = pq.read_table(path)["series_id"][-1].as_py()
    assert f"{path}: expected a different id for every series, got '{twice}' more than once" in err


@pytest.mark.parametrize("kind", ["wide", "long"])
def test_a_limit_of_a_scored_file_is_named_and_can_be_raised(
    scored: Root, tmp_path: Path, kind: str
) -> None:
    path = file_of_series(tmp_path, scored)
    if kind == "long":
        path = tmp_path / "long.csv"
        lines = (f"s{i},up,{t},{t}.5\n" for i in range(3) for t in range(12))
        path.write_text("series_id,label,step,value\n" + "".join(lines))
    tight, raised = Limits(series=1, cells=1), list[str]()
    while True:
        try:
            found = score_data(scored, "toy@v1", str(path), ScoringSpec(limits=tight))
            break
        except ValueError as error:
            [(limit, number)] = re.findall(r"--limit (\w+)=(\d+) takes it", str(error))
            tight = replace(tight, **{limit: int(number)})
            raised.append(limit)
    assert set(raised) == {"series" if kind == "long" else "cells"}
    assert found["rows"] == (3 if kind == "long" else 90)


def test_rows_without_a_channel_are_refused_and_leave_nothing(scored: Root, tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"series_id": ["a"], "other": pa.array([[1.0]], pa.list_(pa.float32()))}),
        tmp_path / "x.parquet",
    )
    with pytest.raises(ValueError, match="expected the channels value of models/toy@v1, got no"):
        score_data(scored, "toy@v1", str(tmp_path / "x.parquet"))
    assert list(Path(scored.path, ".staging").iterdir()) == []


def wait_for_part(process: subprocess.Popen, root: Root, part: int) -> None:
    """Until a scoring that is at work has staged the answers to a part."""
    staged, name = Path(root.path, ".staging"), f"*/answers-{part:05d}.parquet"
    until(lambda: process.poll() is not None or list(staged.glob(name)), 120, 0.02)
    assert process.poll() is None


@pytest.mark.system
def test_a_killed_scoring_is_repeated_without_a_second_answer(scored: Root, tmp_path: Path) -> None:
    table = pa.concat_tables(open_dataset(scored, "toy").tables())
    many = pa.concat_tables([table] * 200).select(["series_id", "value"])
    many = many.set_column(0, "series_id", pa.array([f"r{i}" for i in range(len(many))]))
    path = tmp_path / "many.parquet"
    pq.write_table(many, path, row_group_size=300)
    script = (
        "from seqclass.store.root import open_root\n"
        "from seqclass.inference.score_data import score_data\n"
        "if __name__ == '__main__':\n"
        f"    score_data(open_root({scored.path!r}), 'toy@v1', {str(path)!r})\n"
    )
    (tmp_path / "go.py").write_text(script)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    place = Path(scored.path, "scores", "toy", "v1", "files", digest)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for part in (0, 30):
        process = subprocess.Popen([sys.executable, tmp_path / "go.py"], env=environment)
        wait_for_part(process, scored, part)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not place.exists()
    assert score_data(scored, "toy@v1", str(path))["rows"] == 18_000
    found = pq.read_table(place / "scores.parquet")
    assert found["series_id"].to_pylist() == many["series_id"].to_pylist()
    assert score_data(scored, "toy@v1", str(path))["scored"] == 0


@pytest.mark.system
def test_a_rollback_under_twenty_readers_mixes_no_versions(scored: Root, tmp_path: Path) -> None:
    """Each reader scores a file of its own again and again while the champion moves."""
    table = pa.concat_tables(open_dataset(scored, "toy").tables()).select(["series_id", "value"])
    ends, failures, seen = threading.Event(), [], []

    def read(reader: int) -> None:
        turn = 0
        while not ends.is_set():
            path = tmp_path / f"{reader}-{turn}.parquet"
            part = table.slice((7 * reader + turn) % 60, 30)
            ids = [f"{reader}-{turn}-{row}" for row in range(len(part))]
            pq.write_table(part.set_column(0, "series_id", pa.array(ids)), path)
            try:
                found = score_data(scored, "toy", str(path))
                versions = set(pq.read_table(found["out"])["model"].to_pylist())
                assert versions == {found["model"]}
                seen.append(found["model"])
            except Exception as error:
                failures.append(repr(error))
                return
            turn += 1

    readers = [threading.Thread(target=read, args=(reader,)) for reader in range(20)]
    for thread in readers:
        thread.start()
    for move in range(6):
        reached = len(seen) + 20
        while len(seen) < reached and not failures:
            time.sleep(0.05)
        second = 600 + move
        if move % 2:
            make_champion(scored, "toy", "v2", second)
        else:
            roll_back(scored, "toy", "worse", NOW + timedelta(seconds=second))
    ends.set()
    for thread in readers:
        thread.join()
    assert failures == []
    assert set(seen) == {"models/toy@v1", "models/toy@v2"}
    assert len(seen) >= 120


def test_scores_are_verified_with_their_model(
    scored: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    found = score_data(scored, "toy@v1", "toy")
    assert seqclass_json("verify", "models/toy", "--root", scored.path)["bad"] == []
    path = Path(found["out"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"x")
    code, out, _ = seqclass("verify", "--root", scored.path, "--json")
    path.write_bytes(whole)
    assert code == 1
    assert [item["path"] for item in json.loads(out)["bad"]] == [str(path)]


def test_scoring_begins_without_scikit_learn() -> None:
    script = "import sys, seqclass.inference.assessment; print('sklearn' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                           cwd=REPOSITORY, check=True)  # fmt: skip
    assert found.stdout == "False\n"


@pytest.mark.system
def test_a_text_file_is_scored_into_a_bucket(scored: Root, bucket: Root, tmp_path: Path) -> None:
    begun_workers.cache_clear()  # the next processes know the bucket
    bucket.fs.put(f"{scored.path}/", f"{bucket.path}/", recursive=True)
    rows = "".join(f"s{i},{t},{t * (-1) ** i}\n" for i in range(4) for t in range(12))
    path = tmp_path / "new.csv"
    path.write_text(f"series_id,step,value\n{rows}")
    found = score_data(bucket, "toy@v1", str(path), ScoringSpec(out=str(tmp_path / "out.csv")))
    begun_workers.cache_clear()
    assert (found["rows"], found["scored"]) == (4, 4)
    assert read_csv(tmp_path / "out.csv")["prediction"].to_pylist() == ["up", "down"] * 2


WITHOUT_PREFECT = """
import sys

class Closed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "prefect":
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Closed())
from flows.__main__ import run_command
for words in sys.argv[1:]:
    sys.argv[1:] = words.split()
    assert run_command() == 0
    print("--")
"""


def test_without_a_server_scoring_needs_no_prefect(scored: Root, tmp_path: Path) -> None:
    """Its answers are those of the flow, whose task calls the same function.

    Some processors sum batches of other sizes in another order, so that last digits differ.
    """
    path = file_of_series(tmp_path, scored)
    pq.write_table(pq.read_table(path).slice(0, 50), path)
    kept = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    environment = {**kept, "PREFECT_HOME": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    commands = [f"score toy@v2 {rows} --root {scored.path} --json" for rows in (path, "toy")]
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT_PREFECT, *commands], env=environment, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    said, of_dataset = map(json.loads, found.stdout.split("--\n")[:2])
    assert (said["rows"], said["scored"], said["metrics"]) == (50, 50, None)
    assert set(SURENESS) < set(pq.read_schema(said["out"]).names)
    own = pq.read_table(score_data(scored, "toy@v2", "toy")["out"]).drop_columns("label")
    alone = pq.read_table(said["out"]).drop_columns("label")
    pd.testing.assert_frame_equal(
        alone.to_pandas(), own.slice(0, 50).to_pandas(), rtol=0, atol=1e-6, check_exact=False
    )
    assert of_dataset["metrics"]["trained"] > 0, (
        "rows with labels are compared with the stored split"
    )
