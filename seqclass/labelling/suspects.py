"""Rows of a model's dataset whose labels its own held-back answers doubt.

They are found by the confident joint of given and meant classes: Northcutt, Jiang and Chuang
(2021), "Confident Learning: Estimating Uncertainty in Dataset Labels".
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.models import ANSWERS, HELD, Model
from seqclass.store.tables import read_table

LEAST_ROWS = 5
"""Rows of a class below which its own mean confidence is too uncertain to be its threshold."""
SLACK = 1e-6
"""A class whose rows are all equally sure passes its own mean, whatever the rounding."""
COLUMNS = ["series_id", "label", "probabilities"]


class ConfidentJoint(NamedTuple):
    """Classes that rows are confidently taken for.

    meant: class codes ``(n,)``, -1 where no class passes its threshold. counts: int
    ``(classes, classes)``, rows by the class of their label and the class that is meant.
    """

    meant: np.ndarray
    counts: np.ndarray


def confident_joint(probabilities: np.ndarray, y: np.ndarray) -> ConfidentJoint:
    """Return for every row the class that it is confidently taken for.

    probabilities: ``(n, classes)``, by a model that was not fitted to the rows; y: class codes
    ``(n,)`` of their labels. The threshold of a class is the mean probability of it among rows of
    its label; a class of fewer than ``LEAST_ROWS`` has that of all rows together. Of several
    classes that pass, the most probable one is meant.
    """
    n_classes = probabilities.shape[1]
    self_confidence = probabilities[np.arange(len(y)), y]
    rows = np.bincount(y, minlength=n_classes)
    sums = np.bincount(y, self_confidence, minlength=n_classes)
    few = rows < LEAST_ROWS
    mean = self_confidence.mean() if len(y) else 1.0
    thresholds = np.where(few, mean, sums / np.maximum(rows, 1))
    passing = np.where(probabilities >= thresholds - SLACK, probabilities, -1.0)
    meant = np.where(passing.max(axis=1) < 0, -1, passing.argmax(axis=1))
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (y[meant >= 0], meant[meant >= 0]), 1)
    return ConfidentJoint(meant, counts)


@dataclass(frozen=True)
class HeldAnswers:
    """Answers of a version to labelled rows that it was not fitted to.

    y: codes ``(n,)`` of the labels in ``classes``; probabilities: ``(n, classes)``.
    """

    classes: list[str]
    ids: list[str]
    y: np.ndarray
    probabilities: np.ndarray

    @cached_property
    def joint(self) -> ConfidentJoint:
        """The class that each row is confidently taken for, and the counts by class."""
        return confident_joint(self.probabilities, self.y)

    @cached_property
    def suspected(self) -> np.ndarray:
        """Numbers of rows that are confidently taken for another class than that of their label,
        the least probable label first."""
        meant = self.joint.meant
        rows = np.flatnonzero((meant >= 0) & (meant != self.y))
        return rows[np.argsort(self.probabilities[rows, self.y[rows]], kind="stable")]

    @property
    def unlikely(self) -> np.ndarray:
        """Numbers of rows that are no suspects, but whose label is not the most probable class."""
        rows = np.flatnonzero(self.probabilities.argmax(axis=1) != self.y)
        return np.setdiff1d(rows, self.suspected)

    @property
    def taken_for(self) -> dict[str, dict[str, int]]:
        """Numbers of suspects by the class of their label, then by the class they are taken for."""
        counts = self.joint.counts - np.diag(np.diag(self.joint.counts))
        return {
            self.classes[code]: {self.classes[k]: int(counts[code, k]) for k in np.flatnonzero(row)}
            for code, row in enumerate(counts)
            if row.any()
        }


def held_answers(model: Model) -> HeldAnswers:
    """Return a version's answers to rows held back in training and to its test rows."""
    classes = list(model.manifest["classes"])
    table = pa.concat_tables(
        read_table(model.root, model.path(file), COLUMNS) for file in (HELD, ANSWERS)
    )
    codes = pc.fill_null(pc.index_in(table["label"], pa.array(classes, pa.string())), -1)
    table, y = table.filter(pc.greater_equal(codes, 0)), codes.to_numpy()
    probabilities = pc.list_flatten(table["probabilities"]).to_numpy()
    return HeldAnswers(
        classes,
        table["series_id"].to_pylist(),
        y[y >= 0],
        probabilities.reshape(len(table), len(classes)),
    )
