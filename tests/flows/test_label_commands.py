"""Asking people by the command: nothing is overwritten, and nothing asked in vain."""

import json
from pathlib import Path

import pytest

from seqclass.store.datasets import open_dataset
from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.hints import next_step
from tests.support.labelled import store_doubts
from tests.support.stored_files import undeclared


def test_the_next_step_of_a_queue_takes_its_answers_into_its_root(
    seqclass: Command, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQCLASS_STORAGE", str(tmp_path / "elsewhere"))
    store_doubts(root, tmp_path / "given")
    queue = tmp_path / "queue.csv"
    code, out, err = seqclass("queue", "toy", "--out", queue, "--limit", 4, "--root", root.path)
    assert (code, out.splitlines()[1].split()) == (0, ["questions", "4"]), err
    queue.write_text(queue.read_text().replace("?", "down"))
    code, out, err = seqclass(*next_step(out), "--by", "ann", "--json")
    assert code == 0, err
    assert json.loads(out)["dataset"] == open_dataset(root, "toy").ref
    assert undeclared(root) == []


def test_a_queue_does_not_overwrite_the_configuration_beside_its_tasks(
    seqclass: Command, root: Root, tmp_path: Path
) -> None:
    store_doubts(root, tmp_path / "given")
    path = tmp_path / "tasks.xml"
    path.write_text("labels of a day")
    words = ("queue", "toy", "--out", tmp_path / "tasks.json", "--root", root.path)
    code, _, err = seqclass(*words)
    assert (code, len(err.splitlines())) == (2, 1)
    assert f"--out: expected a file that is not there yet, got '{path}'" in err
    assert path.read_text() == "labels of a day"
    assert [file.name for file in tmp_path.glob("tasks.*")] == ["tasks.xml"]
    assert root.names("queues", "toy") == []


def test_a_queue_that_has_nothing_to_ask_writes_nothing(
    seqclass: Command, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_doubts(root, tmp_path / "given")
    out = tmp_path / "tasks.json"
    words = ("queue", "toy", "--out", out, "--root", root.path)
    while "nothing to ask" not in seqclass(*words)[1]:
        out.unlink()  # the twin of a series that was asked comes in the second queue
        out.with_suffix(".xml").unlink()
    code, printed, _ = seqclass(*words)
    assert (code, out.exists()) == (0, False)
    assert printed.endswith("toy: nothing to ask; --again asks what has no answer yet\n")
    monkeypatch.setattr("seqclass.labelling.label_queue.questions_of", lambda *_: [])
    for again in ([], ["--again"]):
        assert seqclass(*words, *again)[1].endswith("toy: nothing to ask\n")
