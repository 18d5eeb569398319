"""The split lies beside the model: made once, read by every later step."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from seqclass import row_split
from seqclass.row_split import describe_split, select_rows
from seqclass.store import root as storage
from seqclass.store.datasets import open_checked
from seqclass.store.root import Root
from seqclass.store.split import SPLIT, read_split, write_split
from seqclass.training.spec import TrainingSpec
from tests.support.stored import store_series


@pytest.mark.parametrize("grouped", [False, True])
def test_what_is_stored_is_read_again(root: Root, grouped: bool) -> None:
    labels = [("b", "a", None, "c")[i % 4] for i in range(60)]
    group = {"group": pa.array([f"g{i // 2}" for i in range(60)])} if grouped else {}
    dataset = store_series(root, label=labels, **group)
    made = select_rows(dataset, TrainingSpec())
    write_split(root, root.join("work"), made, dataset.labels()["series_id"])
    stored = read_split(root, root.join("work", SPLIT))
    assert stored.classes == made.classes == ["a", "b", "c"]
    for part in ("codes", "train", "test"):
        np.testing.assert_array_equal(getattr(stored, part), getattr(made, part))
    assert (stored.groups is not None) == grouped
    if grouped:
        np.testing.assert_array_equal(stored.groups, made.groups)


def test_the_rows_of_a_training_are_compared_with_their_digests_once(
    root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, read = store_series(root), Counter[str]()
    digest = storage.sha256_of

    def counted(root: Root, path: str) -> str:
        read[path.rpartition("/")[2]] += 1
        return digest(root, path)

    monkeypatch.setattr(storage, "sha256_of", counted)
    select_rows(dataset, TrainingSpec())
    assert read == {entry["path"]: 1 for entry in dataset.manifest["files"]}
    open_checked(root, dataset.ref).values()
    assert set(read.values()) == {1}


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
