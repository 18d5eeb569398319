"""The queue of a model: at most so many questions, no two about series that are alike."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.labelling.doubtful_rows import RowQuestion, questions_of, sources_of
from seqclass.store.datasets import Dataset
from seqclass.store.models import Model
from seqclass.store.queues import write_queue
from seqclass.store.root import Damages

CANDIDATES = 4
"""Questions that are looked at for each that is asked, since some are about series alike."""
POINTS = 32
"""Points of each channel at which series are compared."""
ALIKE = 0.05
"""Distance of two series, in standard deviations of their channels, below which they are alike."""
COLUMNS = pa.schema({
    "series_id": pa.string(), "why": pa.string(), "sureness": pa.float64(), "label": pa.string(),
    "answer": pa.string(), "probability": pa.float64(), "nearest": pa.string(),
})  # fmt: skip
"""Columns of ``questions.parquet``."""


@dataclass(frozen=True)
class Queue:
    """Questions, the least sure first, and their series, a row each in the same order.

    classes: what a person may answer. left: how many other rows are worth a question.
    """

    model: str
    dataset: str
    classes: list[str]
    channels: list[str]
    questions: list[RowQuestion]
    series: pa.Table
    left: int

    @property
    def reasons(self) -> dict[str, int]:
        """Numbers of questions by the kind of their reason."""
        return dict(Counter(question.why.partition(":")[0] for question in self.questions))


def queue_of(model: Model, limit: int, again: bool, bad: Damages) -> Queue:
    """Return the first questions about a version, no two of them about series that are alike.

    Nothing is stored.
    """
    sources = sources_of(model, bad)
    dataset, candidates = sources.newest, questions_of(sources, again, bad)
    series, looked_at = series_of(dataset, []), 0
    while len(series) < limit and looked_at < len(candidates):
        some = candidates[looked_at : looked_at + CANDIDATES * limit]
        looked_at += len(some)
        series = pa.concat_tables([series, series_of(dataset, some)]).combine_chunks()
        series = series.take(pa.array(apart(series, dataset.channels)))
    series = series.slice(0, limit)
    asked = set(series["series_id"].to_pylist())
    questions = [question for question in candidates if question.series_id in asked]
    classes = sorted({*dataset.manifest["classes"], *model.manifest["classes"]})
    left = len(candidates) - len(questions)
    return Queue(model.ref, dataset.ref, classes, dataset.channels, questions, series, left)


def series_of(dataset: Dataset, questions: list[RowQuestion]) -> pa.Table:
    """Return the series of the questions, in their order."""
    ids = pa.array([question.series_id for question in questions], pa.string())
    tables = (table.filter(pc.is_in(table["series_id"], ids)) for table in dataset.tables())
    series = pa.concat_tables(tables)
    return series.take(pc.index_in(ids, series["series_id"].combine_chunks()))


def apart(table: pa.Table, channels: list[str]) -> np.ndarray:
    """Return numbers of rows, ascending, no two of which are alike; of several the first stays.

    Series are compared by the root mean square of their differences at ``POINTS`` points of each
    channel, in units of the channel's standard deviation; lengths do not count.
    """
    shapes = _shapes(table, channels)
    kept = list[int]()
    for row, shape in enumerate(shapes):
        far = ((shapes[kept] - shape) ** 2).mean(axis=1) >= ALIKE**2
        if far.all():
            kept.append(row)
    return np.array(kept, dtype=np.int64)


def _shapes(table: pa.Table, channels: list[str]) -> np.ndarray:
    """Return ``(n, channels x points)``; a missing value is interpolated, a missing channel 0."""
    shapes = np.zeros((len(table), len(channels), POINTS))
    for k, name in enumerate(channels):
        for row, cell in enumerate(table[name]):
            values = cell.values.to_numpy(zero_copy_only=False)
            seen = np.flatnonzero(np.isfinite(values))
            if len(seen):
                places = np.linspace(0, len(values) - 1, POINTS)
                shapes[row, k] = np.interp(places, seen, values[seen].astype(np.float64))
        shapes[:, k] /= shapes[:, k].std() or 1.0
    return shapes.reshape(len(table), len(channels) * POINTS)


def keep_queue(model: Model, queue: Queue, now: datetime) -> None:
    """Store what is asked, so that it is not asked again."""
    rows = [
        {
            "series_id": question.series_id,
            "why": question.why,
            "sureness": question.sureness,
            "label": question.label,
            "answer": question.stored.answer if question.stored else None,
            "probability": question.stored.probability if question.stored else None,
            "nearest": question.stored.nearest if question.stored else None,
        }
        for question in queue.questions
    ]
    description = {"model": queue.model, "dataset": queue.dataset, "reasons": queue.reasons}
    write_queue(model.root, model.name, pa.Table.from_pylist(rows, COLUMNS), description, now)


def check_limit(limit: int) -> int:
    """Return the number of questions, which must be at least one."""
    if limit < 1:
        raise ValueError(f"--limit: expected a number from 1 on, got {limit}; correct it")
    return limit
