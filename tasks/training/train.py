"""Task: train the seed replicas of a classifier."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
from prefect import get_run_logger, task

from seqclass.store.datasets import open_checked, open_dataset
from seqclass.store.registry import open_model
from seqclass.store.root import open_root
from seqclass.store.split import SPLIT, Split, read_split
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import hold_back
from tasks.compute.candidates import RECORDS, best_record, forget_seeds, train_candidates
from tasks.data.split import spec_of, split_of


@task(name="train")
def train(dataset_ref: str, spec: TrainingSpec, workspace: str, root_url: str) -> str:
    """Train every seed in processes of its own; store classifiers, records and history."""
    root = open_root(root_url)
    dataset = open_checked(root, dataset_ref)
    split = read_split(root, f"{workspace}/{SPLIT}")
    check_validation(split, spec)
    records = train_candidates(dataset, split, spec, workspace)
    history = [point for record in records for point in record.pop("history")]
    with root.fs.open(f"{workspace}/history.parquet", "wb") as file:
        pq.write_table(pa.Table.from_pylist(history), file)
    root.fs.pipe_file(f"{workspace}/{RECORDS}", json.dumps(records).encode())
    best = best_record(records)
    get_run_logger().info("%d seeds trained; seed %d validates best", len(records), best["seed"])
    return workspace


@task(name="forget seeds")
def forget_finished(model_ref: str, root_url: str) -> None:
    """Remove the seeds that were kept in case that the training of a version was killed."""
    model = open_model(open_root(root_url), model_ref)
    dataset = open_dataset(model.root, model.manifest["dataset"])
    forget_seeds(dataset, split_of(model), spec_of(model))


def check_validation(chosen: Split, spec: TrainingSpec) -> None:
    """Refuse rows that can't be held back for validation before any process is started."""
    hold_back(
        chosen.codes[chosen.train], chosen.train_groups, spec.validation_fraction, spec.split_seed
    )
