"""Task: score the candidates on the test rows. No step before it reads them."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import get_run_logger, task

from storage.datasets import Dataset, open_dataset
from storage.root import open_root
from tasks.learning.agreement import flips, spread_of, worst_case
from tasks.learning.metrics import evaluate as full_scores
from tasks.learning.metrics import label_scores, scores
from tasks.learning.spec import Limits, TrainingSpec
from tasks.monitoring.gate import refusal_of
from tasks.replicas import baseline_rows, predict_rows
from tasks.selection import Selection, select_rows
from tasks.train import RECORDS, best_record, candidate_path
from tasks.workers import workers

MOST_FLIPPING = 20


@task(name="evaluate")
def evaluate(dataset_ref: str, spec: TrainingSpec, workspace: str, root_url: str) -> str:
    """Score every seed and the baselines on the same test rows and store what came out."""
    root = open_root(root_url)
    dataset = open_dataset(root, dataset_ref)
    chosen = select_rows(dataset, spec)
    records = json.loads(root.fs.cat_file(f"{workspace}/{RECORDS}"))
    best = best_record(records)
    paths = [candidate_path(workspace, record["seed"]) for record in records]
    probabilities, baselines = workers().run(
        [
            (predict_rows, (root_url, dataset.ref, chosen.test, paths)),
            (baseline_rows, (root_url, dataset.ref, spec)),
        ]
    )
    y = chosen.codes[chosen.test]
    by_seed = dict(zip([r["seed"] for r in records], probabilities, strict=True))
    seeds = [{**r, **scores(by_seed[r["seed"]], y)} for r in records]
    metrics = {
        "classes": chosen.classes,
        "train_rows": len(chosen.train),
        "test_rows": len(chosen.test),
        "metrics": full_scores(by_seed[best["seed"]], y, chosen.classes, spec.split_seed),
        "registered_seed": best["seed"],
        "baselines": {k: label_scores(v, y, len(chosen.classes)) for k, v in baselines.items()},
    }
    _write_json(root.fs, f"{workspace}/metrics.json", metrics)
    answers = np.stack([p.argmax(axis=1) for p in probabilities])
    table = predictions(dataset, chosen, by_seed, best["seed"])
    names = table["series_id"].to_pylist()
    found = stability(seeds, answers, y, names, spec, len(chosen.classes))
    _write_json(root.fs, f"{workspace}/stability.json", found)
    with root.fs.open(f"{workspace}/predictions.parquet", "wb") as file:
        pq.write_table(table, file)
    root.fs.cp_file(candidate_path(workspace, best["seed"]), f"{workspace}/model.keras")
    get_run_logger().info(
        "macro F1 %.4f on %d test rows", metrics["metrics"]["macro_f1"], len(chosen.test)
    )
    return workspace


def stability(
    seeds: list[dict[str, Any]],
    answers: np.ndarray,
    y: np.ndarray,
    names: list[str],
    spec: TrainingSpec,
    n_classes: int,
) -> dict[str, Any]:
    """How the seeds spread, the worst of them, the test rows that flip, and the gate's word.

    answers: class codes ``(seeds, n)`` of the test rows; y: true codes; names: their ids.
    """
    worst, share = worst_case(answers, y, n_classes, spec.split_seed), flips(answers)
    order = np.argsort(-share, kind="stable")[: int((share > 0).sum())]
    return {
        "seeds": seeds,
        "spread": spread_of(seeds),
        "worst_seed": {"seed": seeds[worst["position"]]["seed"], "intervals": worst["intervals"]},
        "flipping_rows": len(order),
        "most_flipping": [
            {"series_id": names[row], "share_of_seeds_apart": float(share[row])}
            for row in order[:MOST_FLIPPING]
        ],
        "refused": _refusal(seeds, n_classes, spec.limits),
    }


def _refusal(seeds: list[dict[str, Any]], n_classes: int, limits: Limits) -> str | None:
    columns = ("balanced_accuracy", "macro_f1", "restarts")
    accuracy, f1, restarts = ([seed[name] for seed in seeds] for name in columns)
    return refusal_of(accuracy, f1, restarts, n_classes, limits)


def predictions(
    dataset: Dataset, chosen: Selection, by_seed: dict[int, np.ndarray], registered: int
) -> pa.Table:
    """A row per test series: truth, the registered model's answer, every seed's answer."""
    names = pa.array(chosen.classes, pa.string())
    probabilities = by_seed[registered]
    table = dataset.labels().take(pa.array(chosen.test)).select(["series_id", "label"])
    columns = {
        "series_id": table["series_id"],
        "label": table["label"],
        "prediction": names.take(pa.array(probabilities.argmax(axis=1))),
        "probabilities": pa.array(list(probabilities), pa.list_(pa.float32())),
        **{
            f"seed_{seed}": names.take(pa.array(answer.argmax(axis=1)))
            for seed, answer in by_seed.items()
        },
    }
    return pa.table(columns)


def _write_json(fs: Any, path: str, content: dict[str, Any]) -> None:
    fs.pipe_file(path, json.dumps(content, indent=2, ensure_ascii=False).encode())
