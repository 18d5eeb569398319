"""Where in a test series the registered classifier found its answer."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from seqclass.evaluation.metrics import hardest_rows
from seqclass.networks.attribution import hit_rates
from seqclass.store.datasets import Dataset
from seqclass.store.root import Root
from seqclass.store.rows import EVENT, from_dense
from seqclass.store.split import Split
from tasks.compute.replicas import explain_rows
from tasks.compute.workers import workers

EVIDENCE = "evidence.parquet"
HARDEST = 9
"""Test rows that a report draws."""
MAX_ROWS, MAX_VALUES = 200, 200_000
"""The first test rows are explained, up to either limit: rows, or steps of all rows together."""


def explain(
    dataset: Dataset,
    chosen: Split,
    probabilities: np.ndarray,
    answers: np.ndarray,
    workspace: str,
) -> dict[str, Any]:
    """Store the evidence for the test rows' answers, and how often it hits the event.

    probabilities: ``(test rows, classes)``; answers: class codes ``(test rows,)``.

    Evidence is stored for the first test rows and the hardest; hits are counted among the first
    alone. Returns ``explained_rows``, their number, and ``where``: None without known events.
    """
    first = min(len(chosen.test), MAX_ROWS, max(1, MAX_VALUES // dataset.manifest["n_steps"][1]))
    hardest = hardest_rows(probabilities, chosen.codes[chosen.test], HARDEST)
    index = np.union1d(np.arange(first), hardest)
    rows, answers = chosen.test[index], answers[index]
    model = f"{workspace}/model.keras"
    job = (explain_rows, (dataset, rows, answers, model))
    [(evidence, steps)] = workers().run([job])
    table = dataset.labels().take(pa.array(rows))
    _write(dataset.root, workspace, table, evidence, steps)
    right = answers == chosen.codes[rows]
    return {"explained_rows": first, "where": _where(table, steps, right & (index < first))}


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


def _where(table: pa.Table, steps: np.ndarray, counted: np.ndarray) -> dict[str, Any] | None:
    """Hits of the rows that are ``counted`` and have an event."""
    if EVENT[0] not in table.column_names:
        return None
    events = np.stack([table[name].fill_null(-1).to_numpy() for name in EVENT], axis=1)
    rows = np.flatnonzero(counted & (events[:, 0] >= 0))
    labels = np.array(table["label"].to_pylist(), dtype=object)
    lengths = table["n_steps"].to_numpy()
    return hit_rates(steps[rows], events[rows], lengths[rows], labels[rows]) or None


def read_attributions(root: Root, workspace: str) -> dict[str, np.ndarray]:
    """Evidence of each step, by series."""
    with root.fs.open(f"{workspace}/{EVIDENCE}", "rb") as file:
        table = pq.read_table(file)
    ids, values = table["series_id"].to_pylist(), table["evidence"].to_numpy()
    return dict(zip(ids, values, strict=True))
