"""Scoring: every row once, in order, by one version, whatever happens meanwhile."""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.inference.answers import BATCH_ROWS, predict_block, spans
from seqclass.inference.assessment import SURENESS
from seqclass.inference.prediction import BLOCK_VALUES, RowGroups, _tables, answer_rows, scorer_of
from seqclass.inference.score_data import ScoringSpec, score_data
from seqclass.row_split import split_of
from seqclass.store.datasets import open_dataset, write_dataset
from seqclass.store.formats import ColumnNames, Limits
from seqclass.store.models import save_keras
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.store.scores import score_folders
from tests.support.commands import Command, in_python
from tests.support.places import NOW, REPOSITORY
from tests.support.stored import make_champion, register, store_series


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


def test_a_tsv_without_labels_is_not_read_as_series_that_are_a_step_shorter(
    scored: Root, tmp_path: Path
) -> None:
    series = open_dataset(scored, "toy").values()[:5, :, 0]
    path, stored = tmp_path / "new.tsv", score_folders(scored, "toy")

    def score(*columns: np.ndarray) -> int:
        rows = np.column_stack(columns).tolist()
        path.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
        return score_data(scored, "toy@v1", str(path))["rows"]

    with pytest.raises(ValueError, match=rf"new\.tsv: .* before {series.shape[1] - 1} values"):
        score(series)
    assert score_folders(scored, "toy") == stored
    for label in ("?", "up", "another class"):
        assert score(np.full(len(series), label), series.astype(object)) == len(series)
    assert score(np.full(len(series), "up"), series[:, 1:].astype(object)) == len(series)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 300), min_size=1, max_size=1200), st.integers(0, 99))
def test_blocks_keep_the_order_and_look_at_whole_series(lengths: list[int], seed: int) -> None:
    n_steps, rng = np.array(lengths), np.random.default_rng(seed)
    x = rng.standard_normal((len(lengths), max(lengths), 1), dtype=np.float32)
    x[np.arange(max(lengths)) >= n_steps[:, None]] = np.nan

    def infer(rows: np.ndarray) -> dict[str, np.ndarray]:
        assert len(rows) <= BATCH_ROWS
        sums, seen = np.nansum(rows, axis=(1, 2)), np.isfinite(rows).sum(axis=(1, 2))
        return {"sums": np.stack([sums, -sums], axis=1), "seen": seen}

    answers = predict_block(infer, x, n_steps)
    assert answers["seen"].tolist() == lengths
    np.testing.assert_allclose(answers["sums"][:, 0], np.nansum(x, axis=(1, 2)), atol=1e-3)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 99), max_size=99), st.integers(1, 9), st.integers(1, 300))
def test_spans_cover_every_row_and_hold_what_they_may(
    lengths: list[int], most_rows: int, most_values: int
) -> None:
    ends = list(spans(np.array(lengths), most_rows, most_values))
    assert [row for start, stop in ends for row in range(start, stop)] == [*range(len(lengths))]
    for start, stop in ends:
        part = lengths[start:stop]
        assert len(part) == 1 or (len(part) <= most_rows and len(part) * max(part) <= most_values)


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
        answers = answer_rows(dataset, np.arange(2), path, channels)
        assert answers["probabilities"][:, 0].tolist() == first
    with pytest.raises(ValueError, match=r"expected the channels d, a that .* has a, b, c; import"):
        answer_rows(dataset, np.arange(2), path, ["d", "a"])


def test_every_row_is_answered_once_by_one_version(scored: Root, tmp_path: Path) -> None:
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
    assert (first["rows"], again["rows"], again["scored"]) == (90, 90, 0)
    assert Path(again["out"]).read_bytes() == before
    assert score_data(scored, "toy", "toy")["model"] == "models/toy@v2"
    path = file_of_series(tmp_path, scored)
    of_file = score_data(scored, "toy@v1", str(path), ScoringSpec(str(tmp_path / "out.parquet")))
    assert of_file["scored"] == 90
    answers = pq.read_table(tmp_path / "out.parquet")
    assert answers["label"].null_count == 90
    assert answers.drop_columns("label").equals(table.drop_columns("label"))


def test_labels_may_come_later(
    scored: Root, seqclass: Command, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    path, labels = file_of_series(tmp_path, scored), tmp_path / "labels.csv"
    words = ("score", "toy", path, "--root", scored.path)
    blind = seqclass_json(*words)
    assert blind["metrics"] is None
    assert blind["estimate"]["is_estimate"]
    table = open_dataset(scored, "toy").labels()
    names, classes = (table[name].to_pylist() for name in ("series_id", "label"))
    lines = [f"{name},{label}" for name, label in zip(names, classes, strict=True)][:60]
    labels.write_text("\n".join(["series_id,label", *lines]))
    words = (*words, "--labels", labels)
    labelled = seqclass_json(*words)
    assert (labelled["scored"], labelled["metrics"]["labelled"]) == (0, 60)
    trained = {names[row] for row in split_of(open_model(scored, "toy")).train}
    assert 0 < labelled["metrics"]["trained"] == len(trained & set(names[:60])) < 60
    assert f"{labelled['metrics']['trained']} labelled rows trained" in seqclass(*words)[1]
    assert labelled["metrics"]["accuracy"] == 1.0
    assert labelled["metrics"]["intervals"]["accuracy"][0] > 0.9
    labels.write_text("series_id,label\nother,up\n")
    none = f"0 of 90 series have a label in {labels}; compare the ids of the two"
    assert none in seqclass(*words)[1]
    labels.write_text("series_id,label\ns000,left\ns001,left\n")
    assert "classes that the model does not know: 2, left out" in seqclass(*words)[1]
    strange = seqclass_json(*words)
    assert (strange["metrics"], strange["labels"]) == (None, {"rows": 2, "of_other_classes": 2})


def test_every_file_of_a_folder_is_scored_and_copies_once(scored: Root, tmp_path: Path) -> None:
    table = pa.concat_tables(open_dataset(scored, "toy").tables()).select(["series_id", "value"])
    for name, part in (("a", table[:20]), ("b", table[20:70]), ("copy-of-a", table[:20])):
        pq.write_table(part, tmp_path / f"{name}.parquet")
    found = score_data(scored, "toy@v1", f"{tmp_path}/", ScoringSpec(str(tmp_path / "all.parquet")))
    assert (found["rows"], found["scored"]) == (70, 70)
    ids = pq.read_table(tmp_path / "all.parquet")["series_id"].to_pylist()
    assert ids == table["series_id"].to_pylist()[:70]


def test_one_bad_file_of_a_folder_keeps_the_answers_of_all_from_the_store(
    scored: Root, tmp_path: Path
) -> None:
    """Also where its first rows are good."""
    table = pa.concat_tables(open_dataset(scored, "toy").tables()).select(["series_id", "value"])
    pq.write_table(table[70:80], tmp_path / "a.parquet")
    bad, before = tmp_path / "b.csv", score_folders(scored, "toy")
    long = "series_id,step,value\n" + "".join(f"s{i},{t},{t}\n" for i in range(3) for t in range(9))
    twice = pa.concat_tables([table[80:], table[85:86]])
    for path, write, says in (
        (bad, lambda: bad.write_text(f"{long}s3,0,high\n"), "high"),
        (bad, lambda: bad.write_text(long.replace("value", "force")), "got no value"),
        (tmp_path / "b.parquet", lambda: pq.write_table(twice, tmp_path / "b.parquet"), "'s085'"),
    ):
        write()
        with pytest.raises(ValueError, match=says):
            score_data(scored, "toy@v1", f"{tmp_path}/")
        assert score_folders(scored, "toy") == before
        path.unlink()
    assert score_data(scored, "toy@v1", f"{tmp_path}/")["scored"] == 10


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A root with a model whose dataset was imported from columns of other names."""
    root = open_root(tmp_path_factory.mktemp("renamed"))
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


def test_new_rows_are_read_as_those_of_the_import_and_need_no_labels(
    renamed: Root, tmp_path: Path, seqclass: Command
) -> None:
    path = other_columns(tmp_path, renamed)
    answers = pq.read_table(score_data(renamed, "toy", str(path))["out"])
    assert answers["series_id"].to_pylist() == [f"s{i:03d}" for i in reversed(range(90))]
    assert set(answers["label"].to_pylist()) == {None}
    of_dataset = pq.read_table(score_data(renamed, "toy", "toy")["out"])
    assert answers["prediction"].to_pylist() == of_dataset["prediction"].to_pylist()[::-1]
    code, out, err = seqclass("score", "toy", path, "--out", "-", "--root", renamed.path)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith('"series_id","model","label","prediction","answer"')
    assert len(lines) == 91
    other = other_columns(tmp_path, renamed, "name,clock,value")
    with pytest.raises(ValueError, match="expected columns 'unit'"):
        score_data(renamed, "toy", str(other))
    columns = ColumnNames("name", step="clock")
    assert score_data(renamed, "toy", str(other), ScoringSpec(columns=columns))["rows"] == 90


def test_the_answers_never_take_the_place_of_an_input(scored: Root, tmp_path: Path) -> None:
    data, labels = file_of_series(tmp_path, scored), tmp_path / "labels.parquet"
    pq.write_table(open_dataset(scored, "toy").labels().select(["series_id", "label"]), labels)
    (tmp_path / "link.parquet").symlink_to(data)
    before = [path.read_bytes() for path in (data, labels)]
    for out in ("new.parquet", "labels.parquet", "link.parquet"):
        with pytest.raises(ValueError, match="--out: expected another file than the input"):
            score_data(scored, "toy@v1", str(data), ScoringSpec(str(tmp_path / out), str(labels)))
    assert [path.read_bytes() for path in (data, labels)] == before


def test_an_id_that_comes_twice_is_refused_before_anything_is_answered(
    scored: Root, seqclass: Command, tmp_path: Path
) -> None:
    """In one row group or in two."""
    path = file_of_series(tmp_path, scored)
    table = pq.read_table(path)
    for rows in ([0, 1, 1], [*range(90), 89]):
        pq.write_table(table.take(pa.array(rows)), path, row_group_size=3)
        code, out, err = seqclass("score", "toy", path, "--root", scored.path)
        assert (code, out, len(err.splitlines())) == (2, "", 1)
        twice = f"got '{table['series_id'][rows[-1]]}' more than once"
        assert f"{path}: expected a different id for every series, {twice}" in err


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


WITHOUT_PREFECT = """
import sys

class Closed:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "prefect":
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Closed())
from seqclass.flows.__main__ import run_command
for words in sys.argv[1:]:
    sys.argv[1:] = words.split()
    assert run_command() == 0
    print("--", "sklearn" in sys.modules)
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
    process = in_python(WITHOUT_PREFECT, *commands, env=environment, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("-- False") == 2, "scikit-learn isn't needed either"
    of_file, of_dataset, _ = process.stdout.split("-- False\n")
    of_file, of_dataset = json.loads(of_file), json.loads(of_dataset)
    assert (of_file["rows"], of_file["scored"], of_file["metrics"]) == (50, 50, None)
    assert set(SURENESS) < set(pq.read_schema(of_file["out"]).names)
    expected = pq.read_table(score_data(scored, "toy@v2", "toy")["out"]).drop_columns("label")
    answers = pq.read_table(of_file["out"]).drop_columns("label")
    pd.testing.assert_frame_equal(
        answers.to_pandas(), expected.slice(0, 50).to_pandas(), rtol=0, atol=1e-6, check_exact=False
    )
    assert of_dataset["metrics"]["trained"] > 0, (
        "rows with labels are compared with the stored split"
    )
