"""Tasks: train the seeds of a candidate, each in its own task run, and assemble them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import pyarrow as pa
import pyarrow.parquet as pq
from prefect import get_run_logger, task, unmapped
from prefect.futures import PrefectFutureList
from rich.console import Console

from seqclass.auxiliary_rows import find_auxiliary
from seqclass.row_split import spec_of, split_of
from seqclass.store.datasets import open_dataset
from seqclass.store.models import HISTORY
from seqclass.store.registry import open_model
from seqclass.store.root import open_root
from seqclass.store.seeds import keep_seed, restore_seed
from seqclass.store.split import Split
from seqclass.stored_records import SeedRecord
from seqclass.training.memory import return_memory
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import holdout_folds
from seqclass.workers import workers
from tasks.compute.candidates import (
    Assembled,
    Candidate,
    MemberAnswers,
    as_recorded,
    best_record,
    forget_seeds,
    seed_key,
)
from tasks.compute.expectation import Outlook, announced, outlook_on, size_of
from tasks.compute.progress import Trainings, followed, summary, trainings
from tasks.compute.replicas import (
    build_ensemble,
    files_of_seed,
    history_path,
    predict_members,
    sample_of,
)
from tasks.compute.replicas import train_seed as train_in_process
from tasks.compute.retries import AGAIN, results_of


def train_seeds(
    candidate: Candidate, recorded: Mapping[int, SeedRecord] | None = None
) -> list[SeedRecord]:
    """Train every seed of a candidate, each as a task run on the flow's task runner.

    recorded: by seed, the record of an earlier training that is to be repeated.

    Raises ValueError, before a process is started, if the split is too small for a training.
    """
    with _shown(candidate) as shown:
        return results_of(_begin(candidate, recorded), shown)


def train_and_answer(candidate: Candidate) -> tuple[list[SeedRecord], list[MemberAnswers]]:
    """Train every seed, and let it answer the test rows as soon as a process is free for that.

    Raises what ``train_seeds`` raises.
    """
    with _shown(candidate) as shown:
        seeds = _begin(candidate)
        answers = answer_test_rows.map(unmapped(candidate), seeds)
        return results_of(seeds, shown), results_of(answers, shown)


def _shown(candidate: Candidate) -> AbstractContextManager[Trainings]:
    check_validation(candidate.read_split(), candidate.training)
    return_memory()
    return trainings(candidate.training.seeds, outlook=_outlook_on(candidate))


def _begin(
    candidate: Candidate, recorded: Mapping[int, SeedRecord] | None = None
) -> PrefectFutureList[SeedRecord]:
    seeds = candidate.training.replica_seeds
    return train_seed.map(
        unmapped(candidate), seeds, [recorded and recorded[seed] for seed in seeds]
    )


def _outlook_on(candidate: Candidate) -> Outlook:
    """Return the time that the command announced, or announce it now."""
    if (outlook := announced()) is None:
        dataset, split, spec = candidate.read_rows(), candidate.read_split(), candidate.training
        size = size_of(dataset, split, find_auxiliary(dataset, split, spec))
        outlook = outlook_on(size, spec)
        get_run_logger().info(outlook.words)
        Console(stderr=True).print(outlook.words, style="dim", highlight=False)
    return outlook


@task(name="train seed", task_run_name="seed {seed}", **AGAIN)
def train_seed(candidate: Candidate, seed: int, recorded: SeedRecord | None = None) -> SeedRecord:
    """Train a seed on the candidate's training rows, or use the seed that a killed training stored.

    Its classifier, members, answers to the rows held back and losses are stored at ``seed_path``
    and beside it.
    """
    dataset, split, spec = candidate.read_rows(), candidate.read_split(), candidate.training
    root, path = dataset.root, candidate.seed_path(seed)
    spec = as_recorded(spec, recorded) if recorded else spec
    key = None if recorded else seed_key(dataset, split, spec, seed)
    with followed(f"seed {seed}") as watch:
        if key and (kept := restore_seed(root, key, files_of_seed(path))):
            watch.finish(f"seed {seed} was trained already, by a training that was killed")
            return kept
        record = workers().call(train_in_process, dataset, split, spec, seed, path, watch=watch)
        if key:
            keep_seed(root, key, files_of_seed(path), record)
        watch.finish(summary(record))
    return record


@task(name="answer test rows", task_run_name="test rows by seed {record[seed]}", **AGAIN)
def answer_test_rows(candidate: Candidate, record: SeedRecord) -> MemberAnswers:
    """Let every member of a trained seed answer the test rows."""
    path = candidate.seed_path(record["seed"])
    job = candidate.read_rows(), candidate.read_split().test, path
    answers: MemberAnswers = workers().call(predict_members, *job)
    return answers


@task(name="assemble")
def assemble(candidate: Candidate, seeds: list[SeedRecord]) -> Assembled:
    """Store the classifier to register as ``model.keras``: the best seed, or the average of all.

    The losses of the training are stored as ``history.parquet``.
    """
    root, best = candidate.root, best_record(seeds)
    paths = [candidate.seed_path(record["seed"]) for record in seeds]
    tables = list[pa.Table]()
    for path in paths:
        with root.fs.open(history_path(path)) as file:
            tables.append(pq.read_table(file))
    with root.fs.open(candidate.path(HISTORY), "wb") as file:
        pq.write_table(pa.concat_tables(tables), file)
    get_run_logger().info("%d seeds trained; seed %d validates best", len(seeds), best["seed"])
    target = candidate.path("model.keras")
    if not candidate.training.ensemble:
        root.fs.cp_file(candidate.seed_path(best["seed"]), target)
        return Assembled(seeds, None)
    members = [(path, own["temperature"]) for path, own in zip(paths, seeds, strict=True)]
    job = root.url, candidate.read_split(), candidate.training, members, target
    return Assembled(seeds, workers().call(build_ensemble, *job))


@task(name="forget seeds")
def forget_finished(model_ref: str, root_url: str) -> None:
    """Remove the seeds that were kept in case the training of a version was killed."""
    model = open_model(open_root(root_url), model_ref)
    dataset = open_dataset(model.root, model.manifest["dataset"])
    forget_seeds(dataset, split_of(model), spec_of(model))


def check_validation(chosen: Split, spec: TrainingSpec) -> None:
    """Refuse rows that can't be held back for validation, before any process is started."""
    y, groups, rows = chosen.codes[chosen.train], chosen.train_groups, sample_of(chosen, spec)
    if rows is not None:
        y, groups = y[rows], None if groups is None else groups[rows]
    is_helped = spec.auxiliary is not None
    holdout_folds(y, groups, spec.validation_fraction, spec.split_seed, is_helped=is_helped)
