"""Rows of a model's dataset whose labels its own held-back answers doubt."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from seqclass.monitoring.confident_joint import ConfidentJoint, confident_joint, suspects
from seqclass.store.models import ANSWERS, HELD, Model

COLUMNS = ["series_id", "label", "probabilities"]


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
        rows = np.flatnonzero(suspects(self.joint, self.y))
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
            self.classes[own]: {self.classes[k]: int(counts[own, k]) for k in np.flatnonzero(row)}
            for own, row in enumerate(counts)
            if row.any()
        }


def held_answers(model: Model) -> HeldAnswers:
    """Return a version's answers to rows held back in training and to its test rows.

    Versions of older releases keep those to test rows alone, or none.
    """
    classes, empty = list(model.manifest["classes"]), pa.schema(
        {"series_id": pa.string(), "label": pa.string(), "probabilities": pa.list_(pa.float32())}
    ).empty_table()  # fmt: skip
    read = (_read(model, artifact) for artifact in (HELD, ANSWERS))
    found = [own for own in read if own is not None]
    table = pa.concat_tables([empty, *found])
    codes = pc.fill_null(pc.index_in(table["label"], pa.array(classes, pa.string())), -1)
    table, y = table.filter(pc.greater_equal(codes, 0)), codes.to_numpy()
    probabilities = pc.list_flatten(table["probabilities"]).to_numpy()
    return HeldAnswers(
        classes,
        table["series_id"].to_pylist(),
        y[y >= 0],
        probabilities.reshape(len(table), len(classes)),
    )


def _read(model: Model, artifact: str) -> pa.Table | None:
    """Return answers of a version; None of one whose release kept them without probabilities."""
    if not model.has(artifact):
        return None
    with model.root.fs.open(model.path(artifact), "rb") as file, pq.ParquetFile(file) as parquet:
        if not set(COLUMNS) <= set(parquet.schema_arrow.names):
            return None
        return parquet.read(COLUMNS, use_threads=False)
