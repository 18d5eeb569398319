"""The split of a dataset's rows into training and test rows, chosen or as it was stored."""

from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from seqclass.auxiliary_rows import AuxiliaryRows
from seqclass.evaluation.goals import costs_of
from seqclass.evaluation.intervals import shares_of_draws
from seqclass.evaluation.leaks import (
    SAMPLE_ROWS,
    SAMPLE_TESTS,
    SAMPLE_VALUES,
    Leaks,
    Sample,
    ShapeKeys,
    as_numbers,
    exact_keys,
    find_leaks,
    giveaways,
    near_keys,
)
from seqclass.store.datasets import Dataset
from seqclass.store.duplicates import numbered
from seqclass.store.models import Model
from seqclass.store.rows import to_dense
from seqclass.store.split import SPLIT, Split, read_split
from seqclass.training.group_splits import tolerance
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import Keys, assign_newest, assign_test

MAX_TEST_ROWS = 200_000
"""Most test rows that are chosen, unless the dataset names its own."""
NAMES_AT_ONCE, SERIES_AT_ONCE = 65_536, 1024
"""Names of keys that are Python strings at once, and series of which keys are made at once."""
DECIDING = ("series_id", "label", "group", "time", "split")
"""Columns by which rows are split."""


class _Labels(NamedTuple):
    """The names of classes, sorted, and each row's code ``(n,)``, -1 without a label."""

    names: list[str]
    codes: np.ndarray


class SplitSummary(TypedDict):
    """The result of a split.

    share: of the series that test. test_rows: number of them by class. groups: number of their
    groups, null without groups. official: true if the dataset defines the split. amiss: problems,
    one sentence each.
    """

    share: float
    test_rows: dict[str, int]
    groups: int | None
    official: bool
    amiss: list[str]


def split_of(model: Model) -> Split:
    """Return the stored split of a version."""
    return read_split(model.root, model.path(SPLIT))


def spec_of(model: Model) -> TrainingSpec:
    """Return the training spec of a version."""
    return TypeAdapter(TrainingSpec).validate_python(model.manifest["spec"])


def select_rows(dataset: Dataset, spec: TrainingSpec, table: pa.Table | None = None) -> Split:
    """Use the dataset's own split if it names one, else select test rows by their ids.

    table: what ``deciding_columns`` returns, if it has been read already. ValueError if the rows
    don't suffice, or the costs of the spec's goal are those of other classes.
    """
    table = deciding_columns(dataset) if table is None else table
    labels = _coded(table["label"])
    keys = _keys(table)
    groups = groups_of(table)
    if dataset.manifest["splits"]:
        train, test = _official_split(table, labels, dataset.ref)
        _check_groups(groups, train, test, dataset.ref)
    else:
        train, test = _own_split(table, labels, keys, spec, dataset.ref)
    there = np.unique(labels.codes[train])
    number = np.full(len(labels.names) + 1, -1, dtype=np.int32)  # the last is that of no label
    number[there] = np.arange(len(there))
    classes = [labels.names[c] for c in there]
    costs_of(spec.goal, classes)
    return Split(classes, number[labels.codes], groups, train, test)


def deciding_columns(dataset: Dataset) -> pa.Table:
    """Return the columns that decide which rows test: ids, labels, groups, times and splits.

    Labels are of a dictionary type, so that those of many rows take little memory.
    """
    names = [name for name in DECIDING if name in dataset.manifest["columns"]]
    at = names.index("label")
    return pa.concat_tables(
        table.set_column(at, "label", table["label"].dictionary_encode())
        for table in dataset.tables(names)
    )


def _coded(labels: pa.ChunkedArray) -> _Labels:
    """Return the names of all classes, sorted, and the code of each row's."""
    encoded = labels.dictionary_encode().unify_dictionaries().combine_chunks()
    names = encoded.dictionary.to_pylist()
    order = np.argsort(np.array(names, dtype=object))
    place = np.full(len(names) + 1, -1, dtype=np.int32)
    place[order] = np.arange(len(names))
    return _Labels(sorted(names), place[encoded.indices.fill_null(-1).to_numpy()])


def tested_share(spec: TrainingSpec, n_rows: int) -> float:
    """Return the share of ``n_rows`` labelled rows that test: the spec's, or less if rows are many.

    ``MAX_TEST_ROWS`` tell an accuracy to a tenth of a point; what is above that trains.
    """
    return min(spec.test_fraction, MAX_TEST_ROWS / n_rows)


def tested_draws(split: Split) -> float:
    """Return the number of independent draws that the test rows are; see ``shares_of_draws``."""
    return float(shares_of_draws(split.codes[split.test], split.test_groups).sum())


def describe_split(dataset: Dataset, split: Split, spec: TrainingSpec) -> SplitSummary:
    """Compare the result of the split with its target.

    Shares are those of all labelled rows, also where only a part of the others trains.
    """
    test, is_official = split.codes[split.test], bool(dataset.manifest["splits"])
    n = len(split.train) + len(test) if is_official else int((split.codes >= 0).sum())
    share = len(test) / n
    counts = np.bincount(test, minlength=len(split.classes)).tolist()
    amiss = [
        f"class {name!r} has no test row, so nothing is known of it; add "
        f"{'series' if split.groups is None else 'groups'} of it"
        for name, count in zip(split.classes, counts, strict=True)
        if not count
    ]
    target = tested_share(spec, n)
    if not is_official and abs(share - target) > tolerance(target) + 1e-9:
        cure = "series" if split.groups is None else "groups, or smaller ones"
        amiss.append(
            f"{len(test)} of {n} series test, {share:.0%} instead of "
            f"{target:.0%}; add {cure}, or name a --test split"
        )
    groups = None if split.test_groups is None else len(np.unique(split.test_groups))
    return {"share": share, "test_rows": dict(zip(split.classes, counts, strict=True)),
            "groups": groups, "official": is_official, "amiss": amiss}  # fmt: skip


def _official_split(table: pa.Table, labels: _Labels, ref: str) -> tuple[np.ndarray, np.ndarray]:
    is_labelled = labels.codes >= 0
    train = np.flatnonzero(is_labelled & _is(table["split"], "train"))
    test = np.flatnonzero(is_labelled & _is(table["split"], "test"))
    if not len(test):
        raise ValueError(f"DATASET: expected labelled rows with split 'test', {ref} has none")
    _check_classes(labels, train, 2, ref)
    unseen = np.setdiff1d(labels.codes[test], labels.codes[train])
    if len(unseen):
        raise ValueError(
            f"DATASET: expected every label of the test rows among the training rows, got "
            f"{', '.join(repr(labels.names[code]) for code in unseen)} in test rows only; add "
            "training rows of that class"
        )
    return train, test


def _is(column: pa.ChunkedArray, text: str) -> np.ndarray:
    return pc.equal(column, text).fill_null(False).to_numpy()


def _own_split(
    table: pa.Table, labels: _Labels, keys: pa.ChunkedArray, spec: TrainingSpec, ref: str
) -> tuple[np.ndarray, np.ndarray]:
    labelled = np.flatnonzero(labels.codes >= 0)
    _check_classes(labels, labelled, 3, ref)
    is_whole = len(labelled) == len(keys)
    y = labels.codes[labelled]
    numbered_keys = _numbered(keys if is_whole else keys.take(pa.array(labelled)))
    share = tested_share(spec, len(labelled))
    if spec.split_by == "time":
        if "time" not in table.column_names:
            raise ValueError(
                f"split_by: expected a dataset with a column 'time', {ref} has none; add the "
                "column or split by hash"
            )
        time = times_of(table)[labelled]
        kept, held = assign_newest(numbered_keys, y, time, share)
    else:
        is_grouped = "group" in table.column_names
        kept, held = assign_test(numbered_keys, y, share, spec.split_seed, is_grouped)
    if not len(held):
        raise ValueError(
            f"DATASET: expected enough groups to keep some of them for testing, {ref} has "
            f"{numbered_keys.number.max() + 1}; add groups or leave out the column 'group'"
        )
    return labelled[kept], labelled[held]


def times_of(table: pa.Table) -> np.ndarray:
    """Return microseconds ``(n,)``; rows of unknown time count as the oldest."""
    numbers = table["time"].cast(pa.int64()).fill_null(np.iinfo(np.int64).min)
    return numbers.to_numpy()


def _check_classes(labels: _Labels, rows: np.ndarray, least: int, ref: str) -> None:
    present, numbers = np.unique(labels.codes[rows], return_counts=True)
    if len(present) < 2:
        raise ValueError(
            f"DATASET: expected at least 2 classes among the training rows, {ref} has "
            f"{len(present)} ({', '.join(labels.names[code] for code in present) or 'no labels'}); "
            "add series of another class"
        )
    if numbers.max() < least:
        raise ValueError(
            f"DATASET: expected at least {least} series of some class to train and to check, {ref} "
            f"has at most {numbers.max()} of each; add series"
        )


def groups_of(table: pa.Table) -> np.ndarray | None:
    """Return the number of each row's group, of its own if it has none; None without groups."""
    return _numbered(_keys(table)).number if "group" in table.column_names else None


def _keys(table: pa.Table) -> pa.ChunkedArray:
    """Return the units that a split must keep together: each row's group, or its id without one."""
    ids = table["series_id"]
    if "group" not in table.column_names:
        return ids
    named = pc.binary_join_element_wise("group", table["group"], " ")
    return pc.coalesce(named, pc.binary_join_element_wise("series", ids, " "))


def _numbered(keys: pa.ChunkedArray) -> Keys:
    """Return the number of each row's key, and the distinct keys in order."""
    names, number = numbered(keys)
    starts = range(0, len(names), NAMES_AT_ONCE)
    return Keys(number, (names[start : start + NAMES_AT_ONCE].to_pylist() for start in starts))


def _check_groups(groups: np.ndarray | None, train: np.ndarray, test: np.ndarray, ref: str) -> None:
    if groups is not None and np.isin(groups[test], groups[train]).any():
        raise ValueError(
            f"DATASET: expected every group on one side of the official split, {ref} has a group "
            "on both; correct the split or leave out the column 'group'"
        )


def leaks_of(dataset: Dataset, split: Split, auxiliary: AuxiliaryRows | None = None) -> Leaks:
    """Count test series with exact and near copies among training rows, with examples."""
    ids: list[pa.Array] = []
    exact: list[np.ndarray] = []
    near: list[np.ndarray] = []
    columns, train = ["series_id", "n_steps", *dataset.channels], split.train
    tables = dataset.tables(columns)
    if auxiliary is not None:
        tables = chain(tables, auxiliary.dataset.tables(columns))
        train = np.concatenate([train, len(split.codes) + auxiliary.rows])
    for table in tables:
        ids += table["series_id"].chunks
        for start in range(0, len(table), SERIES_AT_ONCE):
            part = table.slice(start, SERIES_AT_ONCE)
            longest = max(part["n_steps"].to_pylist())
            x = np.stack([to_dense(part[name], longest) for name in dataset.channels], axis=-1)
            exact.append(as_numbers(exact_keys(x)))
            near.append(as_numbers(near_keys(x)))
    keys = ShapeKeys(np.concatenate(exact), np.concatenate(near))
    leaks = find_leaks(pa.chunked_array(ids), keys, train, split.test)
    return {**leaks, "amiss": giveaways_of(dataset, split)}


def giveaways_of(dataset: Dataset, split: Split) -> list[str]:
    """Return what gives labels away in a sample of the rows that train and test, see ``leaks``."""
    rng, longest = np.random.default_rng(0), dataset.manifest["n_steps"][1]
    most = min(SAMPLE_ROWS, SAMPLE_VALUES // (longest * len(dataset.channels)))
    test = rng.permutation(split.test)[: min(SAMPLE_TESTS, most // 2)]
    train = rng.permutation(split.train)[: most - len(test)]
    rows = np.sort(np.concatenate([train, test]))
    sample = Sample(
        dataset.values(rows),
        split.codes[rows],
        None if split.groups is None else split.groups[rows],
        np.isin(rows, test),
    )
    return giveaways(sample, dataset.channels)
