"""Labels that people gave: read from a table of ids or from Label Studio's export, and checked."""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa

from seqclass.inference.partitions import read_labels
from seqclass.labelling.sheets import LABEL
from seqclass.store.formats import Limits
from seqclass.store.root import irregular, printable

ENDINGS = (".csv", ".parquet", ".json")
MAX_BYTES = 2**28
"""Bytes of an export, which is parsed whole."""
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
    if ending == ".json":
        found = _from_export(path, by, now)
    else:
        rows = read_labels(path, limits, "ANSWERS").to_pylist()
        at = now.isoformat()
        found = [Answer(row["series_id"] or "", row["label"], by, at) for row in rows]
    if not found:
        raise ValueError(
            f"ANSWERS: expected at least one label, {path!r} has none; fill in the column 'label'"
        )
    return found


def _from_export(path: str, by: str, now: datetime) -> list[Answer]:
    known: dict[str, Answer] = {}
    for own in _exported(path, by, now):
        before = known.setdefault(own.series_id, own)
        if before.label != own.label:
            raise ValueError(
                f"ANSWERS: expected one label for every series, {path!r} gives "
                f"{printable(own.series_id)!r} {printable(before.label)!r} and "
                f"{printable(own.label)!r}; correct the file"
            )
    return list(known.values())


def _exported(path: str, by: str, now: datetime) -> Iterator[Answer]:
    for task in _tasks(path):
        if "annotations" in task and isinstance(task.get("data"), dict):
            given = [own for own in _listed(path, task["annotations"]) if not _is_skipped(own)]
            for own in given:
                for label in _labels(path, own):
                    yield _answer(path, task["data"].get("series_id"), label, _who(own, by, now))
        elif label := task.get(LABEL):
            said = {**task, "completed_by": task.get("annotator")}
            yield _answer(path, task.get("series_id"), label, _who(said, by, now))


def _tasks(path: str) -> list[dict[str, Any]]:
    """Return the tasks of an export; ValueError for anything else."""
    try:
        with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
            if kind := irregular(os.fstat(file.fileno()).st_mode):
                raise ValueError(f"{kind} instead of a regular file")
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        return _listed(path, json.loads(content))
    except OSError as error:
        raise ValueError(
            f"ANSWERS: expected an existing file, got {path!r} ({error.strerror}); check the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"ANSWERS: expected the JSON that Label Studio exports, got {path!r} "
            f"({printable(str(error))}); export it again"
        ) from error


def _listed(path: str, found: object) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(own, dict) for own in found):
        raise ValueError(f"{path}: no list of objects")
    return found


def _is_skipped(annotation: Mapping[str, Any]) -> bool:
    return bool(annotation.get("was_cancelled"))


def _labels(path: str, annotation: Mapping[str, Any]) -> Iterator[object]:
    for result in _listed(path, annotation.get("result") or []):
        value = result.get("value")
        if isinstance(value, dict) and isinstance(value.get("choices"), list):
            yield from value["choices"]


def _answer(path: str, name: object, label: object, who: tuple[str, str]) -> Answer:
    if not isinstance(name, str) or not isinstance(label, str) or not name or not label:
        raise ValueError(
            f"ANSWERS: expected a series_id and a label as text in every answered task, {path!r} "
            f"has {printable(repr(name), 80)} and {printable(repr(label), 80)}; correct the file"
        )
    return Answer(name, label, *who)


def _who(annotation: Mapping[str, Any], by: str, now: datetime) -> tuple[str, str]:
    """Return who gave a label and when, as the export says it."""
    person = annotation.get("completed_by")
    if isinstance(person, dict):
        person = person.get("email") or person.get("id")
    at = annotation.get("updated_at") or annotation.get("created_at")
    return by if person is None else printable(str(person), 200), _time(at, now)


def _time(text: object, now: datetime) -> str:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return now.isoformat()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


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
