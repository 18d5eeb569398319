"""The split of a dataset's rows into training and test rows, chosen or as it was stored."""

from collections import Counter
from typing import TypedDict

import numpy as np
import pyarrow as pa
from pydantic import TypeAdapter

from seqclass.evaluation.leaks import Leaks, exact_keys, find_leaks, near_keys
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.models import Model
from seqclass.store.rows import to_dense
from seqclass.store.split import SPLIT, Split, read_split
from seqclass.training.group_splits import tolerance
from seqclass.training.spec import TrainingSpec, recorded
from seqclass.training.splits import assign_newest, assign_test


class SplitSummary(TypedDict):
    """The result of a split. share: of the series that test; official: whether the dataset defines
    the split; amiss: problems, one sentence each."""

    share: float
    test_rows: dict[str, int]
    official: bool
    amiss: list[str]


def split_of(model: Model) -> Split:
    """Return the stored split of a version; older versions without one are split by their spec."""
    if model.has(SPLIT):
        return read_split(model.root, model.path(SPLIT))
    return select_rows(open_dataset(model.root, model.manifest["dataset"]), spec_of(model))


def spec_of(model: Model) -> TrainingSpec:
    """Return the training spec of a version, with the rules of its time."""
    return TypeAdapter(TrainingSpec).validate_python(recorded(model.manifest["spec"]))


def select_rows(dataset: Dataset, spec: TrainingSpec, labels: pa.Table | None = None) -> Split:
    """Use the dataset's own split if it names one, else select test rows by their ids.

    labels: those of the dataset, if they have been read already.
    """
    table = dataset.labels() if labels is None else labels
    names = np.array(table["label"].to_pylist(), dtype=object)
    keys = _keys(table)
    groups = np.unique(keys, return_inverse=True)[1] if "group" in table.column_names else None
    if dataset.manifest["splits"]:
        train, test = _official_split(table, names, dataset.ref)
        _check_groups(groups, train, test, dataset.ref)
    else:
        train, test = _own_split(table, names, keys, spec, dataset.ref)
    classes = sorted(set(names[train]))
    number = {name: code for code, name in enumerate(classes)}
    codes = np.array([number.get(label, -1) for label in names], dtype=np.int32)
    return Split(classes, codes, groups, train, test)


def describe_split(dataset: Dataset, chosen: Split, spec: TrainingSpec) -> SplitSummary:
    """Compare the result of the split with its target."""
    train, test = chosen.codes[chosen.train], chosen.codes[chosen.test]
    share = len(test) / (len(train) + len(test))
    counts = np.bincount(test, minlength=len(chosen.classes)).tolist()
    amiss = [
        f"class {name!r} has no test row, so nothing is known of it; add "
        f"{'series' if chosen.groups is None else 'groups'} of it"
        for name, count in zip(chosen.classes, counts, strict=True)
        if not count
    ]
    own = bool(dataset.manifest["splits"])
    if not own and abs(share - spec.test_fraction) > tolerance(spec.test_fraction) + 1e-9:
        amiss.append(
            f"{len(test)} of {len(train) + len(test)} series test, {share:.0%} instead of "
            f"{spec.test_fraction:.0%}; add groups, or smaller ones, or name a --test split"
        )
    return {"share": share, "test_rows": dict(zip(chosen.classes, counts, strict=True)),
            "official": own, "amiss": amiss}  # fmt: skip


def _official_split(table: pa.Table, labels: np.ndarray, ref: str) -> tuple[np.ndarray, np.ndarray]:
    split = np.array(table["split"].to_pylist(), dtype=object)
    known = labels != None  # noqa: E711 - element by element
    train, test = (np.flatnonzero(known & (split == part)) for part in ("train", "test"))
    if not len(test):
        raise ValueError(f"DATASET: expected labelled rows with split 'test', {ref} has none")
    _check_classes(labels[train], 2, ref)
    unseen = sorted(set(labels[test]) - set(labels[train]))
    if unseen:
        raise ValueError(
            f"DATASET: expected every label of the test rows among the training rows, got "
            f"{', '.join(map(repr, unseen))} in test rows only; add training rows of that class"
        )
    return train, test


def _own_split(
    table: pa.Table, labels: np.ndarray, keys: np.ndarray, spec: TrainingSpec, ref: str
) -> tuple[np.ndarray, np.ndarray]:
    known = np.flatnonzero(labels != None)  # noqa: E711 - element by element
    _check_classes(labels[known], 3, ref)
    _, y = np.unique(labels[known].astype(str), return_inverse=True)
    if spec.split_by == "time":
        if "time" not in table.column_names:
            raise ValueError(
                f"split_by: expected a dataset with a column 'time', {ref} has none; add the "
                "column or split by hash"
            )
        time = times_of(table)[known]
        kept, held = assign_newest(keys[known], y, time, spec.test_fraction, spec.split_rule > 1)
    else:
        balanced = spec.split_rule > 1 and "group" in table.column_names
        kept, held = assign_test(keys[known], y, spec.test_fraction, spec.split_seed, balanced)
    if not len(held):
        raise ValueError(
            f"DATASET: expected enough groups to keep some of them for testing, {ref} has "
            f"{len(set(keys[known]))}; add groups or leave out the column 'group'"
        )
    return known[kept], known[held]


def times_of(table: pa.Table) -> np.ndarray:
    """Return microseconds ``(n,)``; rows of unknown time count as the oldest."""
    numbers = table["time"].cast(pa.int64()).fill_null(np.iinfo(np.int64).min)
    return numbers.to_numpy()


def _check_classes(labels: np.ndarray, least: int, ref: str) -> None:
    counts = Counter(labels)
    if len(counts) < 2:
        raise ValueError(
            f"DATASET: expected at least 2 classes among the training rows, {ref} has "
            f"{len(counts)} ({', '.join(counts) or 'no labels'}); add series of another class"
        )
    name, count = min(counts.items(), key=lambda item: item[1])
    if count < least:
        raise ValueError(
            f"DATASET: expected at least {least} series of every class to train and to check, "
            f"{ref} has {count} of class {name!r}; add series or leave the class out"
        )


def _keys(table: pa.Table) -> np.ndarray:
    """Return the units that a split must keep together: each row's group, or its id without one."""
    ids = table["series_id"].to_pylist()
    if "group" not in table.column_names:
        return np.array(ids)
    groups = table["group"].to_pylist()
    return np.array(
        [f"series {i}" if g is None else f"group {g}" for i, g in zip(ids, groups, strict=True)]
    )


def _check_groups(groups: np.ndarray | None, train: np.ndarray, test: np.ndarray, ref: str) -> None:
    if groups is not None and np.isin(groups[test], groups[train]).any():
        raise ValueError(
            f"DATASET: expected every group on one side of the official split, {ref} has a group "
            "on both; correct the split or leave out the column 'group'"
        )


ROWS = 1024


def leaks_of(dataset: Dataset, chosen: Split) -> Leaks:
    """Count test series with exact and near copies among training rows, with examples."""
    ids: list[str] = []
    exact: list[bytes] = []
    near: list[bytes] = []
    for table in dataset.tables(["series_id", "n_steps", *dataset.channels]):
        ids += table["series_id"].to_pylist()
        for start in range(0, len(table), ROWS):
            part = table.slice(start, ROWS)
            longest = max(part["n_steps"].to_pylist())
            x = np.stack([to_dense(part[name], longest) for name in dataset.channels], axis=-1)
            exact += exact_keys(x)
            near += near_keys(x)
    return find_leaks(ids, exact, near, chosen.train, chosen.test)
