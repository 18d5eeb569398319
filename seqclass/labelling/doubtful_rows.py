"""Rows that a person should label: the model did not know them, or their label is doubted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

import pyarrow as pa
import pyarrow.compute as pc

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.labelling.suspects import held_answers
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.manifests import ReadingRecord, ScoresManifest, known_dataset
from seqclass.store.models import ANSWERS, Model
from seqclass.store.quarantine import QUARANTINE, REASON
from seqclass.store.queues import QUESTIONS, read_labels, read_queued
from seqclass.store.references import DatasetRef
from seqclass.store.retrainings import retrainings_of, suspect_labels
from seqclass.store.root import DamagedError, Damages, note
from seqclass.store.scores import ScoreSet, score_folders
from seqclass.store.tables import read_table

DATASET, FILE, ASIDE = "dataset", "file", "quarantine"
UNSTORABLE = ("duplicate_id", "infinite")
"""Reasons of quarantine that no label mends: the rows can't be stored as they are."""


class Origin(NamedTuple):
    """The place of a series: a dataset's version, a file of the user's, or a quarantine.

    digest, reading: of a file, its partition and the options by which it was read.
    """

    kind: str
    place: str
    digest: str = ""
    reading: ReadingRecord = cast(ReadingRecord, {})


class Known(NamedTuple):
    """A stored answer: class, probability, and the id of the nearest training series."""

    answer: str
    probability: float
    nearest: str | None = None


@dataclass(frozen=True)
class Question:
    """A row for a person to label, and why.

    sureness: probability of its label, or of the answer where it has no label. label: the present
    one. known: the model's answer, if it is stored.
    """

    series_id: str
    why: str
    sureness: float
    label: str | None
    known: Known | None
    origin: Origin


@dataclass(frozen=True)
class Sources:
    """The sources of the questions about a version.

    labels: of the newest version of its dataset, by id. scores: its answers without a label.
    """

    model: Model
    newest: Dataset
    labels: Mapping[str, str | None]
    scores: list[tuple[Origin, pa.Table]]


def sources_of(model: Model, bad: Damages) -> Sources:
    """Read the stored answers of a version, and the newest rows of its dataset."""
    newest = open_dataset(model.root, DatasetRef.parse(known_dataset(model.manifest)).name)
    table = newest.labels()
    pairs = zip(table["series_id"].to_pylist(), table["label"].to_pylist(), strict=True)
    return Sources(model, newest, dict(pairs), list(_scores(model, bad)))


def questions_of(sources: Sources, again: bool, bad: Damages) -> list[Question]:
    """Return a question for each row that a person should label, the least sure first.

    Rows that a person has labelled are left out, and, unless ``again``, those asked before.
    """
    model = sources.model
    done = {
        own
        for _, table in read_labels(model.root, model.name, bad)
        for own in table["series_id"].to_pylist()
    }
    if not again:
        asked = read_queued(model.root, model.name, QUESTIONS, bad)
        done.update(own for _, table in asked for own in table["series_id"].to_pylist())
    found: dict[str, Question] = {}
    for part in (_unknown(sources), _suspected(sources), _doubted(sources, bad),
                 _set_aside(sources, bad)):  # fmt: skip
        for own in part:
            before = found.get(own.series_id)
            if own.series_id not in done and (before is None or own.sureness < before.sureness):
                found[own.series_id] = own
    return sorted(found.values(), key=lambda own: (own.sureness, own.series_id))


def _scores(model: Model, bad: Damages) -> Iterator[tuple[Origin, pa.Table]]:
    """Yield the answers of a version to rows without a label, by the place of the rows."""
    columns = ["series_id", "label", "prediction", "answer", "reason", "confidence", "nearest"]
    for folder in score_folders(model.root, model.name):
        _, name, version, source, digest = model.root.parts_of(folder)
        if version != model.version:
            continue
        scores = ScoreSet(model.root, name, version, source, digest)
        try:
            manifest = scores.manifest()
            table = read_table(model.root, scores.table(), columns)
        except (ValueError, OSError) as error:
            note(bad, folder, DamagedError(str(error)))
            continue
        yield _origin(model, source, manifest), table.filter(pc.is_null(table["label"]))


def _origin(model: Model, source: str, manifest: ScoresManifest) -> Origin:
    if source != "files":
        return Origin(DATASET, source)
    own = manifest.get("reading")
    reading = model.manifest.get("reading", cast(ReadingRecord, {})) if own is None else own
    return Origin(FILE, manifest.get("path", ""), manifest["partition"], reading)


def _unknown(sources: Sources) -> Iterator[Question]:
    for origin, table in sources.scores:
        for row in table.filter(pc.equal(table["answer"], UNKNOWN)).to_pylist():
            if sources.labels.get(row["series_id"]) is None:
                known = _known(row)
                why = f"unknown: {row['reason']}"
                yield Question(row["series_id"], why, known.probability, None, known, origin)


def _known(row: Mapping[str, object]) -> Known:
    nearest = cast(list[str], row.get("nearest") or [])
    confidence = float(cast(float, row["confidence"]))
    return Known(str(row["prediction"]), confidence, next(iter(nearest), None))


def _suspected(sources: Sources) -> Iterator[Question]:
    """Yield rows whose label held-back answers doubt, unless it has been changed since."""
    held, nearest = held_answers(sources.model), _nearest_of_tests(sources.model)
    origin = Origin(DATASET, sources.model.manifest["dataset"])
    kinds = (
        ("label doubted: taken for", held.suspected, held.joint.meant),
        ("label unlikely: more probable is", held.unlikely, held.probabilities.argmax(axis=1)),
    )
    for said, rows, codes in kinds:
        for row in rows.tolist():
            own, label, code = held.ids[row], held.classes[held.y[row]], codes[row]
            if sources.labels.get(own) != label:
                continue
            chance = float(held.probabilities[row, code])
            known = Known(held.classes[code], chance, nearest.get(own))
            sureness = float(held.probabilities[row, held.y[row]])
            why = f"{said} {known.answer}"
            yield Question(own, why, sureness, label, known, origin)


def _nearest_of_tests(model: Model) -> dict[str, str | None]:
    """Return the nearest training series of each test row."""
    if not model.has(ANSWERS):
        return {}
    rows = read_table(model.root, model.path(ANSWERS), ["series_id", "nearest"]).to_pylist()
    return {row["series_id"]: next(iter(row["nearest"] or []), None) for row in rows}


def _doubted(sources: Sources, bad: Damages) -> Iterator[Question]:
    """Yield rows whose labels a retraining doubted and that still have them."""
    model, labels = sources.model, sources.labels
    pairs = suspect_labels(model.root, retrainings_of(model.root, model.name, bad))
    ids = {own for own, label in pairs if own in labels and labels[own] == label}
    origin = Origin(DATASET, sources.newest.ref)
    why = "label doubted by a retraining"
    blank = Question("", why, 1 / len(model.manifest["classes"]), None, None, origin)
    answered = _answered(sources, ids)
    for own in ids:
        yield _weighed(replace(blank, series_id=own, label=labels[own]), answered.get(own))


def _set_aside(sources: Sources, bad: Damages) -> Iterator[Question]:
    """Yield rows in quarantine, but those that no label would let into the dataset."""
    root, name = sources.model.root, sources.newest.manifest["name"]
    for file in root.names("datasets", name, QUARANTINE):
        path = root.join("datasets", name, QUARANTINE, file)
        try:
            table = read_table(root, path, ["series_id", "label", REASON])
        except (ValueError, OSError) as error:
            note(bad, path, DamagedError(str(error)))
            continue
        rows = [row for row in table.to_pylist() if row["series_id"] not in sources.labels]
        answered = _answered(sources, {row["series_id"] for row in rows})
        for row in rows:
            if any(kind in row[REASON] for kind in UNSTORABLE):
                continue
            chance, why = 1 / len(sources.model.manifest["classes"]), f"set aside: {row[REASON]}"
            own = Question(row["series_id"], why, chance, row["label"], None, Origin(ASIDE, path))
            yield _weighed(own, answered.get(own.series_id))


def _answered(sources: Sources, ids: set[str]) -> dict[str, Known]:
    """Return the stored answers to rows of these ids."""
    wanted = pa.array(sorted(ids), pa.string())
    return {
        row["series_id"]: _known(row)
        for _, table in sources.scores
        for row in table.filter(pc.is_in(table["series_id"], wanted)).to_pylist()
    }


def _weighed(question: Question, known: Known | None) -> Question:
    """Return a question with a stored answer; its sureness is that of the label, if it has one."""
    if known is None:
        return question
    agrees = question.label in (None, known.answer)
    sureness = known.probability if agrees else 1 - known.probability
    return replace(question, sureness=sureness, known=known)
