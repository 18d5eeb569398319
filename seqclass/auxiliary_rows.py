"""Auxiliary rows: series of another dataset, which a training uses in addition to its own.

They never test and are never held back, so that no score and no choice rests on them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.split import Split

if TYPE_CHECKING:
    from seqclass.training.spec import TrainingSpec

MAX_NAMES = 5
"""Most classes that a remark names."""


@dataclass(frozen=True)
class AuxiliaryRows:
    """Rows of the dataset ``dataset`` that the training of another one uses.

    rows: their ascending numbers; codes: of the classes of the training. left_out: classes of
    others, which the training has not; lacking: classes of the training that no row has.
    """

    dataset: Dataset
    rows: np.ndarray
    codes: np.ndarray
    left_out: list[str]
    lacking: list[str]

    def values(self, channels: list[str]) -> np.ndarray:
        """Return the series as ``Dataset.values`` does."""
        return self.dataset.values(self.rows, channels)

    def check_window(self, n_own: int, window: int | None) -> None:
        """Refuse more rows, with ``n_own`` others, than are held at once."""
        if window is not None and n_own + len(self.rows) > window:
            raise ValueError(
                f"auxiliary: expected at most {window:,} training rows, as many as are held at "
                f"once, got {n_own:,} and {len(self.rows):,} of {self.dataset.ref}; take fewer"
            )

    @property
    def remark(self) -> str:
        """The number of these rows, and the classes that only one of both datasets has."""
        remarks = [f"auxiliary: {len(self.rows):,} series of {self.dataset.ref}"]
        if self.left_out:
            remarks.append(f"those of other classes are left out: {_few(self.left_out)}")
        if self.lacking:
            remarks.append(f"it has none of {_few(self.lacking)}")
        return "; ".join(remarks)


def find_auxiliary(dataset: Dataset, split: Split, spec: "TrainingSpec") -> AuxiliaryRows | None:
    """Return the auxiliary rows of a training, or None if its spec names none.

    They are the labelled rows of the classes that train, except those that the auxiliary dataset
    keeps for tests. ValueError if they can't be used.
    """
    if spec.auxiliary is None:
        return None
    other = _opened(dataset, spec.auxiliary)
    table = other.labels()
    codes = pc.index_in(table["label"], pa.array(split.classes, pa.string())).fill_null(-1)
    codes = codes.to_numpy().astype(np.int32)
    trains = codes >= 0
    if "split" in table.column_names:
        trains &= pc.not_equal(table["split"], "test").fill_null(True).to_numpy()
    rows = np.flatnonzero(trains)
    if not len(rows):
        raise ValueError(
            f"auxiliary: expected series of the classes {_few(split.classes)}, {other.ref} has "
            f"{_few(list(other.manifest['classes'])) or 'no labels'}; correct the labels"
        )
    left_out = sorted(set(other.manifest["classes"]) - set(split.classes))
    there = set(np.unique(codes[rows]).tolist())
    lacking = [name for code, name in enumerate(split.classes) if code not in there]
    return AuxiliaryRows(other, rows, codes[rows], left_out, lacking)


def _opened(dataset: Dataset, ref: str) -> Dataset:
    """Open the auxiliary dataset of a training on ``dataset``."""
    try:
        other = open_dataset(dataset.root, ref)
    except ValueError as error:
        raise type(error)(str(error).replace("DATASET:", "auxiliary:", 1)) from error
    if other.manifest["digest"] == dataset.manifest["digest"]:
        raise ValueError(
            f"auxiliary: expected another dataset than {dataset.ref}, got {ref!r}, which holds the "
            "same rows; name another, or none"
        )
    if sorted(other.channels) != sorted(dataset.channels):
        raise ValueError(
            f"auxiliary: expected the channels {', '.join(dataset.channels)} of {dataset.ref}, "
            f"{other.ref} has {', '.join(other.channels)}; name a dataset with the same"
        )
    return replace(other, is_checked=dataset.is_checked)


def _few(names: list[str]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def auxiliary_line(ref: str, seeds: Sequence[Mapping[str, Any]]) -> str:
    """Return the weight of the series of an auxiliary dataset, by the records of the seeds."""
    weights = sorted({f"{seed['auxiliary_weight']:.2g}" for seed in seeds}, key=float)
    if weights == ["0"]:
        return f"{ref} was not trained on: held-back series chose the weight 0"
    least, most = weights[0], weights[-1]
    span = least if least == most else f"{least} to {most}, by seed"
    return f"series of {ref} had the weight {span}, which held-back series chose"
