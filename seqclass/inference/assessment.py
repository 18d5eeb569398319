"""Accuracy of a version's answers where labels are known, and the expected one where not."""

from typing import NamedTuple, NotRequired

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import TypedDict

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.inference.partitions import labels_in_file
from seqclass.inference.score_data import Answered, ScoringSpec
from seqclass.monitoring.estimate import Confidence, estimate, expected_macro_f1
from seqclass.store.datasets import open_dataset
from seqclass.store.duplicates import name_digests
from seqclass.store.models import ANSWERS, Model
from seqclass.store.tables import read_row_groups, read_table

SURENESS = ["confidence", "familiarity"]
"""Columns of scores, and of a version's answers to its test rows."""


class Quality(TypedDict):
    """Scores of the labelled rows whose class the model has, ``log_loss`` in nats, and the number
    of rows of other classes; ``coverage``: the share that is not unknown. ``trained``: how many of
    the labelled rows bear the id of a row that the version learnt from."""

    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    log_loss: float
    ece: float
    intervals: dict[str, list[float]]
    labelled: int
    trained: NotRequired[int]
    of_other_classes: int
    coverage: float
    accuracy_answered: float | None


Promise = TypedDict(
    "Promise",
    {
        "accuracy": float,
        "accuracy_interval": list[float] | None,
        "doubt": str | None,
        "macro_f1": float,
        "rows": int,
        "tested_rows": int,
        "is_estimate": bool,
        "from": str,
    },
)
"""Expected accuracy of answers without labels, see ``monitoring.estimate.Estimate``."""


class LabelCount(TypedDict):
    """Numbers of answered rows that have a label, and of those whose class the model lacks."""

    rows: int
    of_other_classes: int


class Assessment(TypedDict):
    """Scores of answers, None without labels of the model's classes; and their expected
    accuracy."""

    metrics: Quality | None
    labels: LabelCount
    estimate: Promise


class Assessed(Answered, Assessment):
    """Answers and their assessment."""


def assess_answers(model: Model, tables: list[str], spec: ScoringSpec) -> Assessment:
    """Score the rows whose labels are known, None without any, and estimate the accuracy of all."""
    answers = _read_answers(model, tables, spec)
    metrics = None
    if answers.labelled.any():
        metrics = quality(*answers[:5])
        if metrics is not None:
            metrics["trained"] = _count_trained(model, answers.ids[answers.labelled])
    others = int((answers.labelled & (answers.truth < 0)).sum())
    labels: LabelCount = {"rows": int(answers.labelled.sum()), "of_other_classes": others}
    return {"metrics": metrics, "labels": labels, "estimate": _estimate(model, answers)}


class _Answers(NamedTuple):
    """Columns of all answers; see ``quality``. ids: digests of their ids ``(n,)``."""

    probabilities: np.ndarray
    answers: np.ndarray
    truth: np.ndarray
    labelled: np.ndarray
    answered: np.ndarray
    confidence: np.ndarray
    familiarity: np.ndarray
    ids: np.ndarray


def _read_answers(model: Model, tables: list[str], spec: ScoringSpec) -> _Answers:
    """Read the answers row group by row group, since their texts take most of the memory."""
    classes = model.manifest["classes"]
    shares = [f"probability_{name}" for name in classes]
    columns = ["series_id", "label", "prediction", "answer", *SURENESS, *shares]
    labels = None if spec.labels is None else labels_in_file(spec.labels, spec.limits)
    parts = []
    for table in (rows for path in tables for rows in read_row_groups(model.root, path, columns)):
        truth = table["label"] if labels is None else _labels_of(table["series_id"], labels)
        parts.append(_Answers(
            np.stack([table[name].to_numpy() for name in shares], axis=1),
            _codes(table["prediction"], classes),
            _codes(truth, classes),
            pc.is_valid(truth).to_numpy(zero_copy_only=False),
            pc.not_equal(table["answer"], UNKNOWN).to_numpy(zero_copy_only=False),
            table["confidence"].to_numpy(),
            table["familiarity"].to_numpy(),
            name_digests(table["series_id"]),
        ))  # fmt: skip
    return _Answers(*map(np.concatenate, zip(*parts, strict=True)))


def _count_trained(model: Model, ids: np.ndarray) -> int:
    """Return how many of these digests of ids are of training rows; 0 if the dataset is gone."""
    from seqclass.row_split import split_of  # with scikit-learn

    try:
        tables = open_dataset(model.root, model.manifest["dataset"]).tables(["series_id"])
        names = np.concatenate([name_digests(table["series_id"]) for table in tables])
    except ValueError:
        return 0
    trained = np.sort(names[split_of(model).train])  # np.isin takes twice as much memory
    places = np.minimum(np.searchsorted(trained, ids), len(trained) - 1)
    return int((trained[places] == ids).sum())


def _estimate(model: Model, answers: _Answers) -> Promise:
    """Estimate the accuracy of the answers from the version's test rows."""
    tested = read_table(model.root, model.path(ANSWERS), ["label", "prediction", *SURENESS])
    right = pc.equal(tested["label"], tested["prediction"]).to_numpy()
    new = Confidence(answers.confidence, answers.familiarity)
    estimated = estimate(right, sureness_of(tested), new)
    return {
        "accuracy": estimated.accuracy,
        "accuracy_interval": estimated.accuracy_interval,
        "doubt": estimated.doubt,
        "macro_f1": expected_macro_f1(answers.probabilities, answers.answers),
        "rows": len(answers.answers),
        "tested_rows": len(right),
        "is_estimate": True,
        "from": "test rows and calibrated confidence, no labels",
    }


def sureness_of(table: pa.Table) -> Confidence:
    """Return the confidence and familiarity of answers."""
    return Confidence(*(table[name].to_numpy() for name in SURENESS))


def quality(
    probabilities: np.ndarray,
    answers: np.ndarray,
    truth: np.ndarray,
    labelled: np.ndarray,
    answered: np.ndarray,
) -> Quality | None:
    """Score labelled rows; those of classes that the model does not have are counted separately.

    truth: class codes ``(n,)``, -1 for another class. labelled, answered: masks ``(n,)``.
    """
    from seqclass.evaluation.metrics import (  # with scikit-learn and SciPy
        label_scores,
        score_intervals,
        seed_scores,
    )

    n_classes, rows = probabilities.shape[1], labelled & (truth >= 0)
    if not rows.any():
        return None
    right = answers[rows] == truth[rows]
    kept = answered[rows]
    scores = label_scores(answers[rows], truth[rows], n_classes)
    plain = seed_scores(probabilities[rows], truth[rows])
    return {
        "accuracy": scores["accuracy"],
        "macro_f1": scores["macro_f1"],
        "balanced_accuracy": scores["balanced_accuracy"],
        "log_loss": plain["log_loss"],
        "ece": plain["ece"],
        "intervals": score_intervals(answers[rows], truth[rows], n_classes, seed=0),
        "labelled": int(rows.sum()),
        "of_other_classes": int((labelled & (truth < 0)).sum()),
        "coverage": float(kept.mean()),
        "accuracy_answered": float(right[kept].mean()) if kept.any() else None,
    }


def _codes(column: pa.ChunkedArray, classes: list[str]) -> np.ndarray:
    places = pc.index_in(column, pa.array(classes, pa.string()))
    return pc.fill_null(places, -1).to_numpy()


def _labels_of(ids: pa.ChunkedArray, table: pa.Table) -> pa.Array:
    """Return the label of each id from a table of labels, null if it has none."""
    places = pc.index_in(ids, table["series_id"].combine_chunks())
    return table["label"].combine_chunks().take(places.combine_chunks())
