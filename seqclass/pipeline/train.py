"""Training of the seeds of a candidate, and their assembly."""

import contextlib
import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from seqclass.auxiliary_rows import find_auxiliary
from seqclass.pipeline.candidates import (
    Assembled,
    Candidate,
    MemberAnswers,
    answered_key,
    as_recorded,
    best_record,
    seed_key,
)
from seqclass.pipeline.expectation import expectation, size_of
from seqclass.pipeline.progress import Trainings, followed, results_of, training_line, trainings
from seqclass.pipeline.replicas import (
    answers_path,
    build_ensemble,
    decided,
    files_of_answers,
    files_of_seed,
    history_path,
    out_of_fold_logits,
    predict_members,
    sample_of,
    train_and_store,
)
from seqclass.row_split import spec_of, split_of
from seqclass.store.dataset_writer import share_file
from seqclass.store.datasets import open_dataset
from seqclass.store.models import HISTORY, Model, read_model
from seqclass.store.registry import open_model
from seqclass.store.root import DamagedError, Root
from seqclass.store.seeds import UNFINISHED, forget_seed, keep_seed, restore_seed
from seqclass.store.split import Split
from seqclass.store.tables import read_table
from seqclass.stored_records import SeedRecord
from seqclass.training.memory import return_memory
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import holdout_folds
from seqclass.workers import at_once, workers

logger = logging.getLogger(__name__)


def train_seeds(
    candidate: Candidate, recorded: Mapping[int, SeedRecord] | None = None
) -> list[SeedRecord]:
    """Train every seed of a candidate, as many at once as there are processes.

    recorded: by seed, the record of an earlier training that is to be repeated.

    Raises ValueError, before a process is started, if the split is too small for a training.
    """
    with shown_trainings(candidate, recorded) as shown, ThreadPoolExecutor(at_once()) as pool:
        return results_of(_begin(pool, candidate, recorded), shown)


def train_and_answer(candidate: Candidate) -> tuple[list[SeedRecord], list[MemberAnswers]]:
    """Train every seed, and let it answer the test rows as soon as a process is free for that.

    Raises what ``train_seeds`` raises.
    """
    with shown_trainings(candidate) as shown, ThreadPoolExecutor(at_once()) as pool:
        seeds = _begin(pool, candidate)
        answers = [pool.submit(_answer, candidate, seed) for seed in seeds]
        return results_of(seeds, shown), [answer.result() for answer in answers]


def _answer(candidate: Candidate, trained: Future[SeedRecord]) -> MemberAnswers:
    return answer_test_rows(candidate, trained.result())


def _begin(
    pool: ThreadPoolExecutor,
    candidate: Candidate,
    recorded: Mapping[int, SeedRecord] | None = None,
) -> list[Future[SeedRecord]]:
    def begin(seed: int) -> Future[SeedRecord]:
        record = recorded[seed] if recorded else None
        context = copy_context()
        return pool.submit(lambda: context.run(train_seed, candidate, seed, record))

    return [begin(seed) for seed in candidate.training.replica_seeds]


def shown_trainings(
    candidate: Candidate, recorded: Mapping[int, SeedRecord] | None = None
) -> AbstractContextManager[Trainings]:
    """Announce the time of a candidate's trainings and show them; the split is checked first.

    recorded: as for ``train_seeds``.
    """
    dataset, split, spec = candidate.dataset, candidate.split, candidate.training
    check_validation(split, spec)
    return_memory()
    kept = (_kept_as(candidate, seed) for seed in spec.replica_seeds)
    if not recorded and all(
        any(dataset.root.exists(UNFINISHED, key) for key in files_by_key) for files_by_key in kept
    ):
        words = "the networks of these seeds are stored; only the rule for answers is chosen"
        expected = None
    else:
        size = size_of(dataset, split, find_auxiliary(dataset, split, spec))
        words = (expected := expectation(size, spec)).words
    logger.info(words)
    Console(stderr=True).print(words, style="dim", highlight=False, soft_wrap=True)
    return trainings(spec.seeds, expected=expected)


def train_seed(candidate: Candidate, seed: int, recorded: SeedRecord | None = None) -> SeedRecord:
    """Train a seed on the candidate's training rows, or use a stored one and choose its rule anew.

    Its classifier, members, answers to the rows held back and losses are stored at ``seed_path``
    and beside it.
    """
    dataset, split, spec = candidate.dataset, candidate.split, candidate.training
    root, path = dataset.root, candidate.seed_path(seed)
    spec = as_recorded(spec, recorded) if recorded else spec
    with followed(f"seed {seed}") as watch:
        if not recorded and (kept := _restored(candidate, seed)):
            watch.finish(f"seed {seed} was trained already; its networks are used")
            logits = out_of_fold_logits(root, path)
            return {**kept, **decided(logits, kept["temperature"], split, spec)}
        record = workers().call(train_and_store, dataset, split, spec, seed, path, watch=watch)
        if not recorded:
            keep_seed(root, seed_key(dataset, split, spec, seed), files_of_seed(path), record)
        watch.finish(training_line(record))
    return record


def _kept_as(candidate: Candidate, seed: int) -> dict[str, list[str]]:
    """Return the keys under which a seed may be kept, with the paths of the files it then has."""
    job = candidate.dataset, candidate.split, candidate.training, seed
    path = candidate.seed_path(seed)
    return {seed_key(*job): files_of_seed(path), answered_key(*job): files_of_answers(path)}


def _restored(candidate: Candidate, seed: int) -> SeedRecord | None:
    """Copy a kept seed into the candidate and return its record; None if it is not kept."""
    folder = candidate.seed_path(seed).rpartition("/")[0]
    for key, paths in _kept_as(candidate, seed).items():
        names = [path.rpartition("/")[2] for path in paths]
        if record := restore_seed(candidate.root, key, folder, names):
            return record
    return None


def answer_test_rows(candidate: Candidate, record: SeedRecord) -> MemberAnswers:
    """Let every member of a trained seed answer the test rows, once."""
    root, path = candidate.root, candidate.seed_path(record["seed"])
    if root.fs.exists(answers_path(path)):
        with root.fs.open(answers_path(path), "rb") as file, np.load(file) as stored:
            return dict(stored)
    job = candidate.dataset, candidate.split.test, path
    answers: MemberAnswers = workers().call(predict_members, *job)
    with root.fs.open(answers_path(path), "wb") as file:
        np.savez(file, allow_pickle=False, **answers)
    return answers


def keep_answers(candidate: Candidate, seeds: list[SeedRecord]) -> None:
    """Keep of the seeds, which have answered the test rows, only what another goal needs.

    These are their answers, and the networks that the goal registers. Within a budget a seed that
    has to be trained again may be better than it was, so that each may be registered.
    """
    dataset, split, spec = candidate.dataset, candidate.split, candidate.training
    best = best_record(seeds)["seed"]
    for record in seeds:
        seed, path = record["seed"], candidate.seed_path(record["seed"])
        network = [path] if spec.ensemble or spec.budget_s or seed == best else []
        key = answered_key(dataset, split, spec, seed)
        keep_seed(dataset.root, key, [*network, *files_of_answers(path)], record, answered=True)
        forget_seed(dataset.root, seed_key(dataset, split, spec, seed))


def assemble(candidate: Candidate, seeds: list[SeedRecord]) -> Assembled:
    """Store the classifier to register as ``model.keras``: the best seed, or the average of all.

    The losses of the training are stored as ``history.parquet``.
    """
    root, best = candidate.root, best_record(seeds)
    paths = [candidate.seed_path(record["seed"]) for record in seeds]
    tables = [read_table(root, history_path(path)) for path in paths]
    with root.fs.open(candidate.path(HISTORY), "wb") as file:
        pq.write_table(pa.concat_tables(tables), file)
    logger.info("%d seeds trained; seed %d validates best", len(seeds), best["seed"])
    target = candidate.path("model.keras")
    if not candidate.training.ensemble:
        share_file(root, candidate.seed_path(best["seed"]), target)
        return Assembled(seeds, None)
    members = [(path, record["temperature"]) for path, record in zip(paths, seeds, strict=True)]
    job = root, candidate.split, candidate.training, members, target
    return Assembled(seeds, workers().call(build_ensemble, *job))


def forget_older(model_ref: str, root: Root) -> None:
    """Remove what is kept of the seeds of the version before; another goal may use this one's."""
    model = open_model(root, model_ref)
    before = int(model.version.removeprefix("v")) - 1
    if before:
        with contextlib.suppress(DamagedError, ValueError, FileNotFoundError):
            earlier = read_model(root, model.name, f"v{before}")
            for key in _keys_of(earlier) - _keys_of(model):
                forget_seed(root, key)


def _keys_of(model: Model) -> set[str]:
    dataset = open_dataset(model.root, model.manifest["dataset"])
    split, spec = split_of(model), spec_of(model)
    return {answered_key(dataset, split, spec, seed) for seed in spec.replica_seeds}


def check_validation(split: Split, spec: TrainingSpec) -> None:
    """Refuse rows that can't be held back for validation, before any process is started."""
    y, groups, rows = split.codes[split.train], split.train_groups, sample_of(split, spec)
    if rows is not None:
        y, groups = y[rows], None if groups is None else groups[rows]
    is_helped = spec.auxiliary is not None
    holdout_folds(y, groups, spec.validation_fraction, spec.split_seed, is_helped=is_helped)
