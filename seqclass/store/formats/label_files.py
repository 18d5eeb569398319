"""Reader of files of labels: ids and their labels as CSV or Parquet, or Label Studio's export."""

import csv
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from seqclass.store.formats import refusing
from seqclass.store.formats.delimited import BLOCK_BYTES, check_header, csv_fault
from seqclass.store.formats.dialect import DELIMITERS, SAMPLE_BYTES, zeros_refusal
from seqclass.store.formats.parquet import BATCH_ROWS, check_parquet, decoded, is_text
from seqclass.store.formats.table import ColumnNames, Limits, refusal, renamed
from seqclass.store.root import printable
from seqclass.store.rows import MAX_TEXT_BYTES

NEEDED = ["series_id", "label"]
MAX_BYTES = MAX_TEXT_BYTES + 1
"""Most bytes of an id or label; a sheet puts an apostrophe before some."""
COLUMNS = pa.schema(dict.fromkeys(NEEDED, pa.string()))
LABEL = "label"
"""Name of the choice in the configuration, and of the label in a short export (JSON-MIN)."""
UNANSWERED = "?"
"""What a CSV of questions holds in place of a label."""
EXPORT_COLUMNS = pa.schema(dict.fromkeys(("series_id", "label", "by", "at"), pa.string()))


def read_label_file(path: str, limits: Limits) -> Iterator[pa.Table]:
    """Yield ``series_id`` and ``label`` as text, each id once; of an export ``by`` and ``at`` too.

    Rows without a label, and those with ``?``, are left out.
    """
    with refusing(path):
        tables = READERS.get(os.path.splitext(path)[1].lower(), _read_csv)(path, limits)
        pairs = (_checked(path, _distinct(table)) for table in tables)
        none = COLUMNS.empty_table()
        labels = _distinct(pa.concat_tables([none, *pairs], promote_options="default"))
        limits.check(path, "series", len(labels))
        _refuse_two_labels(path, labels)
        for start in range(0, max(len(labels), 1), BATCH_ROWS):
            yield labels.slice(start, BATCH_ROWS)


def _distinct(table: pa.Table) -> pa.Table:
    """Return the first row of each pair of id and label, in order."""
    labelled = table.filter(pc.not_equal(table["label"], ""))
    numbered = labelled.select(NEEDED).append_column("row", pa.array(np.arange(len(labelled))))
    first = numbered.group_by(NEEDED, use_threads=False).aggregate([("row", "min")])["row_min"]
    return labelled.take(np.sort(first.to_numpy()))


def _checked(path: str, table: pa.Table) -> pa.Table:
    for name in NEEDED:
        longest = pc.max(pc.binary_length(table[name])).as_py() or 0
        if longest > MAX_BYTES:
            raise refusal(
                path, f"texts of at most {MAX_BYTES:,} bytes in column {name!r}", f"{longest:,}",
                "shorten them",
            )  # fmt: skip
    _refuse_two_labels(path, table)
    return table


def _refuse_two_labels(path: str, labels: pa.Table) -> None:
    if pc.count_distinct(labels["series_id"], mode="all").as_py() == len(labels):
        return
    seen: dict[str | None, str] = {}
    for name, label in zip(
        labels["series_id"].to_pylist(), labels["label"].to_pylist(), strict=True
    ):
        if (other := seen.setdefault(name, label)) != label:
            both = f"{other!r} and {label!r} for {name!r}"
            raise refusal(path, "one label for every series", both, "correct the file")


def _read_csv(path: str, limits: Limits) -> Iterator[pa.Table]:
    """Yield ids and labels of a table in UTF-8, whatever separates its columns."""
    check_header(path, limits)
    with open(path, "rb") as file:
        if b"\0" in (content := file.read(SAMPLE_BYTES)):
            raise zeros_refusal(path, content)
    reading = pa.csv.ReadOptions(block_size=BLOCK_BYTES)
    texts = dict.fromkeys(NEEDED, pa.string())
    options = pa.csv.ConvertOptions(include_columns=NEEDED, column_types=texts)
    try:
        parsing = pa.csv.ParseOptions(delimiter=_delimiter(path))
        for batch in pa.csv.open_csv(path, reading, parsing, options):
            yield renamed(path, _answered(pa.Table.from_batches([batch])), ColumnNames())
    except (pa.ArrowInvalid, csv.Error) as error:
        reason = csv_fault(error)
        cure = "correct the file, or save it as UTF-8"
        raise refusal(path, "a CSV table in UTF-8", reason, cure) from error


def _delimiter(path: str) -> str:
    """Return the sign by which the header has both columns."""
    headers = {sign: _header(path, sign) for sign in DELIMITERS}
    sign = next((sign for sign, header in headers.items() if {*NEEDED} <= {*header}), DELIMITERS[0])
    _check_names(path, headers[sign])
    return sign


def _header(path: str, sign: str) -> list[str]:
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        return next(csv.reader(file, delimiter=sign), [])


def _read_parquet(path: str, limits: Limits) -> Iterator[pa.Table]:
    """Yield ids and labels; texts are decoded once for each pair in a batch."""
    check_parquet(path, limits)
    schema = pq.read_schema(path)
    _check_names(path, schema.names)
    renamed(path, schema.empty_table().select(NEEDED), ColumnNames())
    texts = [name for name in NEEDED if is_text(schema.field(name).type)]
    with pq.ParquetFile(path, read_dictionary=texts) as parquet:
        batches = map(_pairs, parquet.iter_batches(BATCH_ROWS, columns=NEEDED))
        for table in decoded(path, batches, limits):
            yield renamed(path, _answered(table), ColumnNames())


def _answered(table: pa.Table) -> pa.Table:
    """Leave out rows with the sign for no answer."""
    if not pa.types.is_string(table.schema.field(LABEL).type):
        return table
    return table.filter(pc.not_equal(table[LABEL], UNANSWERED))


def _pairs(batch: pa.RecordBatch) -> pa.RecordBatch:
    rows = pa.Table.from_batches([batch]).group_by(NEEDED, use_threads=False).aggregate([])
    return rows.combine_chunks().to_batches()[0]


def _check_names(path: str, present: list[str]) -> None:
    if any(present.count(name) != 1 for name in NEEDED):
        raise refusal(
            path, "the columns series_id and label, each once",
            ", ".join(map(repr, present)) or "none", "rename the columns",
        )  # fmt: skip


def read_export(path: str, limits: Limits) -> Iterator[pa.Table]:
    """Yield tables of the labels in an export; ``by`` and ``at`` (ISO 8601) may be null."""
    limits.check(path, "whole_bytes", os.path.getsize(path))
    with open(path, "rb") as file:
        content = file.read()
    if _parsed_bytes(content) > limits.memory_bytes * 7 // 8:
        raise MemoryError
    try:
        tasks = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise refusal(
            path, "the JSON that Label Studio exports", str(error), "export it again"
        ) from error
    answers = _answers(path, _listed(path, tasks))
    while rows := list(islice(answers, BATCH_ROWS)):
        yield pa.Table.from_pylist(rows, EXPORT_COLUMNS)


def _parsed_bytes(content: bytes) -> int:
    """Return how much memory JSON takes at most, its text included, when it is parsed."""
    brackets = content.count(b"{") + content.count(b"[")
    marks = content.count(b",") + content.count(b'"')
    return len(content) * (2 if content.isascii() else 5) + 240 * brackets + 48 * marks


def _answers(path: str, tasks: list[dict[str, Any]]) -> Iterator[dict[str, str | None]]:
    for task in tasks:
        if "annotations" in task and isinstance(task.get("data"), dict):
            for annotation in _listed(path, task["annotations"]):
                if annotation.get("was_cancelled"):
                    continue
                for label in _labels(path, annotation):
                    yield _answer(path, task["data"].get("series_id"), label, annotation)
        elif label := task.get(LABEL):
            annotation = {**task, "completed_by": task.get("annotator")}
            yield _answer(path, task.get("series_id"), label, annotation)


def _listed(path: str, value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise refusal(
            path, "the JSON that Label Studio exports", "no list of objects", "export it again"
        )
    return value


def _labels(path: str, annotation: Mapping[str, Any]) -> Iterator[object]:
    for result in _listed(path, annotation.get("result") or []):
        value = result.get("value")
        if isinstance(value, dict) and isinstance(value.get("choices"), list):
            yield from value["choices"]


def _answer(
    path: str, name: object, label: object, annotation: Mapping[str, Any]
) -> dict[str, str | None]:
    if not isinstance(name, str) or not isinstance(label, str) or not name or not label:
        raise refusal(
            path, "a series_id and a label as text in every answered task",
            f"{printable(repr(name), 80)} and {printable(repr(label), 80)}", "correct the file",
        )  # fmt: skip
    return {"series_id": name, "label": label, "by": _person(annotation), "at": _time(annotation)}


def _person(annotation: Mapping[str, Any]) -> str | None:
    """Return who gave a label, as the export says it."""
    person = annotation.get("completed_by")
    if isinstance(person, dict):
        person = person.get("email") or person.get("id")
    return None if person is None else printable(str(person), 200)


def _time(annotation: Mapping[str, Any]) -> str | None:
    try:
        moment = datetime.fromisoformat(
            str(annotation.get("updated_at") or annotation.get("created_at"))
        )
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None


READERS: dict[str, Callable[[str, Limits], Iterator[pa.Table]]] = {
    ".parquet": _read_parquet,
    ".json": read_export,
}
"""Readers by ending; every other file is read as CSV."""
