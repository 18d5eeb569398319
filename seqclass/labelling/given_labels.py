"""Labels that people gave: read from a table of ids or from Label Studio's export, and checked."""

import os
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa

from seqclass.inference.partitions import read_labels
from seqclass.store.formats import Limits
from seqclass.store.root import printable

ENDINGS = (".csv", ".parquet", ".json")
COLUMNS = pa.schema({
    "series_id": pa.string(), "label": pa.string(), "before": pa.string(), "by": pa.string(),
    "at": pa.string(),
})  # fmt: skip
"""Columns of ``answers.parquet``; before: the label until then."""


class Answer(NamedTuple):
    """A person's label of a series; at: when it was given (ISO 8601)."""

    series_id: str
    label: str
    by: str
    at: str


def read_answers(path: str, by: str, now: datetime, limits: Limits) -> list[Answer]:
    """Return the labels in a file, each id once; rows without a label are left out.

    by, now: who gave the labels and when, where the file does not say so.
    """
    ending = os.path.splitext(path)[1].lower()
    if ending not in ENDINGS:
        raise ValueError(
            f"ANSWERS: expected a file ending in {', '.join(ENDINGS)}, got {path!r}; rename it"
        )
    at = now.isoformat()
    found = [
        Answer(row["series_id"] or "", row["label"], row.get("by") or by, row.get("at") or at)
        for row in read_labels(path, limits, "ANSWERS").to_pylist()
    ]
    if not found:
        raise ValueError(
            f"ANSWERS: expected at least one label, {path!r} has none; fill in the column 'label'"
        )
    return found


def check_answers(
    answers: Iterable[Answer], known: Collection[str], classes: Collection[str]
) -> list[Answer]:
    """Return the answers; ValueError for an id that nobody was asked about, or another class.

    An apostrophe that the CSV has put before an id is taken off.
    """
    found = [
        own._replace(series_id=own.series_id[1:])
        if own.series_id not in known and own.series_id[:1] == "'"
        else own
        for own in answers
    ]
    strange = [own.series_id for own in found if own.series_id not in known]
    if strange:
        raise ValueError(
            "ANSWERS: expected ids of the dataset or of a queue, got "
            f"{printable(strange[0])!r} ({len(strange)} of {len(found)}); correct them, "
            "or import the series of the others"
        )
    others = sorted({own.label for own in found} - set(classes))
    if others:
        raise ValueError(
            f"ANSWERS: expected labels out of {', '.join(sorted(classes))}, got "
            f"{printable(others[0])!r}; correct them, or import series of a new class first"
        )
    return found
