"""The split lies beside the model: made once, read by every later step, old models marked."""

import ast
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from seqclass import row_split
from seqclass.pipeline.replicas import baseline_rows, train_seed
from seqclass.row_split import describe_split, select_rows
from seqclass.store import root as storage
from seqclass.store.datasets import open_checked
from seqclass.store.root import Root
from seqclass.store.split import SPLIT, read_split, write_split
from seqclass.training.spec import TrainingSpec
from tests.support.places import REPOSITORY
from tests.support.stored import store_series

LIGHT = TrainingSpec(seeds=1, members=("convolutions",))


@pytest.mark.parametrize("grouped", [False, True])
def test_what_is_stored_is_read_again(root: Root, grouped: bool) -> None:
    n = 60
    labels = [("b", "a", None, "c")[i % 4] for i in range(n)]
    group = {"group": pa.array([f"g{i // 2}" for i in range(n)])} if grouped else {}
    dataset = store_series(root, n=n, label=labels, **group)
    made = select_rows(dataset, TrainingSpec())
    write_split(root, root.join("work"), made, dataset.labels()["series_id"])
    found = read_split(root, root.join("work", SPLIT))
    assert found.classes == made.classes == ["a", "b", "c"]
    for part in ("codes", "train", "test"):
        np.testing.assert_array_equal(getattr(found, part), getattr(made, part))
    assert (found.groups is not None) == grouped
    if grouped:
        np.testing.assert_array_equal(found.groups, made.groups)


def test_jobs_of_a_training_read_no_digest_again(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, read = store_series(root, n=80), Counter[str]()
    digest = storage.sha256_of

    def counted(root: Root, path: str) -> str:
        read[path.rpartition("/")[2]] += 1
        return digest(root, path)

    monkeypatch.setattr(storage, "sha256_of", counted)
    split = select_rows(dataset, LIGHT)
    assert read == {entry["path"]: 1 for entry in dataset.manifest["files"]}
    checked = open_checked(root, dataset.ref)
    train_seed(checked, split, LIGHT, 0, root.join("seed-0.keras"))
    baseline_rows(checked, split, 0)
    assert set(read.values()) == {1}


def test_the_rule_is_asked_once_a_training() -> None:
    """Of what a training runs through, only the task that stores the split makes one."""
    asked = []
    for room in ("seqclass", "tasks", "flows"):
        for path in (REPOSITORY / room).rglob("*.py"):
            calls = [
                node.func.id
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
            ]
            asked += [path.relative_to(REPOSITORY).as_posix()] * calls.count("select_rows")
    assert Counter(asked) == {
        "seqclass/pipeline/split_rows.py": 1,
        "seqclass/pipeline/study.py": 3,  # before any run, in each, and for the table
        "flows/cli/training_commands.py": 1,  # before a server is started
    }


def test_of_many_rows_fewer_test_and_none_of_them_anew(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = store_series(root, n=600)
    before = select_rows(dataset, TrainingSpec())
    monkeypatch.setattr(row_split, "MAX_TEST_ROWS", 30)
    after = select_rows(dataset, TrainingSpec())
    assert 15 <= len(after.test) <= 45
    assert set(after.test.tolist()) < set(before.test.tolist())
    assert len(after.train) + len(after.test) == 600
    assert describe_split(dataset, after, TrainingSpec())["official"] is False
