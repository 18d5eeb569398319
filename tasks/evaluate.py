"""Task: score the candidates on the test rows. No step before it reads them."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from prefect import get_run_logger, task

from storage.datasets import Dataset, open_dataset
from storage.root import open_root
from tasks.candidates import assemble, best_record, candidate_path, read_records
from tasks.explain import explain
from tasks.leakage import leaks_of
from tasks.learning.decisions import (
    UNKNOWN,
    Decision,
    abstention_scores,
    answers_of,
    confidence_of,
)
from tasks.learning.metrics import evaluate as full_scores
from tasks.learning.metrics import label_scores, seed_scores
from tasks.learning.spec import TrainingSpec
from tasks.monitoring.stability import stability_of
from tasks.replicas import baseline_rows, predict_rows
from tasks.selection import Selection, select_rows
from tasks.workers import workers


@task(name="evaluate")
def evaluate(dataset_ref: str, spec: TrainingSpec, workspace: str, root_url: str) -> str:
    """Score what is registered, every seed and the baselines on the same test rows."""
    root = open_root(root_url)
    dataset = open_dataset(root, dataset_ref)
    chosen = select_rows(dataset, spec)
    records = read_records(workspace, root_url)
    ensemble = assemble(dataset.ref, spec, records, workspace, root_url)
    registered, by_seed, baselines = _answers(dataset, spec, chosen, records, workspace)
    y, n_classes = chosen.codes[chosen.test], len(chosen.classes)
    seeds = [{**r, **seed_scores(by_seed[r["seed"]], y, _offsets(r))} for r in records]
    decision = Decision(**(ensemble or best_record(records))["decision"])
    given = answers_of(registered, decision.offsets)
    metrics = {
        **_scored(registered, decision, chosen, spec),
        "registered_seed": None if ensemble else best_record(records)["seed"],
        "baselines": {k: label_scores(v, y, n_classes) for k, v in baselines.items()},
        "leaks": leaks_of(dataset, chosen),
        "symbols": _symbols(dataset.channels, records),
        **explain(dataset, chosen, registered, given, workspace),
    }
    metrics["ensemble"] = ensemble and {**ensemble, "gain": _gain(metrics["metrics"], seeds)}
    _write_json(root.fs, f"{workspace}/metrics.json", metrics)
    answers = {r["seed"]: answers_of(by_seed[r["seed"]], _offsets(r)) for r in records}
    table = predictions(dataset, chosen, registered, decision, answers)
    with root.fs.open(f"{workspace}/predictions.parquet", "wb") as file:
        pq.write_table(table, file)
    by_row, names = np.stack(list(answers.values())), table["series_id"].to_pylist()
    found = stability_of(seeds, by_row, y, names, n_classes, spec.limits, spec.split_seed)
    _write_json(root.fs, f"{workspace}/stability.json", found)
    get_run_logger().info("macro F1 %.4f on %d test rows", metrics["metrics"]["macro_f1"], len(y))
    return workspace


def _scored(
    probabilities: np.ndarray, decision: Decision, chosen: Selection, spec: TrainingSpec
) -> dict[str, Any]:
    """All scores of what is registered, and how it decides."""
    y, offsets = chosen.codes[chosen.test], decision.offsets
    return {
        "classes": chosen.classes,
        "train_rows": len(chosen.train),
        "test_rows": len(chosen.test),
        "metrics": full_scores(probabilities, y, chosen.classes, spec.split_seed, offsets),
        "decision": asdict(decision),
        "abstention": abstention_scores(probabilities, y, decision),
        "without_offsets": seed_scores(probabilities, y) if offsets else None,
    }


def _answers(
    dataset: Dataset,
    spec: TrainingSpec,
    chosen: Selection,
    records: list[dict[str, Any]],
    workspace: str,
) -> tuple[np.ndarray, dict[int, np.ndarray], dict[str, np.ndarray]]:
    """Test rows' probabilities by what is registered and by each seed; the baselines' codes."""
    url, seeds = dataset.root.url, [record["seed"] for record in records]
    paths = [candidate_path(workspace, seed) for seed in seeds]
    [registered], by_seed, baselines = workers().run(
        [
            (predict_rows, (url, dataset.ref, chosen.test, [f"{workspace}/model.keras"])),
            (predict_rows, (url, dataset.ref, chosen.test, paths)),
            (baseline_rows, (url, dataset.ref, spec)),
        ]
    )
    return registered, dict(zip(seeds, by_seed, strict=True)), baselines


def _gain(ensemble: dict[str, Any], seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """Scores of the ensemble, of its seeds on average, and of the seed that validates best."""
    best = best_record(seeds)
    return {
        name: {
            "ensemble": ensemble[name],
            "mean_of_seeds": float(np.mean([seed[name] for seed in seeds])),
            "best_validated_seed": best[name],
        }
        for name in ("accuracy", "macro_f1", "log_loss", "ece")
    }


def _symbols(channels: list[str], records: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The lowest and the highest symbol of each channel that every seed sees as symbols."""
    found = zip(channels, records[0]["symbols"], strict=True)
    return {channel: limits for channel, limits in found if limits is not None}


def _offsets(record: dict[str, Any]) -> tuple[float, ...] | None:
    return record["decision"]["offsets"]


def predictions(
    dataset: Dataset,
    chosen: Selection,
    probabilities: np.ndarray,
    decision: Decision,
    by_seed: dict[int, np.ndarray],
) -> pa.Table:
    """A row per test series: truth, the registered model's answer, every seed's answer.

    ``answer`` is the prediction, or ``unknown`` where the confidence is below the threshold.
    """
    names = pa.array(chosen.classes, pa.string())
    table = dataset.labels().take(pa.array(chosen.test)).select(["series_id", "label"])
    guessed = names.take(pa.array(answers_of(probabilities, decision.offsets)))
    confidence = confidence_of(probabilities, decision.offsets)
    columns = {
        "series_id": table["series_id"],
        "label": table["label"],
        "prediction": guessed,
        "answer": pc.if_else(pa.array(confidence >= decision.threshold), guessed, UNKNOWN),
        "confidence": pa.array(confidence, pa.float32()),
        "probabilities": pa.array(list(probabilities), pa.list_(pa.float32())),
        **{f"seed_{seed}": names.take(pa.array(answer)) for seed, answer in by_seed.items()},
    }
    return pa.table(columns)


def _write_json(fs: Any, path: str, content: dict[str, Any]) -> None:
    fs.pipe_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode())
