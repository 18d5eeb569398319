"""Task: the report of a candidate, one self-contained page."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from jinja2 import Environment, StrictUndefined
from prefect import get_run_logger, task

from seqclass.evaluation.metrics import hardest_rows
from seqclass.reports import charts
from seqclass.store.datasets import Dataset, open_checked
from seqclass.store.fingerprint import machine_fingerprint, software_versions
from seqclass.store.root import Root, open_root
from seqclass.store.split import SPLIT, read_split
from seqclass.training.spec import TrainingSpec
from tasks.compute.explain import HARDEST, read_attributions
from tasks.evaluation.compare import COMPARISON

TEMPLATE = Path(__file__).with_name("report.html.j2")
SCORE_NAMES = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "balanced_accuracy": "balanced accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "log_loss": "log-loss (nats)",
    "brier": "Brier score",
    "ece": "calibration error",
}


@task(name="report")
def write_report(
    dataset_ref: str, spec: TrainingSpec, workspace: str, name: str, root_url: str
) -> str:
    """Draw what the workspace holds into ``report.html``."""
    root = open_root(root_url)
    dataset = open_checked(root, dataset_ref)
    found = {
        part: json.loads(root.fs.cat_file(f"{workspace}/{part}"))
        for part in ("metrics.json", "stability.json", COMPARISON)
    }
    page = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        TEMPLATE.read_text(encoding="utf-8")
    )
    html = page.render(
        name=name,
        dataset=dataset,
        now=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        decision=found[COMPARISON]["reason"],
        source=_pretty(dataset.manifest["source"]),
        spec=_pretty(asdict(spec)),
        environment=_pretty({"software": software_versions(), "machine": machine_fingerprint()}),
        **_scores(found["metrics.json"]),
        **_seeds(found["stability.json"], _history(root, workspace)),
        hardest=_hardest(root, dataset, workspace),
    )
    root.fs.pipe_file(f"{workspace}/report.html", html.encode())
    get_run_logger().info("report written")
    return workspace


def _scores(found: dict[str, Any]) -> dict[str, Any]:
    metrics = found["metrics"]
    bars = {"this model": (metrics["macro_f1"], metrics["intervals"]["macro_f1"])}
    bars |= {
        name.replace("_", " "): (s["macro_f1"], None) for name, s in found["baselines"].items()
    }
    return {
        "train_rows": found["train_rows"],
        "test_rows": found["test_rows"],
        "leaks": found["leaks"],
        "registered_seed": found["registered_seed"],
        "ensemble": found["ensemble"],
        "gains": _gains(found["ensemble"]),
        "metrics": metrics,
        "committee": found["committee"],
        "left_out": found["left_out"],
        **_unknown(found),
        "where": found["where"],
        "explained_rows": found["explained_rows"],
        "scores_chart": charts.score_bars(bars, "macro F1"),
        "score_rows": [
            (label, metrics[key], metrics["intervals"].get(key))
            for key, label in SCORE_NAMES.items()
        ],
        "without_offsets": found["without_offsets"],
        "abstention": found["abstention"],
        "confidence": charts.confidence_picture(
            metrics["reliability"], found["abstention"]["curve"], found["abstention"]["coverage"]
        ),
        "confusion": charts.confusion_picture(metrics["confusion"], found["classes"]),
    }


def _unknown(found: dict[str, Any]) -> dict[str, Any]:
    possible = found["decision"]["possible"]
    return {
        "unknown": found["unknown"],
        "references": found["references"],
        "abstention_limit": found["decision"]["unfamiliar"],
        "set_coverage": found["set_coverage"],
        "too_few": [c for c, p in zip(found["classes"], possible, strict=True) if not p],
    }


def _gains(ensemble: dict[str, Any] | None) -> list[tuple[str, dict[str, float]]]:
    return [(SCORE_NAMES[name], row) for name, row in ensemble["gain"].items()] if ensemble else []


def _seeds(found: dict[str, Any], history: list[charts.LossPoint]) -> dict[str, Any]:
    return {
        "seeds": found["seeds"],
        "spread": found["spread"]["macro_f1"],
        "worst": found["worst_seed"],
        "flipping_rows": found["flipping_rows"],
        "most_flipping": found["most_flipping"],
        "curves": charts.learning_curves(history),
    }


def _history(root: Root, workspace: str) -> list[charts.LossPoint]:
    with root.fs.open(f"{workspace}/history.parquet", "rb") as file:
        return pq.read_table(file).to_pylist()


def _hardest(root: Root, dataset: Dataset, workspace: str) -> str:
    with root.fs.open(f"{workspace}/predictions.parquet", "rb") as file:
        answers = pq.read_table(file)
    chosen = read_split(root, f"{workspace}/{SPLIT}")
    probabilities = np.stack(answers["probabilities"].to_numpy())
    worst = hardest_rows(probabilities, chosen.codes[chosen.test], HARDEST)
    picked = answers.take(worst).to_pylist()
    captions = [
        f"{row['series_id']}\n{row['label']}"
        + ("" if row["prediction"] == row["label"] else f", answered {row['prediction']}")
        for row in picked
    ]
    wrong = [row["prediction"] != row["label"] for row in picked]
    values = dataset.values(chosen.test[worst])
    found = read_attributions(root, workspace)
    evidence = [found[row["series_id"]] for row in picked]
    return charts.series_panels(values, captions, wrong, dataset.channels, evidence)


def _pretty(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False)
