"""Copies between a dataset's training and test rows, found as the rows stream by."""

import numpy as np

from seqclass.evaluation.leaks import Leaks, exact_keys, find_leaks, near_keys
from seqclass.store.datasets import Dataset
from seqclass.store.rows import to_dense
from seqclass.store.split import Split

ROWS = 1024


def leaks_of(dataset: Dataset, chosen: Split) -> Leaks:
    """Counts of test series with exact and near copies among the training rows, and examples."""
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
