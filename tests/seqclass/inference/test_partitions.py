"""What is scored, each content once, and the labels that come later."""

from pathlib import Path

import pytest

from seqclass.inference.partitions import DIGITS, partitions_of, read_labels
from seqclass.store.root import DamagedError, Root
from tests.support.stored import store_series


def test_a_dataset_is_its_files(root: Root) -> None:
    dataset = store_series(root)
    found = partitions_of(root, "toy")
    assert [one.digest for one in found] == [
        entry["sha256"][:DIGITS] for entry in dataset.manifest["files"]
    ]
    assert {one.source for one in found} == {dataset.ref.removeprefix("datasets/")}
    assert all(one.is_stored and Path(one.path).is_file() for one in found)
    assert partitions_of(root, dataset.ref) == found
    Path(found[0].path).write_bytes(b"other")
    with pytest.raises(DamagedError):
        partitions_of(root, "toy")


def test_of_files_with_the_same_content_one_is_scored(root: Root, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    for name, text in (("a.csv", "x"), ("b.csv", "x"), ("c.csv", "y")):
        (folder / name).write_text(text)
    found = partitions_of(root, str(folder))
    assert [Path(one.path).name for one in found] == ["a.csv", "c.csv"]
    assert not any(one.is_stored for one in found)
    assert [one.path for one in partitions_of(root, str(folder / "b.csv"))] == [f"{folder}/b.csv"]


def test_what_is_neither_file_nor_dataset_is_named(root: Root) -> None:
    with pytest.raises(ValueError, match="DATASET: expected an existing file or folder"):
        partitions_of(root, "missing.csv")
    with pytest.raises(ValueError, match="DATASET: expected"):
        partitions_of(root, "missing")


def test_labels_of_a_file_are_texts_and_each_pair_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("label,series_id,note\n1,007,x\n2,b,y\n1,007,z\n")
    found = read_labels(str(path))
    assert found.to_pydict() == {"series_id": ["007", "b"], "label": ["1", "2"]}


def test_a_file_of_labels_that_is_not_there_is_named_with_its_argument(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--labels: expected an existing file"):
        read_labels(str(tmp_path / "missing.csv"))
    with pytest.raises(ValueError, match="ANSWERS: expected an existing file"):
        read_labels(str(tmp_path), argument="ANSWERS")
