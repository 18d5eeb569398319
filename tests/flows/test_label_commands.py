"""Asking people and taking their labels in, by the commands: queue, label, history, show."""

import csv
import json
from pathlib import Path

import pytest

from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import open_dataset
from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.hints import next_step
from tests.support.labelled import store_doubts
from tests.support.stored_files import undeclared


def test_a_filled_queue_becomes_a_version_of_the_dataset(
    seqclass: Command, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQCLASS_STORAGE", str(tmp_path / "elsewhere"))
    store_doubts(root, tmp_path / "given")
    before = open_dataset(root, "toy").ref
    out = tmp_path / "queue.csv"
    code, said, err = seqclass("queue", "toy", "--out", out, "--limit", "4", "--root", root.path)
    assert code == 0, err
    assert said.startswith("questions: 4 (")
    with out.open(newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        line["label"] = "down" if line["answer"] else line["label"]
    with out.open("w", newline="") as file:
        filled = csv.DictWriter(file, list(lines[0]))
        filled.writeheader()
        filled.writerows(lines)
    words = (*next_step(said), "--by", "ann", "--json")
    code, said, err = seqclass(*words)
    assert code == 0, err
    outcome = json.loads(said)
    after = open_dataset(root, "toy")
    assert (outcome["parent"], outcome["dataset"]) == (before, after.ref)
    assert (outcome["changed"], outcome["confirmed"]) == (2, 1)
    again = json.loads(seqclass(*words)[1])
    assert (again["changed"], again["confirmed"]) == (0, 3)
    assert open_dataset(root, "toy").ref == after.ref
    assert Path(root.join("datasets", "toy", f"{after.manifest['version']}.html")).exists()
    assert "labels taken in" in Path(root.join("models", "toy", "index.html")).read_text()
    assert verify_tree(root)["bad"] == []
    assert [own for own in undeclared(root) if "comparison.json" not in own] == []


@pytest.mark.parametrize("there", ["tasks.json", "tasks.xml"])
def test_a_queue_does_not_overwrite_a_file(
    seqclass: Command, root: Root, tmp_path: Path, there: str
) -> None:
    store_doubts(root, tmp_path / "given")
    path = tmp_path / there
    path.write_text("labels of a day")
    words = ("queue", "toy", "--out", tmp_path / "tasks.json", "--root", root.path)
    code, _, err = seqclass(*words)
    assert (code, len(err.splitlines())) == (2, 1)
    assert f"--out: expected a file that is not there yet, got '{path}'" in err
    assert path.read_text() == "labels of a day"
    assert {own.name for own in tmp_path.glob("tasks.*")} == {there}
    assert root.names("queues", "toy") == []


def test_a_queue_that_has_nothing_to_ask_writes_nothing(
    seqclass: Command, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_doubts(root, tmp_path / "given")
    out = tmp_path / "tasks.json"
    words = ("queue", "toy", "--out", out, "--root", root.path)
    while "questions" in seqclass(*words)[1]:
        out.unlink()  # the twin of a series that was asked comes in the second queue
        out.with_suffix(".xml").unlink()
    code, said, _ = seqclass(*words)
    assert (code, out.exists()) == (0, False)
    assert said == "toy: nothing to ask; --again asks what has no answer yet\n"
    monkeypatch.setattr("seqclass.labelling.label_queue.questions_of", lambda *_: [])
    for again in ([], ["--again"]):
        assert seqclass(*words, *again)[1] == "toy: nothing to ask\n"
