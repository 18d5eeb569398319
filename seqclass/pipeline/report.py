"""Store the drawings of a candidate's report; the page is written at registration."""

import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.evaluation.contribution import LSTM
from seqclass.evaluation.metrics import hardest_rows
from seqclass.pages.dataset_pages import MAX_CHANNELS, POINTS
from seqclass.pages.drawing import at_equal_distances, resampled
from seqclass.pages.records import Drawings, Example, Row
from seqclass.pages.rendering import record_bytes
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.explain import HARDEST, read_attributions
from seqclass.store.datasets import Dataset
from seqclass.store.models import ANSWERS, DRAWINGS, HISTORY
from seqclass.store.tables import read_table

logger = logging.getLogger(__name__)

CARD = ("digest", "n_series", "n_steps", "channels", "classes", "unlabelled")


def write_report(candidate: Candidate) -> None:
    """Store training losses, data card and hardest series as ``report.json``."""
    dataset = candidate.dataset
    root = dataset.root
    history = read_table(root, candidate.path(HISTORY)).to_pylist()
    drawings = Drawings(
        made=datetime.now(UTC).isoformat(),
        card={
            **{key: dataset.manifest.get(key) for key in CARD},
            "missing": {name: c["missing"] for name, c in dataset.manifest["profile"].items()},
        },
        curves=_curves(history),
        hardest=_hardest(candidate, dataset),
    )
    root.fs.pipe_file(candidate.path(DRAWINGS), record_bytes(drawings))
    logger.info("report prepared")


def _curves(history: list[dict[str, Any]]) -> dict[str, list[tuple[float, float]]]:
    """Return update and training log-loss of the LSTM's first network of each seed, thinned out."""
    curves = {}
    first = [p for p in history if p["member"] == LSTM and p["network"] == 0]
    for seed in sorted({point["seed"] for point in first}):
        points = [p for p in first if p["seed"] == seed]
        kept = [points[at] for at in at_equal_distances(len(points), POINTS)]
        curves[f"seed {seed}"] = [(p["update"], round(p["training_loss"], 5)) for p in kept]
    return curves


def _hardest(candidate: Candidate, dataset: Dataset) -> tuple[Row, ...]:
    """Return the test series with the highest losses, the highest first."""
    root, split = dataset.root, candidate.split
    answers = read_table(root, candidate.path(ANSWERS))
    probabilities = np.stack(answers["probabilities"].to_numpy())
    worst = hardest_rows(probabilities, split.codes[split.test], HARDEST)
    picked = answers.take(worst).to_pylist()
    near = {row["nearest"][0] for row in picked if row["nearest"]}
    drawn = _examples(dataset, {row["series_id"] for row in picked} | near)
    evidence = read_attributions(root, candidate.workspace)
    return tuple(
        Row(
            label=row["label"],
            prediction=row["prediction"],
            answer=row["answer"],
            reason=row["reason"],
            confidence=row["confidence"],
            possible=tuple(row["possible"]),
            series=drawn[row["series_id"]][1],
            speaks=_speaks(evidence[row["series_id"]]),
            nearest=tuple(drawn[name] for name in row["nearest"][:1]),
        )
        for row in picked
    )


def _examples(dataset: Dataset, names: set[str]) -> dict[str, tuple[str, Example]]:
    """Return label and drawn values of these series."""
    table = dataset.labels()
    rows = np.flatnonzero(pc.is_in(table["series_id"], pa.array([*names], pa.string())))
    picked = table.take(rows).to_pylist()
    examples = {}
    for row, values in zip(picked, dataset.values(rows), strict=True):
        n_steps = row["n_steps"]
        channels = zip(dataset.channels[:MAX_CHANNELS], values[:n_steps].T, strict=False)
        drawn = {channel: resampled(column, POINTS) for channel, column in channels}
        examples[row["series_id"]] = (row["label"], Example(row["series_id"], n_steps, drawn))
    return examples


def _speaks(evidence: np.ndarray) -> tuple[float, ...]:
    height = np.maximum(evidence, 0)[at_equal_distances(len(evidence), POINTS)]
    tallest = max(float(height.max()), float(np.finfo(np.float32).tiny))
    return tuple(round(float(value) / tallest, 2) for value in height)
