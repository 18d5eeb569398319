"""Labels that people gave: what becomes of the dataset, who is named, and what a kill leaves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seqclass.labelling import relabelling
from seqclass.labelling.label_queue import queue_of
from seqclass.labelling.relabelling import LabelsSpec, take_in
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import (
    Provenance,
    became_newest,
    committed_versions,
    open_dataset,
    write_dataset,
    write_rows,
)
from seqclass.store.log import read_log
from seqclass.store.manifests import ImportSummary
from seqclass.store.models import Model
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import remove_items
from seqclass.store.queues import read_labels
from seqclass.store.root import Root
from tests.support.places import NOW

GIVEN = "series_id,label\ns003,down\ns010,down\nt0101,up\n"
"""One is changed, one confirmed, one had no label."""


@pytest.fixture
def spec(tmp_path: Path) -> LabelsSpec:
    path = tmp_path / "answers.csv"
    path.write_text(GIVEN)
    return LabelsSpec(str(path), "ann")


def labels_of(root: Root) -> dict[str, str]:
    table = open_dataset(root, "toy").labels()
    return dict(zip(table["series_id"].to_pylist(), table["label"].to_pylist(), strict=True))


def test_labels_make_a_new_version_and_leave_who_gave_them(
    doubting: Model, spec: LabelsSpec
) -> None:
    before = open_dataset(doubting.root, "toy")
    outcome = take_in(doubting, spec, NOW)
    assert (outcome["changed"], outcome["confirmed"]) == (2, 1)
    after = open_dataset(doubting.root, "toy")
    assert after.manifest["parents"] == [before.ref]
    assert after.manifest["profile"]
    labels = labels_of(doubting.root)
    assert (labels["s003"], labels["s010"], labels["t0101"]) == ("down", "down", "up")
    assert len(labels) == before.manifest["n_series"]
    [(manifest, table)] = read_labels(doubting.root, "toy")
    rows = {row["series_id"]: row for row in table.to_pylist()}
    assert rows["s003"]["before"] == "up"
    assert {row["by"] for row in rows.values()} == {"ann"}
    assert manifest["dataset"] == after.ref
    last = read_log(doubting.root, "toy")[-1]
    assert (last["what"], last["to"]) == ("label", "v1")
    assert last["evidence"]["people"] == ["ann"]
    assert verify_tree(doubting.root, None)["bad"] == []


def test_what_was_answered_is_not_asked_again(doubting: Model, spec: LabelsSpec) -> None:
    take_in(doubting, spec, NOW)
    again = {question.series_id for question in queue_of(doubting, 50, True, []).questions}
    assert not again & {"s003", "s010", "t0101"}


def test_the_same_file_again_changes_nothing(doubting: Model, spec: LabelsSpec) -> None:
    first = take_in(doubting, spec, NOW)
    entries = read_log(doubting.root, "toy")
    again = take_in(doubting, spec, NOW + timedelta(days=1))
    assert (again["changed"], again["confirmed"]) == (0, 3)
    assert again["parent"] == again["dataset"] == first["dataset"]
    assert read_log(doubting.root, "toy") == entries
    assert len(list(read_labels(doubting.root, "toy"))) == 1
    assert open_dataset(doubting.root, "toy").ref == first["dataset"]


@pytest.mark.parametrize("killed_at", ["_record", "write_labels"])
def test_a_kill_after_the_rows_is_ended_by_the_repetition(
    doubting: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(relabelling, killed_at, die)
        with pytest.raises(Killed):
            give(doubting, tmp_path / "mis.csv", "down")
    assert list(read_labels(doubting.root, "toy")) == []
    give(doubting, tmp_path / "mis.csv", "down")
    give(doubting, tmp_path / "mis.csv", "down")
    assert len(list(read_labels(doubting.root, "toy"))) == 1
    assert [entry["what"] for entry in read_log(doubting.root, "toy")].count("label") == 1
    assert labels_of(doubting.root)["s003"] == "down"


def give(model: Model, path: Path, label: str) -> str:
    path.write_text(f"series_id,label\ns003,{label}\n")
    return take_in(model, LabelsSpec(str(path)), NOW)["dataset"]


def test_a_change_is_taken_back_and_made_again(doubting: Model, tmp_path: Path) -> None:
    first = open_dataset(doubting.root, "toy").ref
    changed = give(doubting, tmp_path / "mis.csv", "down")
    assert open_dataset(doubting.root, "toy").ref == changed != first
    assert give(doubting, tmp_path / "fix.csv", "up") == first
    assert open_dataset(doubting.root, "toy").ref == first
    assert labels_of(doubting.root)["s003"] == "up"
    assert give(doubting, tmp_path / "mis.csv", "down") == changed
    assert labels_of(doubting.root)["s003"] == "down"
    entries = [
        entry["evidence"] for entry in read_log(doubting.root, "toy") if entry["what"] == "label"
    ]
    assert [(entry["parent"], entry["dataset"], entry["changed"]) for entry in entries] == [
        (first, changed, 1), (changed, first, 1), (first, changed, 1),
    ]  # fmt: skip
    kept = {manifest["dataset"]: table["before"].to_pylist()
            for manifest, table in read_labels(doubting.root, "toy")}  # fmt: skip
    assert kept == {changed: ["up"], first: ["down"]}
    assert len({entry["answers"] for entry in entries}) == 3
    assert len(list(read_labels(doubting.root, "toy"))) == 3
    assert verify_tree(doubting.root)["bad"] == []


def test_a_version_made_again_is_new_since_then_and_comes_back_after_a_removal(
    doubting: Model, tmp_path: Path
) -> None:
    first = open_dataset(doubting.root, "toy")
    give(doubting, tmp_path / "mis.csv", "down")
    give(doubting, tmp_path / "fix.csv", "up")
    assert became_newest(first) > datetime.fromisoformat(first.manifest["created"])
    more = Provenance({}, remarks=lambda: ImportSummary(parents=[first.ref]))
    added = write_rows(doubting.root, "toy", [next(first.tables()).slice(1)], more)
    assert open_dataset(doubting.root, "toy").ref == added.ref != first.ref
    spec = PruneSpec(days=0, newest=False)
    remove_items(doubting.root, spec, [added.ref], "by hand", datetime.now(UTC))
    assert open_dataset(doubting.root, "toy").ref == first.ref


def test_an_import_of_the_rows_before_a_change_does_not_take_it_back(
    doubting: Model, tmp_path: Path
) -> None:
    first = open_dataset(doubting.root, "toy")
    give(doubting, tmp_path / "mis.csv", "down")
    assert write_dataset(doubting.root, "toy", first.tables(), {}).ref == first.ref
    assert labels_of(doubting.root)["s003"] == "down"


@pytest.mark.parametrize("line", ["nobody,up", "s004,sideways", "s003,up"])
def test_a_file_with_a_wrong_line_is_refused_whole(
    doubting: Model, spec: LabelsSpec, line: str
) -> None:
    Path(spec.path).write_text(f"{GIVEN}{line}\n")
    before = committed_versions(doubting.root, "toy")
    with pytest.raises(ValueError, match=": expected"):
        take_in(doubting, spec, NOW)
    assert committed_versions(doubting.root, "toy") == before
    assert list(read_labels(doubting.root, "toy")) == []
