"""What is scored, each content once, and the labels that come later."""

from pathlib import Path

import pytest

from seqclass.inference.partitions import DIGITS, labels_in_file, partitions_of
from seqclass.store.root import DamagedError, Root
from tests.support.stored import store_series


def test_a_dataset_is_its_files(root: Root) -> None:
    dataset = store_series(root)
    partitions = partitions_of(root, "toy")
    assert [partition.digest for partition in partitions] == [
        entry["sha256"][:DIGITS] for entry in dataset.manifest["files"]
    ]
    assert {partition.source for partition in partitions} == {dataset.ref.removeprefix("datasets/")}
    assert all(partition.is_stored and Path(partition.path).is_file() for partition in partitions)
    assert partitions_of(root, dataset.ref) == partitions
    Path(partitions[0].path).write_bytes(b"other")
    with pytest.raises(DamagedError):
        partitions_of(root, "toy")


def test_of_files_with_the_same_content_one_is_scored(root: Root, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    for name, text in (("a.csv", "x"), ("b.csv", "x"), ("c.csv", "y")):
        (folder / name).write_text(text)
    partitions = partitions_of(root, str(folder))
    assert [Path(partition.path).name for partition in partitions] == ["a.csv", "c.csv"]
    assert not any(partition.is_stored for partition in partitions)
    assert [partition.path for partition in partitions_of(root, str(folder / "b.csv"))] == [
        f"{folder}/b.csv"
    ]


def test_what_is_neither_file_nor_dataset_is_named(root: Root) -> None:
    with pytest.raises(ValueError, match="DATASET: expected an existing file or folder"):
        partitions_of(root, "missing.csv")
    with pytest.raises(ValueError, match="DATASET: expected"):
        partitions_of(root, "missing")


def test_labels_of_a_file_are_texts_and_each_pair_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("label,series_id,note\n1,007,x\n2,b,y\n1,007,z\n")
    labels = labels_in_file(str(path))
    assert labels.to_pydict() == {"series_id": ["007", "b"], "label": ["1", "2"]}
