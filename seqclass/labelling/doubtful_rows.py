"""Rows of a dataset that a person should label: their model did not know them, or doubts their
label."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.labelling.suspects import held_answers
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.manifests import known_dataset
from seqclass.store.models import ANSWERS, Model
from seqclass.store.queues import read_labels, read_queued
from seqclass.store.references import DatasetRef
from seqclass.store.retrainings import retrainings_of, suspect_labels
from seqclass.store.root import DamagedError, Damages, note
from seqclass.store.scores import ScoreSet, score_folders
from seqclass.store.tables import read_table


class StoredAnswer(NamedTuple):
    """A stored answer: class, probability, and the id of the nearest training series."""

    answer: str
    probability: float
    nearest: str | None = None


@dataclass(frozen=True)
class RowQuestion:
    """A row for a person to label, and why.

    sureness: probability of its label, or of the answer where it has no label. label: the present
    one. stored: the model's answer, if it is stored.
    """

    series_id: str
    why: str
    sureness: float
    label: str | None
    stored: StoredAnswer | None


@dataclass(frozen=True)
class Sources:
    """The sources of the questions about a version.

    labels: of the newest version of its dataset, by id. answers: its answers to rows that had no
    label, as tables.
    """

    model: Model
    newest: Dataset
    labels: Mapping[str, str | None]
    answers: list[pa.Table]


def sources_of(model: Model, bad: Damages) -> Sources:
    """Read the stored answers of a version, and the newest rows of its dataset."""
    newest = open_dataset(model.root, DatasetRef.parse(known_dataset(model.manifest)).name)
    table = newest.labels()
    pairs = zip(table["series_id"].to_pylist(), table["label"].to_pylist(), strict=True)
    return Sources(model, newest, dict(pairs), list(_answers(model, bad)))


def questions_of(sources: Sources, again: bool, bad: Damages) -> list[RowQuestion]:
    """Return a question for each row that a person should label, the least sure first.

    Rows that a person has labelled are left out, and, unless ``again``, those asked before.
    """
    model = sources.model
    done = {
        series_id
        for _, table in read_labels(model.root, model.name, bad)
        for series_id in table["series_id"].to_pylist()
    }
    if not again:
        asked = read_queued(model.root, model.name, bad)
        done.update(series_id for _, table in asked for series_id in table["series_id"].to_pylist())
    questions: dict[str, RowQuestion] = {}
    for part in (_unknown(sources), _suspected(sources), _doubted(sources, bad)):
        for question in part:
            before = questions.get(question.series_id)
            if question.series_id not in done and (
                before is None or question.sureness < before.sureness
            ):
                questions[question.series_id] = question
    return sorted(questions.values(), key=lambda question: (question.sureness, question.series_id))


def _answers(model: Model, bad: Damages) -> Iterator[pa.Table]:
    """Yield the answers of a version to rows without a label."""
    columns = ["series_id", "label", "prediction", "answer", "reason", "confidence", "nearest"]
    for folder in score_folders(model.root, model.name):
        _, name, version, source, digest = model.root.parts_of(folder)
        if version != model.version:
            continue
        scores = ScoreSet(model.root, name, version, source, digest)
        try:
            table = read_table(model.root, scores.table(), columns)
        except (ValueError, OSError) as error:
            note(bad, folder, DamagedError(str(error)))
            continue
        yield table.filter(pc.is_null(table["label"]))


def _unknown(sources: Sources) -> Iterator[RowQuestion]:
    for table in sources.answers:
        for row in table.filter(pc.equal(table["answer"], UNKNOWN)).to_pylist():
            if sources.labels.get(row["series_id"], "") is None:
                stored = _stored_answer(row)
                why = f"unknown: {row['reason']}"
                yield RowQuestion(row["series_id"], why, stored.probability, None, stored)


def _stored_answer(row: Mapping[str, object]) -> StoredAnswer:
    nearest = cast(list[str], row.get("nearest") or [])
    confidence = float(cast(float, row["confidence"]))
    return StoredAnswer(str(row["prediction"]), confidence, next(iter(nearest), None))


def _suspected(sources: Sources) -> Iterator[RowQuestion]:
    """Yield rows whose label held-back answers doubt, unless it has been changed since."""
    model, held = sources.model, held_answers(sources.model)
    tests = read_table(model.root, model.path(ANSWERS), ["series_id", "nearest"]).to_pylist()
    nearest = {test["series_id"]: next(iter(test["nearest"] or []), None) for test in tests}
    kinds = (
        ("label doubted: taken for", held.suspected, held.joint.meant),
        ("label unlikely: more probable is", held.unlikely, held.probabilities.argmax(axis=1)),
    )
    for doubt, rows, codes in kinds:
        for row in rows.tolist():
            series_id, label, code = held.ids[row], held.classes[held.y[row]], codes[row]
            if sources.labels.get(series_id) != label:
                continue
            chance = float(held.probabilities[row, code])
            stored = StoredAnswer(held.classes[code], chance, nearest.get(series_id))
            sureness = float(held.probabilities[row, held.y[row]])
            why = f"{doubt} {stored.answer}"
            yield RowQuestion(series_id, why, sureness, label, stored)


def _doubted(sources: Sources, bad: Damages) -> Iterator[RowQuestion]:
    """Yield rows whose labels a retraining doubted and that still have them."""
    model, labels = sources.model, sources.labels
    pairs = suspect_labels(model.root, retrainings_of(model.root, model.name, bad))
    doubted = {name: label for name, label in pairs if labels.get(name) == label}
    ids = pa.array(sorted(doubted), pa.string())
    answers = {
        row["series_id"]: _stored_answer(row)
        for table in sources.answers
        for row in table.filter(pc.is_in(table["series_id"], ids)).to_pylist()
    }
    for series_id, label in doubted.items():
        stored, sureness = answers.get(series_id), 1 / len(model.manifest["classes"])
        if stored is not None:
            sureness = stored.probability if stored.answer == label else 1 - stored.probability
        yield RowQuestion(series_id, "label doubted by a retraining", sureness, label, stored)
