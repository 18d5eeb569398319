"""Labels that people gave: read, checked, and taken into a dataset with who gave them and when."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import pyarrow as pa
from typing_extensions import TypedDict

from seqclass.inference.partitions import labels_in_file
from seqclass.labelling.sheets import inert
from seqclass.store.datasets import (
    Dataset,
    Provenance,
    became_newest,
    on_newest,
    open_dataset,
    write_rows,
)
from seqclass.store.formats import Limits
from seqclass.store.log import Turn, actor, in_turn, read_log
from seqclass.store.manifests import ImportSummary, known_dataset, reading_of
from seqclass.store.models import Model
from seqclass.store.queues import write_labels
from seqclass.store.references import DatasetRef
from seqclass.store.registry import MoveReason, write_remark
from seqclass.store.root import printable

ENDINGS = (".csv", ".parquet", ".json")
COLUMNS = pa.schema({
    "series_id": pa.string(), "label": pa.string(), "before": pa.string(), "by": pa.string(),
    "at": pa.string(),
})  # fmt: skip
"""Columns of ``answers.parquet``; before: the label until then."""
DIGITS, LABELLED = 16, "label"
CLOCKS_DIFFER = timedelta(minutes=5)
"""How far the clock of the machine on which people label may be ahead."""


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
    answers = [
        Answer(row["series_id"] or "", row["label"], row.get("by") or by, row.get("at") or at)
        for row in labels_in_file(path, limits, "ANSWERS").to_pylist()
    ]
    if not answers:
        raise ValueError(
            f"ANSWERS: expected at least one label, {path!r} has none; fill in the column 'label'"
        )
    latest = max(answers, key=lambda answer: datetime.fromisoformat(answer.at))
    if datetime.fromisoformat(latest.at) > now + CLOCKS_DIFFER:
        raise ValueError(
            f"ANSWERS: expected labels given until now, {at}, got one of {latest.at} for "
            f"{printable(latest.series_id)!r}; correct its time, or this machine's clock"
        )
    return answers


def check_answers(
    answers: Iterable[Answer], ids: Collection[str], classes: Collection[str]
) -> list[Answer]:
    """Return the answers, each series once; ValueError for an id that the dataset lacks, for
    another class, or for a series with two labels.

    An apostrophe that the CSV has put before an id is taken off.
    """
    meant: dict[str, Answer] = {}
    for answer in answers:
        answer = answer._replace(series_id=_id_meant(answer.series_id, ids))
        label = meant.setdefault(answer.series_id, answer).label
        if label != answer.label:
            raise ValueError(
                f"ANSWERS: expected one label for every series, got {printable(label)!r} and "
                f"{printable(answer.label)!r} for {printable(answer.series_id)!r}; correct the file"
            )
    strange = [series_id for series_id in meant if series_id not in ids]
    if strange:
        raise ValueError(
            "ANSWERS: expected ids of the dataset, got "
            f"{printable(strange[0])!r} ({len(strange)} of {len(meant)}); correct them, "
            "or import the series of the others"
        )
    others = sorted({answer.label for answer in meant.values()} - set(classes))
    if others:
        raise ValueError(
            f"ANSWERS: expected labels out of {', '.join(sorted(classes))}, got "
            f"{printable(others[0])!r}; correct them, or import series of a new class first"
        )
    return list(meant.values())


def _id_meant(series_id: str, ids: Collection[str]) -> str:
    """Return the id that a file means; ValueError if it may be two ids."""
    bare = series_id.removeprefix("'")
    if bare == series_id or bare not in ids:
        return series_id
    if series_id not in ids:
        return bare
    if inert(bare) == series_id:
        raise ValueError(
            f"ANSWERS: expected an id of one series, got {printable(series_id)!r}, which is a "
            f"series and how the CSV writes {printable(bare)!r}; rename one of them and import "
            "both again"
        )
    return series_id


@dataclass(frozen=True)
class LabelsSpec:
    """A file of labels: ``series_id`` and ``label`` as CSV or Parquet, or Label Studio's export.

    by: who gave them, where the file does not say so; the account by default.
    limits: bounds on what a file may hold.
    """

    path: str
    by: str | None = None
    limits: Limits = field(default_factory=Limits)


class Relabelled(TypedDict):
    """The outcome of taking labels in: the numbers of those that changed the newest dataset, and
    that confirmed it."""

    model: str
    dataset: str
    parent: str
    changed: int
    confirmed: int


class Given(NamedTuple):
    """Checked answers, the digest of their file, and the dataset that they correct with its labels
    by id."""

    answers: list[Answer]
    digest: str
    newest: Dataset
    before: dict[str, str | None]


def take_in(model: Model, spec: LabelsSpec, now: datetime) -> Relabelled:
    """Correct labels in a new version of the model's dataset."""
    return on_newest(lambda: _take_in(model, spec, now))


def _take_in(model: Model, spec: LabelsSpec, now: datetime) -> Relabelled:
    given = read_given(model, spec, now)
    confirmed = sum(given.before[answer.series_id] == answer.label for answer in given.answers)
    dataset = given.newest
    outcome: Relabelled = {
        "model": model.ref,
        "dataset": dataset.ref,
        "parent": dataset.ref,
        "changed": len(given.answers) - confirmed,
        "confirmed": confirmed,
    }
    if outcome["changed"]:
        dataset = _write(given, spec)
        outcome["dataset"] = dataset.ref
    key = _key(given.digest, dataset)
    _record(model, given, outcome, key, now)
    return outcome


def dataset_name(model: Model) -> str:
    """Return the name of the dataset that a model learns from."""
    return DatasetRef.parse(known_dataset(model.manifest)).name


def words_of(outcome: Relabelled) -> str:
    """Say in a line what became of labels."""
    return f"labels changed: {outcome['changed']}, confirmed: {outcome['confirmed']}"


def read_given(model: Model, spec: LabelsSpec, now: datetime) -> Given:
    """Read and check a file of labels; ValueError for one that can't be taken in whole."""
    answers = read_answers(spec.path, spec.by or actor(), now, spec.limits)
    with open(spec.path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    newest = open_dataset(model.root, dataset_name(model))
    table = newest.labels()
    pairs = zip(table["series_id"].to_pylist(), table["label"].to_pylist(), strict=True)
    before = dict(pairs)
    classes = {*newest.manifest["classes"], *model.manifest["classes"]}
    return Given(check_answers(answers, before, classes), digest, newest, before)


def _key(digest: str, dataset: Dataset) -> str:
    """Return the name of a record: it is another one for each file, and for each time at which the
    version became the newest."""
    event = f"{digest} {dataset.ref} {became_newest(dataset).isoformat()}"
    return hashlib.sha256(event.encode()).hexdigest()[:DIGITS]


def _write(given: Given, spec: LabelsSpec) -> Dataset:
    """Write the rows with their new labels as the newest version."""
    parent = given.newest
    labels = {answer.series_id: answer.label for answer in given.answers}
    remarks = ImportSummary(parents=[parent.ref], reading=reading_of(parent.manifest))
    source = {"labels": {"path": spec.path, "sha256": given.digest, "of": len(labels)}}
    every = _relabelled(parent.tables(), labels)
    provenance = Provenance(source, remarks=lambda: remarks)
    return write_rows(parent.root, parent.manifest["name"], every, provenance)


def _relabelled(tables: Iterator[pa.Table], labels: Mapping[str, str]) -> Iterator[pa.Table]:
    for table in tables:
        pairs = zip(table["series_id"].to_pylist(), table["label"].to_pylist(), strict=True)
        new = pa.array([labels.get(series_id, label) for series_id, label in pairs], pa.string())
        yield table.set_column(table.column_names.index("label"), "label", new)


def _record(model: Model, given: Given, outcome: Relabelled, key: str, now: datetime) -> None:
    """Leave an entry in the model's log, and keep the answers, both once for each key."""
    root = model.root
    people = sorted({answer.by for answer in given.answers})
    evidence = {"by": "hand", "answers": key, "people": people[:20], **outcome}

    def write(turn: Turn) -> None:
        remarks = (entry for entry in read_log(root, model.name) if entry["what"] == LABELLED)
        if not any(entry["evidence"].get("answers") == key for entry in remarks):
            grounds = MoveReason(actor(), f"labels taken in: {words_of(outcome)}", evidence)
            write_remark(turn, LABELLED, grounds)

    in_turn(root, model.name, write)
    rows = [{**a._asdict(), "before": given.before.get(a.series_id)} for a in given.answers]
    table = pa.Table.from_pylist(rows, COLUMNS)
    write_labels(root, (model.name, key), table, {**outcome, "sha256": given.digest}, now)
