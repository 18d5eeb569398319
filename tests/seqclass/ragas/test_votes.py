"""Votes: pieces answered by their windows, beside baselines."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclass.evaluation.intervals import accuracy_of
from seqclass.pipeline.training import train
from seqclass.ragas.votes import (
    OURS,
    UNDECIDED,
    VotingSpec,
    answer_names,
    hold_vote,
    judge_voters,
    pieces_of,
    set_scores,
    sliding_windows,
    tonic_accuracies,
    unseen_rows,
    vote,
)
from seqclass.ragas.voting_commands import show_votes
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
    sets = {"circles": ("fifths", "fourths")}
    result, path = hold_vote(trained, "circles", "songs", VotingSpec(16, 4), sets)
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
    for part in ("synthetic → real", "this model", "bigram", "chromatic", "pieces 95%", path):
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
    assert unseen_rows(model, circles, circles.labels()).tolist() == split.test.tolist()
    [table] = circles.tables()
    learned = table.take(split.train)
    names = pa.array(["of a trained group", "new"])
    groups = pa.array([learned["group"][0].as_py(), None])
    added = learned.slice(0, 2)
    for column, values in (("series_id", names), ("group", groups)):
        added = added.set_column(added.column_names.index(column), column, values)
    later = write_dataset(root, "circles", [pa.concat_tables([learned, added])], {"n": 1}, NOW)
    rows = unseen_rows(model, later, later.labels())
    assert later.labels()["series_id"].take(rows).to_pylist() == ["new"]
    other = write_dataset(root, "others", [learned], {"n": 2}, NOW)
    assert len(unseen_rows(model, other, other.labels())) == len(learned)
    same = write_dataset(root, "circles", [learned], {"n": 3}, NOW)
    with pytest.raises(ValueError, match="was not trained on") as refusal:
        unseen_rows(model, same, same.labels())
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
        unseen = labels.take(unseen_rows(model, dataset, labels))["series_id"].to_pylist()
        assert unseen
        assert not set(unseen) & set(learned)


def test_a_piece_has_the_label_of_those_of_its_series_that_have_one() -> None:
    groups, ids = ["x", "x", "y", "y", "z", None], list("abcdef")
    table = pa.table(
        {"series_id": ids, "group": groups, "label": ["a", None, None, "b", None, None]}
    )
    pieces, piece_of_row = pieces_of(table, "songs")
    assert pieces == {"f": None, "x": "a", "y": "b", "z": None}
    assert piece_of_row.tolist() == [1, 1, 2, 2, 3, 0]
    torn = table.slice(0, 3).set_column(2, "label", pa.array(["a", "b", None]))
    with pytest.raises(ValueError, match="one label for all series of a group"):
        pieces_of(torn, "songs")


def test_pieces_without_a_label_count_as_nothing_and_those_of_other_classes_apart() -> None:
    scores = {OURS: np.log([[0.9, 0.1], [0.6, 0.4], [0.9, 0.1], [0.9, 0.1]])}
    answers, y = {OURS: np.array([0, UNDECIDED, UNDECIDED, 0])}, np.array([0, -1, -1, -1])
    strange = np.array([False, True, False, False])
    voter = judge_voters(scores, answers, y, strange, np.arange(4), {})["who"][OURS]
    assert voter["others_unknown"] == accuracy_of(np.array([True]))
    assert voter["pieces"]["rows"] == 1


def test_intervals_of_windows_are_over_pieces() -> None:
    owners, sets = np.repeat(np.arange(8), 50), {"pair": np.array([0, 1])}
    ours, other = (
        np.log(np.where(np.repeat(np.arange(8) < n, 50)[:, None], [0.9, 0.1], [0.1, 0.9]))
        for n in (6, 5)
    )
    y, strange, answers = np.zeros(8, int), np.zeros(8, bool), {OURS: np.zeros(8, int)}
    judged = judge_voters({OURS: ours, "bigram": other}, answers, y, strange, owners, sets)
    lead, voter = judged["leads"]["bigram"], judged["who"][OURS]
    assert lead["lead"] == pytest.approx(1 / 8)
    assert lead["interval"][0] < 0, "that is a single piece of eight"
    assert voter["windows"]["interval"] == voter["sets"]["pair"]["interval"]
    assert np.ptp(voter["windows"]["interval"]) > 0.4


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


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    window=st.integers(2, 12),
    hop=st.integers(1, 12),
)
def test_windows_cover_every_step_of_their_piece_and_no_other(
    lengths: list[int], window: int, hop: int
) -> None:
    x = np.full((len(lengths), 40, 1), np.nan, dtype=np.float32)
    for piece, length in enumerate(lengths):
        x[piece, :length, 0] = 100 * piece + np.arange(length)
    windows, owners = sliding_windows(x, window, min(hop, window))
    for piece, length in enumerate(lengths):
        inside = windows[owners == piece]
        assert set(inside[np.isfinite(inside)]) == set(100 * piece + np.arange(length))
        assert all(np.isfinite(part).sum() == min(window, length) for part in inside)


def test_most_votes_win_where_enough_of_them_agree() -> None:
    answers = np.array([0, 0, 1, 2, 2, 1, 1, 2])
    owners = np.array([0, 0, 0, 1, 1, 1, 1, 2])
    winners, share = vote(answers, owners, 3, 0.6)
    assert winners.tolist() == [0, UNDECIDED, 2]
    assert share == pytest.approx([2 / 3, 0.5, 1.0])
    assert vote(answers, owners, 3, 0.0)[0].tolist() == [0, 1, 2]
    assert answer_names(winners, ["a", "b", "c"]) == ["a", "unknown", "c"]


def test_a_set_is_scored_on_its_own_rows_and_its_own_answers() -> None:
    scores = np.log(np.array([[0.3, 0.2, 0.5], [0.3, 0.2, 0.5], [0.1, 0.8, 0.1], [0, 0, 1]]) + 1e-9)
    sets = set_scores(scores, np.array([0, 1, 1, 2]), {"pair": np.array([0, 1])})
    assert sets["pair"]["rows"] == 3
    assert sets["pair"]["chance"] == 0.5
    assert sets["pair"]["accuracy"] == pytest.approx(2 / 3)
    assert sets["pair"]["open"] == pytest.approx(1 / 3)


def test_impossible_votes_are_refused() -> None:
    for wrong in ({"window": 1}, {"hop": 0}, {"agreement": 1.5}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            VotingSpec(**wrong)
