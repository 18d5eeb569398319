"""Task: train the seed replicas of a classifier."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from prefect import get_run_logger, task

from storage.datasets import open_dataset
from storage.root import open_root
from tasks.display import bars
from tasks.learning.spec import TrainingSpec
from tasks.learning.splits import hold_back
from tasks.replicas import train_seed
from tasks.selection import Selection, select_rows
from tasks.workers import Progress, workers

CANDIDATES = "candidates"
RECORDS = f"{CANDIDATES}/records.json"


def candidate_path(workspace: str, seed: int) -> str:
    return f"{workspace}/{CANDIDATES}/seed-{seed}.keras"


@task(name="train")
def train(dataset_ref: str, spec: TrainingSpec, workspace: str, root_url: str) -> str:
    """Train every seed in processes of its own; store classifiers, records and history."""
    root = open_root(root_url)
    dataset = open_dataset(root, dataset_ref)
    _check_validation(select_rows(dataset, spec), spec)
    root.fs.makedirs(f"{workspace}/{CANDIDATES}", exist_ok=True)
    records = _train_seeds(dataset.ref, spec, workspace, root_url)
    history = [point for record in records for point in record.pop("history")]
    with root.fs.open(f"{workspace}/history.parquet", "wb") as file:
        pq.write_table(pa.Table.from_pylist(history), file)
    root.fs.pipe_file(f"{workspace}/{RECORDS}", json.dumps(records).encode())
    best = best_record(records)
    get_run_logger().info("%d seeds trained; seed %d validates best", len(records), best["seed"])
    return workspace


def _check_validation(chosen: Selection, spec: TrainingSpec) -> None:
    """Refuse rows that can't be held back for validation before any process is started."""
    groups = None if chosen.groups is None else chosen.groups[chosen.train]
    hold_back(chosen.codes[chosen.train], groups, spec.validation_fraction, spec.split_seed)


def _train_seeds(
    dataset_ref: str, spec: TrainingSpec, workspace: str, root_url: str
) -> list[dict[str, Any]]:
    with bars() as display:
        lines = {
            seed: display.add_task(f"seed {seed}", total=None, note="")
            for seed in spec.replica_seeds
        }

        def show(progress: Progress) -> None:
            display.update(
                lines[progress.seed],
                completed=progress.update,
                total=progress.of,
                note=f"loss {progress.loss:.4f}",
            )

        jobs = [
            (train_seed, (root_url, dataset_ref, spec, seed, candidate_path(workspace, seed)))
            for seed in spec.replica_seeds
        ]
        return workers().run(jobs, show)


def best_record(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The seed with the lowest validation log-loss; the lowest seed where two are equal."""
    return min(records, key=lambda record: (record["validation"]["log_loss"], record["seed"]))
