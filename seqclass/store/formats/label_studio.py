"""Reader of Label Studio's exports: the labels that people chose, with who and when."""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pyarrow as pa

from seqclass.store.formats.parquet import BATCH_ROWS
from seqclass.store.formats.table import Limits, refusal
from seqclass.store.root import printable

LABEL = "label"
"""Name of the choice in the configuration, and of the label in a short export (JSON-MIN)."""
COLUMNS = pa.schema(dict.fromkeys(("series_id", "label", "by", "at"), pa.string()))


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
        yield pa.Table.from_pylist(rows, COLUMNS)


def _parsed_bytes(content: bytes) -> int:
    """Return how much memory JSON takes at most, its text included, when it is parsed."""
    brackets = content.count(b"{") + content.count(b"[")
    marks = content.count(b",") + content.count(b'"')
    return len(content) * (2 if content.isascii() else 5) + 240 * brackets + 48 * marks


def _answers(path: str, tasks: list[dict[str, Any]]) -> Iterator[dict[str, str | None]]:
    for task in tasks:
        if "annotations" in task and isinstance(task.get("data"), dict):
            given = [own for own in _listed(path, task["annotations"]) if not _is_skipped(own)]
            for own in given:
                for label in _labels(path, own):
                    yield _answer(path, task["data"].get("series_id"), label, own)
        elif label := task.get(LABEL):
            own = {**task, "completed_by": task.get("annotator")}
            yield _answer(path, task.get("series_id"), label, own)


def _listed(path: str, found: object) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(own, dict) for own in found):
        raise refusal(
            path, "the JSON that Label Studio exports", "no list of objects", "export it again"
        )
    return found


def _is_skipped(annotation: Mapping[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled"))


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
        known = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return known.astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return None
