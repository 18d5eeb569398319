"""Tasks: train the candidates of an architecture search, and choose one of them."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from prefect import get_run_logger, task, unmapped
from prefect.artifacts import create_table_artifact
from typing_extensions import TypedDict

from seqclass.pipeline.progress import followed, summary, trainings
from seqclass.pipeline.replicas import search_fold
from seqclass.pipeline.study import run_of
from seqclass.pipeline.train import check_validation
from seqclass.row_split import select_rows
from seqclass.runtime import numerics
from seqclass.store.datasets import Dataset, open_checked, open_dataset
from seqclass.store.manifests import StudyDescription
from seqclass.store.references import SearchRef
from seqclass.store.root import Root, open_root
from seqclass.store.split import Split
from seqclass.store.staging import staging
from seqclass.store.studies import (
    SEARCHES,
    commit_study,
    digest_of,
    open_study,
    read_run,
    run_path,
)
from seqclass.stored_records import CandidateProgress, CandidateSummary, RunRecord, SearchSummary
from seqclass.training.halving import (
    Difference,
    Found,
    Halving,
    Job,
    SearchSpec,
    Train,
    changes,
    choose,
    difference,
    max_jobs,
    state_of,
    successive_halving,
    title,
)
from seqclass.training.spec import Member, TrainingSpec
from seqclass.training.splits import assign_folds
from seqclass.workers import at_once, workers
from tasks.compute.artifacts import artifact_key
from tasks.compute.retries import AGAIN, results_of

TABLE, SUMMARY, CHOSEN = "runs.parquet", "search.json", "spec.json"
SEARCHED: Member = "conv-lstm"
"""The member whose architecture is searched."""


class SearchRow(TypedDict):
    """A run in the table of a search: scores of a fold, losses in nats, seconds of training."""

    run: str
    kind: str
    units: int
    filters: int | None
    fold: int
    rows: int
    log_loss: float
    macro_f1: float
    temperature: float
    updates: int
    restarts: int
    seconds: float
    validation_log_loss: float
    weights_sha256: str


@dataclass(frozen=True)
class _Search:
    """A search and the records of its runs."""

    dataset: Dataset
    spec: SearchSpec

    @property
    def name(self) -> str:
        return self.dataset.manifest["name"]

    @cached_property
    def split(self) -> Split:
        return select_rows(self.dataset, self.spec.training)

    @cached_property
    def folds(self) -> np.ndarray:
        """The fold of every training row ``(n,)``; test rows are in none."""
        rows, spec = self.split, self.spec
        codes, seed = rows.codes[rows.train], spec.training.split_seed
        return assign_folds(codes, rows.train_groups, spec.folds, seed)

    def without_fold(self, fold: int) -> Split:
        """Return the split that trains on all training rows but a fold's, and tests on the fold."""
        rows, folds = self.split.train, self.folds
        return replace(self.split, train=rows[folds != fold], test=rows[folds == fold])

    def spec_of(self, candidate: int) -> TrainingSpec:
        """Return a candidate's spec with its network as the only member to be compared."""
        return replace(self.spec.spec_of(candidate), members=(SEARCHED,))

    def run(self, job: Job) -> str:
        spec = self.spec_of(job.candidate)
        return digest_of([run_of(self.dataset, spec, spec.first_seed), self.spec.folds, job.fold])

    def find(self, job: Job) -> RunRecord | None:
        found = read_run(self.dataset.root, self.name, self.run(job), SEARCHES)
        return cast(RunRecord | None, found)

    def record(self, job: Job) -> RunRecord:
        found = self.find(job)
        if found is None:
            raise ValueError(
                f"search: expected run {self.run(job)} ({self.label(job)}), its record is gone; "
                "start the search again"
            )
        return found

    def label(self, job: Job) -> str:
        name = title(self.spec.candidates()[job.candidate])
        return f"{name}, fold {job.fold + 1} of {self.spec.folds}"

    def found(self, wave: list[Job]) -> list[Found]:
        records = [self.record(job) for job in wave]
        return [Found(record["log_loss"], record["seconds"]) for record in records]

    def successive_halving(self, train: Train) -> Halving:
        return successive_halving(len(self.spec.candidates()), self.spec, at_once(), train)


@task(name="search architectures")
def search_architectures(dataset_ref: str, spec: SearchSpec, root_url: str) -> int:
    """Train every missing run that the budget allows; each is stored at once.

    Returns how many were trained.
    """
    root = open_root(root_url)
    search, trained = _Search(open_dataset(root, dataset_ref), spec), 0
    _check_folds(search)
    with trainings(max_jobs(len(spec.candidates()), spec.folds)) as shown:

        def train(wave: list[Job]) -> list[Found]:
            nonlocal trained
            missing = [job for job in wave if search.find(job) is None]
            known = unmapped(search.dataset.ref), unmapped(spec), unmapped(root_url)
            labels = [search.label(job) for job in missing]
            results_of(train_fold.map(labels, list(map(tuple, missing)), *known), shown)
            trained += len(missing)
            return search.found(wave)

        search.successive_halving(train)
    get_run_logger().info("%d runs trained", trained)
    return trained


@task(name="train fold", task_run_name="{label}", **AGAIN)
def train_fold(
    label: str, job: tuple[int, int], dataset_ref: str, spec: SearchSpec, root_url: str
) -> None:
    """Train a candidate on all folds but one, answer that one, and store its record, once.

    job: the candidate's place on the ladder, and the number of the fold.
    """
    search = _Search(open_checked(open_root(root_url), dataset_ref), spec)
    where = run_path(search.dataset.root, search.name, search.run(Job(*job)), SEARCHES)
    work = search.dataset, search.without_fold(job[1]), search.spec_of(job[0])
    with followed(label) as watch:
        if (record := search.find(Job(*job))) is None:
            record = workers().call(search_fold, *work, label, where, watch=watch)
        watch.finish(summary(record))


def _check_folds(search: _Search) -> None:
    """Refuse, before any process is started, rows that can't be cut into folds."""
    for fold in range(search.spec.folds):
        check_validation(search.without_fold(fold), search.spec.training)


@task(name="summarise search")
def summarise_search(dataset_ref: str, spec: SearchSpec, root_url: str) -> str:
    """Seal the table of all runs, the choice, and its spec; return the search's reference."""
    root = open_root(root_url)
    search = _Search(open_dataset(root, dataset_ref), spec)
    halved = search.successive_halving(search.found)
    summary, chosen = _summary(search, halved)
    rows = [_row(search, job) for job in sorted(halved.done)]
    told: StudyDescription = {
        "dataset": search.dataset.ref,
        "chosen": title(spec.candidates()[chosen]),
        "spec": asdict(spec),
        "numerics": numerics(),
    }
    with staging(root, "search") as workspace:
        _write(root, workspace, rows, summary, changes(spec.spec_of(chosen), TrainingSpec()))
        version, now = digest_of([row["run"] for row in rows]), datetime.now(UTC)
        return commit_study(root, workspace, SearchRef(search.name, version), told, now).ref


def _write(
    root: Root,
    workspace: str,
    rows: list[SearchRow],
    summary: SearchSummary,
    differing: dict[str, object],
) -> None:
    root.fs.makedirs(workspace, exist_ok=True)
    with root.fs.open(f"{workspace}/{TABLE}", "wb") as file:
        pq.write_table(pa.Table.from_pylist(rows), file)
    for name, content in ((SUMMARY, summary), (CHOSEN, differing)):
        text = json.dumps(content, indent=2, ensure_ascii=False)
        root.fs.pipe_file(f"{workspace}/{name}", text.encode())


def _summary(search: _Search, halved: Halving) -> tuple[SearchSummary, int]:
    """Return the summary of a search, and the chosen candidate."""
    candidates, folds = search.spec.candidates(), search.spec.folds
    losses = {
        number: _losses(search, number)
        for number in range(len(candidates))
        if state_of(number, halved.done, folds) == "complete"
    }
    differences = _differences(search, losses)
    chosen, rule = choose(differences)
    told: list[CandidateSummary] = [
        {
            **_progress(search, halved, number),
            "chosen": number == chosen,
            "log_loss": float(losses[number].mean()) if number in losses else None,
            "gain": differences[number].gain if number in differences else None,
            "standard_error": differences[number].standard_error if number in differences else None,
        }
        for number in range(len(candidates))
    ]
    return {
        "chosen": asdict(candidates[chosen]),
        "changed": chosen != 0,
        "rule": rule,
        "candidates": told,
        "not_reached": sum(candidate["state"] == "not reached" for candidate in told),
        "folds": folds,
        "seconds": search.spec.seconds,
        "spent": round(halved.spent, 2),
    }, chosen


def _progress(search: _Search, halved: Halving, number: int) -> CandidateProgress:
    candidate = search.spec.candidates()[number]
    runs = [found for job, found in halved.done.items() if job.candidate == number]
    first = halved.done.get(Job(number, 0))
    return {
        "candidate": title(candidate),
        "architecture": asdict(candidate),
        "state": state_of(number, halved.done, search.spec.folds),
        "folds": len(runs),
        "first_fold_log_loss": first.log_loss if first else None,
        "seconds": round(sum(run.seconds for run in runs), 2),
    }


def _losses(search: _Search, number: int) -> np.ndarray:
    """Return the log-loss of every training row by the candidate trained without its fold."""
    losses = np.empty(len(search.folds))
    for fold in range(search.spec.folds):
        losses[search.folds == fold] = search.record(Job(number, fold))["losses"]
    return losses


def _differences(search: _Search, losses: dict[int, np.ndarray]) -> dict[int, Difference]:
    groups = search.split.train_groups
    return {
        number: difference(losses[0], losses[number], groups) for number in losses if number > 0
    }


def _row(search: _Search, job: Job) -> SearchRow:
    record, candidate = search.record(job), search.spec.candidates()[job.candidate]
    return {
        "run": search.run(job),
        "kind": candidate.kind,
        "units": candidate.units,
        "filters": candidate.filters if candidate.kind == "conv-lstm" else None,
        "fold": job.fold,
        "rows": len(record["losses"]),
        "log_loss": record["log_loss"],
        "macro_f1": record["macro_f1"],
        "temperature": record["temperature"],
        "updates": record["updates"],
        "restarts": record["restarts"],
        "seconds": record["seconds"],
        "validation_log_loss": record["validation"]["log_loss"],
        "weights_sha256": record["weights_sha256"],
    }


@task(name="publish search")
def publish_search(search_ref: str, root_url: str) -> None:
    """Show a search in Prefect as a table, a row per candidate."""
    search = open_study(open_root(root_url), search_ref)
    found = search.read_json(SUMMARY)
    columns = ("candidate", "state", "chosen", "log_loss", "gain", "standard_error", "seconds")
    rows = [{name: candidate[name] for name in columns} for candidate in found["candidates"]]
    key = f"{artifact_key(search.name)}-search"
    create_table_artifact(rows, key, f"{search.ref}: {found['rule']}")
    get_run_logger().info("artifact %s", key)
