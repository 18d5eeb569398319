"""Labels that people gave: what becomes of the dataset, who is named, and what a kill leaves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seqclass.labelling import relabelling
from seqclass.labelling.label_queue import Queue, keep_queue, queue_of
from seqclass.labelling.relabelling import LabelsSpec, take_in
from seqclass.store.audit import read_audit
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import (
    Provenance,
    became_newest,
    committed_versions,
    open_dataset,
    write_dataset,
    write_rows,
)
from seqclass.store.manifests import ImportSummary
from seqclass.store.models import Model
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import remove_items
from seqclass.store.queues import read_labels
from seqclass.store.root import Root
from tests.support.labelled import ASIDE
from tests.support.places import NOW

GIVEN = f"series_id,label\ns003,down\ns010,down\nt0101,up\n{ASIDE},up\n"
"""One is changed, one confirmed, one was unknown, one set aside."""


@pytest.fixture
def asked(doubting: Model, queue: Queue) -> Model:
    keep_queue(doubting, queue, NOW)
    return doubting


@pytest.fixture
def spec(tmp_path: Path) -> LabelsSpec:
    path = tmp_path / "answers.csv"
    path.write_text(GIVEN)
    return LabelsSpec(str(path), "ann")


def labels_of(root: Root) -> dict[str, str]:
    table = open_dataset(root, "toy").labels()
    return dict(zip(table["series_id"].to_pylist(), table["label"].to_pylist(), strict=True))


def test_labels_make_a_new_version_and_leave_who_gave_them(asked: Model, spec: LabelsSpec) -> None:
    before = open_dataset(asked.root, "toy")
    outcome = take_in(asked, spec, NOW)
    assert (outcome["changed"], outcome["confirmed"], outcome["added"]) == (1, 1, 2)
    after = open_dataset(asked.root, "toy")
    assert after.manifest["parents"] == [before.ref]
    assert after.manifest["contract"]
    found = labels_of(asked.root)
    assert (found["s003"], found["s010"], found["t0101"], found[ASIDE]) == (
        "down", "down", "up", "up",
    )  # fmt: skip
    assert len(found) == before.manifest["n_series"] + 2
    [(manifest, table)] = read_labels(asked.root, "toy")
    rows = {row["series_id"]: row for row in table.to_pylist()}
    assert rows["s003"]["before"] == "up"
    assert {row["by"] for row in rows.values()} == {"ann"}
    assert manifest["dataset"] == after.ref
    last = read_audit(asked.root, "toy")[-1]
    assert (last["what"], last["to"]) == ("label", "v1")
    assert last["evidence"]["people"] == ["ann"]
    assert verify_tree(asked.root, None)["bad"] == []


def test_what_was_answered_is_not_asked_again(asked: Model, spec: LabelsSpec) -> None:
    take_in(asked, spec, NOW)
    again = {own.series_id for own in queue_of(asked, 50, True, []).questions}
    assert not again & {"s003", "s010", "t0101", ASIDE}


def test_the_same_file_again_changes_nothing(asked: Model, spec: LabelsSpec) -> None:
    first = take_in(asked, spec, NOW)
    entries = read_audit(asked.root, "toy")
    again = take_in(asked, spec, NOW + timedelta(days=1))
    assert (again["changed"], again["confirmed"], again["added"]) == (0, 4, 0)
    assert again["parent"] == again["dataset"] == first["dataset"]
    assert read_audit(asked.root, "toy") == entries
    assert len(list(read_labels(asked.root, "toy"))) == 1
    assert len(committed_versions(asked.root, "toy")) == 2


@pytest.mark.parametrize("was_changed_before", [False, True])
@pytest.mark.parametrize("killed_at", ["_record", "write_labels"])
def test_a_kill_after_the_rows_is_ended_by_the_repetition(
    asked: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str,
    was_changed_before: bool,
) -> None:  # fmt: skip
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    n_before = 2 if was_changed_before else 0
    if was_changed_before:
        give(asked, tmp_path / "mis.csv", "down")
        give(asked, tmp_path / "fix.csv", "up")
    with monkeypatch.context() as patch:
        patch.setattr(relabelling, killed_at, die)
        with pytest.raises(Killed):
            give(asked, tmp_path / "mis.csv", "down")
    assert len(list(read_labels(asked.root, "toy"))) == n_before
    give(asked, tmp_path / "mis.csv", "down")
    give(asked, tmp_path / "mis.csv", "down")
    assert [manifest["changed"] for manifest, _ in read_labels(asked.root, "toy")] == [1] * (
        n_before + 1
    )
    assert [entry["what"] for entry in read_audit(asked.root, "toy")].count("label") == n_before + 1
    assert labels_of(asked.root)["s003"] == "down"


def give(model: Model, path: Path, label: str) -> str:
    path.write_text(f"series_id,label\ns003,{label}\n")
    return take_in(model, LabelsSpec(str(path)), NOW)["dataset"]


def test_a_change_is_taken_back_and_made_again(asked: Model, tmp_path: Path) -> None:
    first = open_dataset(asked.root, "toy").ref
    changed = give(asked, tmp_path / "mis.csv", "down")
    assert open_dataset(asked.root, "toy").ref == changed != first
    assert give(asked, tmp_path / "fix.csv", "up") == first
    assert open_dataset(asked.root, "toy").ref == first
    assert labels_of(asked.root)["s003"] == "up"
    assert give(asked, tmp_path / "mis.csv", "down") == changed
    assert labels_of(asked.root)["s003"] == "down"
    entries = [own["evidence"] for own in read_audit(asked.root, "toy") if own["what"] == "label"]
    assert [(own["parent"], own["dataset"], own["changed"]) for own in entries] == [
        (first, changed, 1), (changed, first, 1), (first, changed, 1),
    ]  # fmt: skip
    kept = {manifest["dataset"]: table["before"].to_pylist()
            for manifest, table in read_labels(asked.root, "toy")}  # fmt: skip
    assert kept == {changed: ["up"], first: ["down"]}
    assert len({own["answers"] for own in entries}) == 3
    assert len(list(read_labels(asked.root, "toy"))) == 3
    assert verify_tree(asked.root)["bad"] == []


def test_a_version_made_again_is_new_since_then_and_comes_back_after_a_removal(
    asked: Model, tmp_path: Path
) -> None:
    first = open_dataset(asked.root, "toy")
    give(asked, tmp_path / "mis.csv", "down")
    give(asked, tmp_path / "fix.csv", "up")
    assert became_newest(first) > datetime.fromisoformat(first.manifest["created"])
    more = Provenance({}, remarks=lambda: ImportSummary(parents=[first.ref]))
    added = write_rows(asked.root, "toy", [next(first.tables()).slice(1)], more)
    assert open_dataset(asked.root, "toy").ref == added.ref != first.ref
    spec = PruneSpec(days=0, newest=False)
    remove_items(asked.root, spec, [added.ref], "by hand", datetime.now(UTC))
    assert open_dataset(asked.root, "toy").ref == first.ref


def test_an_import_of_the_rows_before_a_change_does_not_take_it_back(
    asked: Model, tmp_path: Path
) -> None:
    first = open_dataset(asked.root, "toy")
    give(asked, tmp_path / "mis.csv", "down")
    assert write_dataset(asked.root, "toy", first.tables(), {}).ref == first.ref
    assert labels_of(asked.root)["s003"] == "down"


@pytest.mark.parametrize("line", ["nobody,up", "s004,sideways", "s003,up"])
def test_a_file_with_a_wrong_line_is_refused_whole(
    asked: Model, spec: LabelsSpec, line: str
) -> None:
    Path(spec.path).write_text(f"{GIVEN}{line}\n")
    with pytest.raises(ValueError, match=": expected"):
        take_in(asked, spec, NOW)
    assert len(committed_versions(asked.root, "toy")) == 1
    assert list(read_labels(asked.root, "toy")) == []
