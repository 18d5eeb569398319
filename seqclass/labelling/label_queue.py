"""The queue of a model: at most so many questions, no two about series that are alike."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from seqclass.labelling.doubtful_rows import Question, Sources, questions_of, sources_of
from seqclass.labelling.queued_series import apart, series_of
from seqclass.store.models import Model
from seqclass.store.queues import write_queue
from seqclass.store.root import Damages

CANDIDATES = 4
"""Questions that are looked at for each that is asked, since some are about series alike."""
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
    questions: list[Question]
    series: pa.Table
    left: int

    @property
    def reasons(self) -> dict[str, int]:
        """Numbers of questions by the kind of their reason."""
        return dict(Counter(own.why.partition(":")[0] for own in self.questions))


def queue_of(model: Model, limit: int, again: bool, bad: Damages) -> Queue:
    """Return the queue of a version; nothing is stored."""
    sources = sources_of(model, bad)
    asked = questions_of(sources, again, bad)
    chosen, series = _chosen(sources, asked, limit, bad)
    classes = sorted({*sources.newest.manifest["classes"], *model.manifest["classes"]})
    return Queue(
        model.ref,
        sources.newest.ref,
        classes,
        sources.newest.channels,
        chosen,
        series,
        len(asked) - len(chosen),
    )


def _chosen(
    sources: Sources, asked: list[Question], limit: int, bad: Damages
) -> tuple[list[Question], pa.Table]:
    """Return the first questions whose series are there, no two of them alike."""
    series = series_of(sources.newest, [], bad)
    looked_at = 0
    while len(series) < limit and looked_at < len(asked):
        some = asked[looked_at : looked_at + CANDIDATES * limit]
        looked_at += len(some)
        series = pa.concat_tables([series, series_of(sources.newest, some, bad)]).combine_chunks()
        series = series.take(pa.array(apart(series, sources.newest.channels)))
    rows = {name: k for k, name in enumerate(series["series_id"].to_pylist()[:limit])}
    return [own for own in asked if own.series_id in rows], series.slice(0, limit)


def keep_queue(model: Model, queue: Queue, now: datetime) -> str:
    """Store what is asked, so that it is not asked again; returns the folder."""
    rows = [
        {
            "series_id": own.series_id,
            "why": own.why,
            "sureness": own.sureness,
            "label": own.label,
            "answer": own.known.answer if own.known else None,
            "probability": own.known.probability if own.known else None,
            "nearest": own.known.nearest if own.known else None,
        }
        for own in queue.questions
    ]
    description = {"model": queue.model, "dataset": queue.dataset, "reasons": queue.reasons}
    tables = pa.Table.from_pylist(rows, COLUMNS), queue.series
    return write_queue(model.root, model.name, tables, description, now)


def check_limit(limit: int) -> int:
    """Return the number of questions, which must be at least one."""
    if limit < 1:
        raise ValueError(f"--limit: expected a number from 1 on, got {limit}; correct it")
    return limit
