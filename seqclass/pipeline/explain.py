"""The registered classifier's answers to the test rows, and the steps that explain them."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.evaluation.decisions import Decision, predict_labels
from seqclass.evaluation.metrics import hardest_rows
from seqclass.networks.attribution import find_attributions, hit_rates, n_batches, strongest_steps
from seqclass.pipeline.replicas import load_fast
from seqclass.runtime import tensorflow
from seqclass.store.datasets import Dataset
from seqclass.store.root import Root
from seqclass.store.rows import EVENT, from_dense
from seqclass.store.split import Split
from seqclass.store.tables import read_table
from seqclass.stored_records import Explained

EVIDENCE = "evidence.parquet"
HARDEST = 9
"""Number of test rows that a report draws."""
MAX_ROWS, MAX_VALUES, FEW_ROWS = 200, 200_000, 20
"""Most rows, and most steps of all rows together, of the first test rows that are explained; and
most rows where the dataset tells no events, so that no hits are counted."""


class ExplainedAnswers(NamedTuple):
    """Answers to the test rows, and their explanations.

    They are probabilities ``(n, classes)``, the p-value ``(n,)`` of being like the training rows,
    and the numbers of the nearest references ``(n, 3)``.

    explained: numbers ``(m,)``, ascending, of the test rows with attributions ``(m, steps)`` for
    the answer, and the step ``(m,)`` of the highest, -1 in a series without any value.
    """

    probabilities: np.ndarray
    p_value: np.ndarray
    nearest: np.ndarray
    explained: np.ndarray
    evidence: np.ndarray
    steps: np.ndarray


def answer_in_full(
    dataset: Dataset, split: Split, model_path: str, rule: Decision
) -> ExplainedAnswers:
    """Predict and explain the test rows, which are answered by a rule."""
    tensorflow()
    from seqclass.networks.classifier import score_gradient
    from seqclass.networks.outputs import predict_all

    x, classifier = dataset.series(split.test), load_fast(dataset.root, model_path)
    outputs = predict_all(classifier, x)
    probabilities = outputs["probabilities"]
    first = _first(dataset, len(x), x.shape[1])
    hardest = hardest_rows(probabilities, split.codes[split.test], HARDEST)
    explained = np.union1d(np.arange(first), hardest)
    answers = predict_labels(probabilities, rule)[explained]
    shown = x[explained]
    gradient = score_gradient(classifier, n_batches(*shown.shape[:2]))
    evidence = find_attributions(gradient, shown, answers)
    return ExplainedAnswers(
        probabilities, outputs["p_value"], outputs["nearest"],
        explained, evidence, strongest_steps(evidence, shown),
    )  # fmt: skip


def _first(dataset: Dataset, n_rows: int, n_steps: int) -> int:
    """Return how many of the first test rows are explained."""
    most = MAX_ROWS if EVENT[0] in dataset.manifest["columns"] else FEW_ROWS
    return min(n_rows, most, max(1, MAX_VALUES // n_steps))


def explain(
    dataset: Dataset, split: Split, answers: ExplainedAnswers, given: np.ndarray, workspace: str
) -> Explained:
    """Store the attributions of the answers ``given`` to the test rows, class codes ``(n,)``.

    Returns how often they hit the event; hits are counted only among the first rows.
    """
    rows = split.test[answers.explained]
    first = _first(dataset, len(given), answers.evidence.shape[1])
    table = dataset.labels().take(pa.array(rows))
    _write(dataset.root, workspace, table, answers.evidence, answers.steps)
    counted = (given[answers.explained] == split.codes[rows]) & (answers.explained < first)
    return {"explained_rows": first, "where": _where(table, answers.steps, counted)}


def _write(
    root: Root, workspace: str, table: pa.Table, evidence: np.ndarray, steps: np.ndarray
) -> None:
    columns = {
        "series_id": table["series_id"],
        "evidence": from_dense(evidence, table["n_steps"].to_numpy()),
        "evidence_step": pa.array(steps, pa.int32(), mask=steps < 0),
    }
    with root.fs.open(f"{workspace}/{EVIDENCE}", "wb") as file:
        pq.write_table(pa.table(columns), file)


def _where(
    table: pa.Table, steps: np.ndarray, counted: np.ndarray
) -> dict[str, dict[str, float]] | None:
    """Return the hit rates of the rows that are ``counted`` and have an event."""
    if EVENT[0] not in table.column_names:
        return None
    events = np.stack([table[name].fill_null(-1).to_numpy() for name in EVENT], axis=1)
    rows = np.flatnonzero(counted & (events[:, 0] >= 0))
    labels = np.array(table["label"].to_pylist(), dtype=object)
    lengths = table["n_steps"].to_numpy()
    return hit_rates(steps[rows], events[rows], lengths[rows], labels[rows]) or None


def read_attributions(root: Root, workspace: str) -> dict[str, np.ndarray]:
    """Read the attributions of each step, by series."""
    table = read_table(root, f"{workspace}/{EVIDENCE}")
    ids, values = table["series_id"].to_pylist(), table["evidence"].to_numpy()
    return dict(zip(ids, values, strict=True))
