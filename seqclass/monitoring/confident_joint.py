"""Labels that a model's own held-back rows doubt: the confident joint of given and meant classes.

Northcutt, Jiang and Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels".
"""

from typing import NamedTuple

import numpy as np

LEAST_ROWS = 5
"""Rows of a class below which its own mean confidence is too uncertain to be its threshold."""
SLACK = 1e-6
"""A class whose rows are all equally sure passes its own mean, whatever the rounding."""


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
    own = probabilities[np.arange(len(y)), y]
    rows = np.bincount(y, minlength=n_classes)
    sums = np.bincount(y, own, minlength=n_classes)
    few = rows < LEAST_ROWS
    thresholds = np.where(few, own.mean() if len(y) else 1.0, sums / np.maximum(rows, 1))
    passing = np.where(probabilities >= thresholds - SLACK, probabilities, -1.0)
    meant = np.where(passing.max(axis=1) < 0, -1, passing.argmax(axis=1))
    counts = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(counts, (y[meant >= 0], meant[meant >= 0]), 1)
    return ConfidentJoint(meant, counts)


def suspects(joint: ConfidentJoint, y: np.ndarray) -> np.ndarray:
    """Return a mask ``(n,)`` of rows that are confidently taken for another class."""
    return (joint.meant >= 0) & (joint.meant != y)
