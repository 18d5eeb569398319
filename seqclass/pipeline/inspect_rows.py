"""Measure the champion's quality on new labelled rows, and the drift of new rows."""

import json
import logging
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.evaluation.decisions import Decision, confidence_of, predict_labels, reasons_of
from seqclass.inference.prediction import answer_rows
from seqclass.monitoring.drift import (
    Drift,
    compare_counts,
    compare_numbers,
    drift_words,
    judge_drift,
    summaries,
)
from seqclass.monitoring.quality import Hits, QualityChange, quality_change, quality_words
from seqclass.monitoring.retrain_spec import DriftSpec, RetrainSpec
from seqclass.pipeline.detection import NewData
from seqclass.row_split import split_of
from seqclass.store.datasets import Dataset, open_checked, open_dataset
from seqclass.store.models import ANSWERS, Model
from seqclass.store.registry import open_model
from seqclass.store.retrainings import DRIFT_TABLE
from seqclass.store.root import Root
from seqclass.store.tables import read_table
from seqclass.stored_records import DataReport
from seqclass.workers import workers

logger = logging.getLogger(__name__)

SEEN = "seen.json"


@dataclass(frozen=True)
class Predictions:
    """A model's predictions: labels (None if unknown), answers, confidence, known or not."""

    labels: list[str | None]
    answers: list[str]
    confidence: np.ndarray
    answered: np.ndarray


class Series(NamedTuple):
    """Some series of a dataset, by their row numbers."""

    dataset: Dataset
    rows: np.ndarray


def inspect_rows(new_data: NewData, spec: RetrainSpec, workspace: str, root: Root) -> DataReport:
    """Measure quality, then drift; a table and words are stored in the workspace.

    ``changed`` says whether either has changed, ``words`` holds the findings, and ``resting`` says
    why no challenger is worth a training, if none is.
    """
    root.fs.makedirs(workspace, exist_ok=True)
    champion, latest = open_model(root, new_data.champion), open_checked(root, new_data.latest)
    rows = _some(rows_of(latest, new_data.fresh), spec.drift.most_rows)
    before, now = held_out(champion), _ask(champion, latest, rows)
    quality = _quality(before, now, spec)
    drift = _drift(champion, Series(latest, rows), before, now, spec.drift)
    if drift["table"]:
        with root.fs.open(f"{workspace}/{DRIFT_TABLE}", "wb") as file:
            pq.write_table(pa.Table.from_pylist(drift["table"]), file)
    change = quality and quality_words(quality, spec.significance, spec.least_drop)
    words = [*([change] if change else []), drift_words(drift)]
    changed = bool(drift["drifted"]) or bool(quality and quality["dropped"])
    seen: DataReport = {
        "rows": len(rows),
        "labelled": sum(label is not None for label in now.labels),
        "quality": quality,
        "drift": {"drifted": drift["drifted"], "compared": drift["compared"]},
        "changed": changed,
        "resting": _resting(now, changed, spec),
        "words": words,
    }
    root.fs.pipe_file(f"{workspace}/{SEEN}", json.dumps(seen, indent=2).encode())
    logger.info("%s", "; ".join(words))
    return seen


def _resting(now: Predictions, changed: bool, spec: RetrainSpec) -> str | None:
    if not any(now.labels):
        return "no new row has a label: there is nothing to learn"
    if spec.when == "changed" and not changed:
        return "neither quality nor rows have changed"
    return None


def rows_of(dataset: Dataset, names: Collection[str]) -> np.ndarray:
    """Return row numbers, ascending, of these ids."""
    ids = dataset.labels()["series_id"].to_pylist()
    return np.array([row for row, name in enumerate(ids) if name in names], dtype=np.int64)


def _some(rows: np.ndarray, most: int) -> np.ndarray:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(0).choice(rows, most, replace=False))


def held_out(model: Model) -> Predictions:
    """Return a model's predictions for its own test rows."""
    table = read_table(model.root, model.path(ANSWERS))
    return Predictions(
        table["label"].to_pylist(),
        table["prediction"].to_pylist(),
        table["confidence"].to_numpy(),
        np.array([answer != "unknown" for answer in table["answer"].to_pylist()]),
    )


def _ask(model: Model, dataset: Dataset, rows: np.ndarray) -> Predictions:
    decision, classes = Decision(**model.manifest["decision"]), model.manifest["classes"]
    path, channels = model.path("model.keras"), model.manifest["channels"]
    outputs = workers().call(answer_rows, dataset, rows, path, channels)
    probabilities = outputs["probabilities"]
    confidence = confidence_of(probabilities, decision)
    reasons = reasons_of(probabilities, outputs["p_value"], decision)
    labels = dataset.labels()["label"].take(pa.array(rows)).to_pylist()
    answers = [classes[code] for code in predict_labels(probabilities, decision)]
    return Predictions(labels, answers, confidence, np.array([why is None for why in reasons]))


def _quality(before: Predictions, now: Predictions, spec: RetrainSpec) -> QualityChange | None:
    """Return the change of quality; None if no new row has a label."""
    then, lately = _hits(before), _hits(now)
    if not then.rows or not lately.rows:
        return None
    return quality_change(then, lately, spec.significance, spec.least_drop)


def _hits(predictions: Predictions) -> Hits:
    """Count the right answers among rows with a label."""
    pairs = zip(predictions.answers, predictions.labels, strict=True)
    right = [answer == label for answer, label in pairs if label]
    return Hits(sum(right), len(right))


def _drift(
    champion: Model, new: Series, before: Predictions, now: Predictions, spec: DriftSpec
) -> Drift:
    """Compare the champion's training rows with the new ones.

    Its predictions for held-out rows are compared with those for new ones, since it is more
    confident on rows that it was trained on.
    """
    if len(new.rows) < spec.least_rows:
        return judge_drift([], spec)
    trained_on = open_dataset(champion.root, champion.manifest["dataset"])
    train = _some(split_of(champion).train, spec.most_rows)
    train_labels = trained_on.labels()["label"].take(pa.array(train)).to_pylist()
    trained_on = replace(trained_on, is_checked=True)
    old, lately = _summaries(trained_on, train), _summaries(new.dataset, new.rows)
    numbers = [compare_numbers(name, old[name], lately[name]) for name in old if name in lately]
    counts = (
        ("classes", train_labels, [label for label in now.labels if label]),
        ("champion's answers", before.answers, now.answers),
        ("champion abstains", before.answered.tolist(), now.answered.tolist()),
    )
    classes = [
        compare_counts(name, *(dict(Counter(map(str, side))) for side in sides))
        for name, *sides in counts
    ]
    sure = compare_numbers("champion's confidence", before.confidence, now.confidence)
    return judge_drift([*numbers, *classes, sure], spec)


def _summaries(dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    lengths = dataset.labels()["n_steps"].to_numpy()[rows]
    return summaries(dataset.values(rows), lengths, dataset.channels)
