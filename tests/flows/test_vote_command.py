"""Votes: pieces answered by their windows, beside baselines."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from seqclass.evaluation.votes import UNDECIDED, VotingSpec, accuracy_of
from seqclass.flows.cli.voting_commands import show_votes
from seqclass.pipeline.training import train
from seqclass.pipeline.vote import (
    OURS,
    PollSpec,
    _labels,
    _leads,
    _summaries,
    _Truth,
    hold_vote,
    tonic_accuracies,
    unseen_rows,
)
from seqclass.row_split import select_rows
from seqclass.store.datasets import Dataset, write_dataset
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.root import Root, describe_file, open_root
from seqclass.store.rows import from_dense
from seqclass.store.split import SPLIT, write_split
from seqclass.training.spec import TrainingSpec
from tests.support.places import NOW
from tests.support.stored import QUICK
from tests.support.stored_files import undeclared

STEPS = {"fifths": 7, "fourths": 5, "tones": 2}
"""Classes: twelve symbols (six for tones) in the order of a step."""


def store_circles(
    root: Root, name: str, n: int, length: int, labels: list[str], **source: str
) -> Dataset:
    rng = np.random.default_rng(length)
    steps = np.array([STEPS.get(labels[i % len(labels)], 1) for i in range(n)])
    x = (rng.integers(0, 12, (n, 1)) + steps[:, None] * np.arange(length)) % 12
    table = pa.table(
        {
            "series_id": [f"{name}-{i:03d}" for i in range(n)],
            "label": [labels[i % len(labels)] for i in range(n)],
            "n_steps": np.full(n, length, np.int32),
            "group": [
                f"piece {i // len(labels) // 2}, {labels[i % len(labels)]}" for i in range(n)
            ],
            "note": from_dense(x.astype(np.float32)),
        }
    )
    return write_dataset(root, name, [table], {"test": name, **source}, NOW)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Root:
    root = open_root(tmp_path_factory.mktemp("circles") / "tree")
    store_circles(root, "circles", 180, 16, list(STEPS), generator="circles")
    store_circles(root, "songs", 16, 60, [*STEPS, "chromatic"])
    train(root, "circles", spec=QUICK)
    return root


def test_windows_of_unseen_pieces_vote_beside_both_baselines(
    trained: Root, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = PollSpec(VotingSpec(16, 4), {"circles": ("fifths", "fourths")})
    path = hold_vote("circles", "songs", spec, trained)
    result = json.loads(Path(path).read_text())
    assert undeclared(trained) == []
    assert result["pieces"] == 8
    assert result["of_other_classes"] == {"chromatic": 2}
    assert set(result["who"]) == {"this model", "histogram", "bigram"}
    by_who = {who: row["pieces"]["accuracy"] for who, row in result["who"].items()}
    assert by_who["this model"] == by_who["bigram"] == 1.0 > by_who["histogram"]
    within = {who: row["sets"]["circles"] for who, row in result["who"].items()}
    assert within["bigram"]["accuracy"] == 1.0
    assert within["histogram"]["accuracy"] < 0.9
    assert [row["windows"] for row in result["answers"]] == [24] * 8
    show_votes(result, path)
    out = capsys.readouterr().out
    for part in ("synthetic → real", "this model", "bigram", "chromatic", "over pieces", path):
        assert part in out


def test_symbols_stand_in_the_report_and_the_manifest_of_a_model(trained: Root) -> None:
    model = open_model(trained, "circles")
    assert {"histogram", "bigram"} <= set(model.read_json("metrics.json")["baselines"])
    assert model.manifest["symbols"] == {"note": [0, 11]}


def trained_on(dataset: Dataset) -> Model:
    """A version that holds nothing but its split of a dataset's rows."""
    root, folder = dataset.root, dataset.root.join("models", "m", "v1")
    split = select_rows(dataset, TrainingSpec())
    write_split(root, folder, split, dataset.labels()["series_id"])
    manifest: Any = {"name": "m", "version": "v1", "dataset": dataset.ref, "spec": {},
                     "dataset_source": dataset.manifest["source"],
                     "files": [describe_file(root, folder, SPLIT)]}  # fmt: skip
    return Model(root, "m", "v1", manifest)


def test_rows_of_training_do_not_vote_and_a_dataset_of_them_is_refused(tmp_path: Path) -> None:
    root = open_root(tmp_path / "tree")
    circles = store_circles(root, "circles", 60, 16, list(STEPS))
    model, split = trained_on(circles), select_rows(circles, TrainingSpec())
    assert unseen_rows(root, model, circles, circles.labels()).tolist() == split.test.tolist()
    [table] = circles.tables()
    learned = table.take(split.train)
    names = pa.array(["of a trained group", "new"])
    groups = pa.array([learned["group"][0].as_py(), None])
    added = learned.slice(0, 2)
    for column, values in (("series_id", names), ("group", groups)):
        added = added.set_column(added.column_names.index(column), column, values)
    later = write_dataset(root, "circles", [pa.concat_tables([learned, added])], {"n": 1}, NOW)
    rows = unseen_rows(root, model, later, later.labels())
    assert later.labels()["series_id"].take(rows).to_pylist() == ["new"]
    other = write_dataset(root, "others", [learned], {"n": 2}, NOW)
    assert len(unseen_rows(root, model, other, other.labels())) == len(learned)
    same = write_dataset(root, "circles", [learned], {"n": 3}, NOW)
    with pytest.raises(ValueError, match="was not trained on") as refusal:
        unseen_rows(root, model, same, same.labels())
    assert "\n" not in str(refusal.value)


def test_rows_chosen_for_a_retraining_are_known_by_the_name_they_came_from(root: Root) -> None:
    whole = store_circles(root, "circles", 60, 16, list(STEPS))
    [table] = whole.tables()
    source = {"chosen_from": whole.ref}
    part = write_dataset(root, "circles.chosen", [table.slice(0, 48)], source, NOW)
    model = trained_on(part)
    learned = part.labels().take(select_rows(part, TrainingSpec()).train)["series_id"].to_pylist()
    for dataset in (whole, part):
        labels = dataset.labels()
        unseen = labels.take(unseen_rows(root, model, dataset, labels))["series_id"].to_pylist()
        assert unseen
        assert not set(unseen) & set(learned)


def test_a_piece_has_the_label_of_those_of_its_series_that_have_one() -> None:
    piece_of_row = np.array([0, 0, 1, 1, 2, 2])
    table = pa.table({"label": ["a", None, None, "b", None, None]})
    assert _labels(table, piece_of_row, 3, "songs") == ["a", "b", None]
    for labels in (["a", "b"], ["a", None, "b"]):
        with pytest.raises(ValueError, match="one label for all series of a group"):
            _labels(pa.table({"label": labels}), np.zeros(len(labels), int), 1, "songs")


def test_pieces_without_a_label_count_as_nothing_and_those_of_other_classes_apart() -> None:
    scores = {OURS: np.log([[0.9, 0.1], [0.6, 0.4], [0.9, 0.1], [0.9, 0.1]])}
    votes = {OURS: (np.array([0, UNDECIDED, UNDECIDED, 0]), np.ones(4))}
    codes, strange = np.array([0, -1, -1, -1]), np.array([False, True, False, False])
    summary = _summaries(scores, votes, _Truth(codes, strange, np.arange(4)), {})[OURS]
    assert summary["others_unknown"] == accuracy_of(np.array([True]))
    assert summary["pieces"]["rows"] == 1


def test_intervals_of_windows_are_over_pieces() -> None:
    owners = np.repeat(np.arange(8), 50)
    ours = np.log(np.where(np.repeat(np.arange(8) < 6, 50)[:, None], [0.9, 0.1], [0.1, 0.9]))
    other = np.log(np.where(np.repeat(np.arange(8) < 5, 50)[:, None], [0.9, 0.1], [0.1, 0.9]))
    lead = _leads({OURS: ours, "bigram": other}, np.zeros(8, int), owners)["bigram"]
    assert lead["lead"] == pytest.approx(1 / 8)
    assert lead["interval"][0] < 0, "that is a single piece of eight"
    truth = _Truth(np.zeros(8, int), np.zeros(8, bool), owners)
    votes, sets = {OURS: (np.zeros(8, int), np.ones(8))}, {"pair": np.array([0, 1])}
    row = _summaries({OURS: ours}, votes, truth, sets)[OURS]
    assert row["windows"]["interval"] == row["sets"]["pair"]["interval"]
    assert np.ptp(row["windows"]["interval"]) > 0.4


def test_recordings_are_told_apart_by_how_their_tonic_is_known(root: Root) -> None:
    dataset = store_circles(root, "songs", 4, 10, ["fifths"])
    ways = (("a", "given"), ("b", "drone"), ("c", "drone"))
    dataset.manifest["recordings"] = [{"file": f"{name}.mp3", "tonic_by": way}
                                      for name, way in ways]  # fmt: skip
    pieces, codes = ["a.mp3", "Sri/b.mp3", "c.mp3", "generated"], np.array([0, 1, 1, 1])
    by_way = tonic_accuracies(dataset, pieces, codes, np.array([0, 1, UNDECIDED, 1]))
    shares = {way: (row["rows"], row["accuracy"]) for way, row in by_way.items()}
    assert shares == {"given": (1, 1.0), "drone": (2, 0.5)}
    dataset.manifest["recordings"] = []
    assert tonic_accuracies(dataset, pieces, codes, codes) == {}
