"""What is scored, each content once, and the labels that come later."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_labels_are_texts_and_each_pair_is_there_once(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"labels.{ending}"
    if ending == "csv":
        path.write_text("label,series_id,note\n1,007,x\n2,b,y\n1,007,z\n")
    else:
        own = {"series_id": ["007", "b", "007"], "label": [1, 2, 1], "note": ["x", "y", "z"]}
        pq.write_table(pa.table(own), path)
    found = read_labels(str(path))
    assert found.column_names == ["series_id", "label"]
    assert sorted(map(tuple, (row.values() for row in found.to_pylist()))) == [
        ("007", "1"), ("b", "2"),
    ]  # fmt: skip


def test_an_id_that_is_missing_once_is_no_second_label(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"series_id": ["a", None], "label": ["x", "y"]}), tmp_path / "l.parquet"
    )
    assert len(read_labels(str(tmp_path / "l.parquet"))) == 2


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.csv", None, "--labels: expected an existing file"),
        ("l.csv", "series_id,class\na,1\n", "has no label; rename the columns"),
        ("l.csv", "id,class\na,1\n", "has no label, series_id"),
        ("l.csv", "series_id,label\na,1\na,2\n", "one label for every series"),
        ("l.csv", "series_id,label\na,1,2\n", "--labels: expected a Parquet or CSV file"),
        ("l.parquet", "series_id,label\n", "expected a Parquet file"),
    ],
)
def test_labels_that_can_not_be_read_are_one_line(
    tmp_path: Path, name: str, content: str | None, says: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="expected") as refused:
        read_labels(str(path))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
