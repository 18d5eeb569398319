"""The split of a dataset's rows into training and test rows, stored beside a model."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.store.root import Root
from seqclass.store.tables import read_table

SPLIT = "split.parquet"
TRAIN, TEST = "train", "test"
COLUMNS = ["class", "group", "part"]
FEW_TESTED = 5
"""Number of test rows of a class below which its recall says little."""


@dataclass(frozen=True)
class Split:
    """Row numbers of a dataset, ascending, and the class code of every row.

    The code is -1 for unlabelled rows and for classes without training rows. groups: of every row,
    or None.
    """

    classes: list[str]
    codes: np.ndarray
    groups: np.ndarray | None
    train: np.ndarray
    test: np.ndarray

    @property
    def train_groups(self) -> np.ndarray | None:
        """Groups of the training rows, in their order."""
        return None if self.groups is None else self.groups[self.train]

    @property
    def test_groups(self) -> np.ndarray | None:
        """Groups of the test rows, in their order."""
        return None if self.groups is None else self.groups[self.test]

    @property
    def digest(self) -> str:
        """SHA-256 of classes, codes, groups and both parts."""
        parts = (self.codes, self.groups, self.train, self.test)
        digest = hashlib.sha256(repr(self.classes).encode())
        for part in parts:
            text = b"none" if part is None else np.asarray(part, np.int64).tobytes()
            digest.update(hashlib.sha256(text).digest())
        return digest.hexdigest()


def write_split(root: Root, folder: str, split: Split, ids: pa.ChunkedArray) -> None:
    """Write a row per row of the dataset, in order: id, class, group, ``train`` or ``test``."""
    n = len(split.codes)
    part = np.full(n, -1, dtype=np.int8)
    part[split.train], part[split.test] = 0, 1
    names = pa.array(split.classes, pa.string())
    classes = names.take(pa.array(split.codes, mask=split.codes < 0))
    parts = pa.array([TRAIN, TEST]).take(pa.array(part, mask=part < 0))
    group = pa.nulls(n, pa.int32()) if split.groups is None else pa.array(split.groups, pa.int32())
    table = pa.table({"series_id": ids, "class": classes, "group": group, "part": parts})
    root.fs.makedirs(folder, exist_ok=True)
    with root.fs.open(f"{folder}/{SPLIT}", "wb") as file:
        pq.write_table(table, file, compression="zstd")


def read_split(root: Root, path: str) -> Split:
    """Read the split that ``write_split`` has stored."""
    table = read_table(root, path, COLUMNS, dictionaries=["class", "part"])
    labels, parts = (table[name].combine_chunks() for name in ("class", "part"))
    classes = sorted(labels.dictionary.to_pylist())
    order = np.array([classes.index(name) for name in labels.dictionary.to_pylist()], np.int32)
    label_codes = labels.indices.fill_null(-1).to_numpy()
    codes = np.where(label_codes < 0, -1, order[label_codes]).astype(np.int32)
    groups = None if table["group"].null_count else table["group"].to_numpy().astype(np.int64)
    train, test = (np.flatnonzero(_is(parts, part)) for part in (TRAIN, TEST))
    return Split(classes, codes, groups, train, test)


def of_groups(metrics: Mapping[str, Any]) -> str:
    """Return the words after the number of test series in ``metrics.json``: of how many groups."""
    groups = metrics.get("split", {}).get("groups")
    is_told = groups and groups < metrics["test_rows"]
    return f" of {groups} group{'s' * (groups != 1)}" if is_told else ""


def groups_of_tests(root: Root, path: str) -> dict[str, int] | None:
    """Return the group of every test row by its id from a stored split; None without groups."""
    table = read_table(root, path, ["series_id", "group", "part"])
    table = table.filter(pc.field("part") == TEST)
    if table["group"].null_count:
        return None
    return dict(zip(table["series_id"].to_pylist(), table["group"].to_pylist(), strict=True))


def _is(parts: pa.DictionaryArray, part: str) -> np.ndarray:
    """Return which rows are of a part, bool ``(n,)``."""
    number = parts.dictionary.index(part).as_py()
    return pc.equal(parts.indices, number).fill_null(False).to_numpy(zero_copy_only=False)
