"""Choose the rows that a challenger learns from, and evaluate the challenger."""

import logging
from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa

from seqclass.monitoring.decide import LabelEvidence
from seqclass.monitoring.retrain_spec import RetrainSpec, Rules
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.compare import (
    evidence_of,
    pair_with,
    store_verdict,
    verdict_of,
)
from seqclass.pipeline.detection import NewData
from seqclass.pipeline.evaluate import Evaluated
from seqclass.row_split import times_of
from seqclass.store.datasets import Dataset, Provenance, open_checked, write_rows
from seqclass.store.manifests import CHOSEN_FROM, ImportSummary, reading_of
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.stored_records import DataReport, Verdict

logger = logging.getLogger(__name__)


def choose_rows(new_data: NewData, spec: RetrainSpec, root: Root) -> str:
    """Return the dataset to train on: the latest, or its rows without doubted and old ones."""
    latest = open_checked(root, new_data.latest)
    dataset = choose(latest, new_data.doubted, spec)
    logger.info("%s: %d rows", dataset.ref, dataset.manifest["n_series"])
    return dataset.ref


def choose(latest: Dataset, doubted: Collection[str], spec: RetrainSpec) -> Dataset:
    """Return the dataset itself if all of its rows are wanted, else a new one that names it."""
    table = latest.labels()
    rows = [r for r, i in enumerate(table["series_id"].to_pylist()) if i not in doubted]
    kept = np.array(rows, dtype=np.int64)
    if spec.window_rows is not None:
        kept = np.sort(kept[_by_age(table, kept)][-spec.window_rows :])
    if len(kept) == len(table):
        return latest
    source = {
        CHOSEN_FROM: latest.ref,
        "window_rows": spec.window_rows,
        "doubted": len(table) - len(rows),
    }
    name = f"{latest.manifest['name'][:56]}.chosen"
    remarks = ImportSummary(parents=[latest.ref], reading=reading_of(latest.manifest))
    provenance = Provenance(source, remarks=lambda: remarks)
    return write_rows(latest.root, name, _taken(latest, kept), provenance)


def _by_age(table: pa.Table, rows: np.ndarray) -> np.ndarray:
    """Return rows from the oldest to the newest; without times, later rows are newer."""
    if "time" not in table.column_names:
        return np.arange(len(rows))
    return np.argsort(times_of(table)[rows], kind="stable")


def _taken(dataset: Dataset, rows: np.ndarray) -> Iterator[pa.Table]:
    start = 0
    for table in dataset.tables():
        part = rows[(rows >= start) & (rows < start + len(table))] - start
        yield table.take(pa.array(part))
        start += len(table)


def evaluate_challenger(
    new_data: NewData,
    seen: DataReport,
    candidate: Candidate,
    evaluated: Evaluated,
    spec: RetrainSpec,
) -> Verdict:
    """Compare champion and challenger on frozen test rows, old and newest; store the verdict.

    Rows with doubted labels are ignored: then only the old rows count.
    """
    verdict = judge_challenger(new_data, seen, candidate, evaluated, spec)
    store_verdict(candidate, verdict)
    logger.info("%s", verdict["reason"])
    return verdict


def judge_challenger(
    new_data: NewData,
    seen: DataReport,
    candidate: Candidate,
    evaluated: Evaluated,
    spec: RetrainSpec,
) -> Verdict:
    """Return the verdict on a challenger beside the present champion.

    The champion may have moved since the retraining began.
    """
    root = candidate.root
    champion, latest = open_model(root, new_data.name), open_checked(root, new_data.latest)
    paired, answers = pair_with(champion, latest, candidate, evaluated, new_data.fresh)
    labels: LabelEvidence | None = None
    if seen["quality"] and not spec.trust_labels:
        right = int((answers.challenger == answers.truth).sum())
        labels = {"change": seen["quality"], "right": right, "rows": len(answers)}
    evidence = evidence_of(evaluated, champion.version, paired, labels)
    return verdict_of(evidence, Rules(spec.gate, candidate.training.limits, spec.approval))
