"""Tasks: train seeds, each in its own task run, register a candidate, reproduce a version."""

from collections.abc import Mapping

from prefect import task, unmapped
from prefect.futures import PrefectFutureList

from seqclass.pipeline import register as registration
from seqclass.pipeline import reproduce as reproduction
from seqclass.pipeline import study
from seqclass.pipeline import train as steps
from seqclass.pipeline.candidates import Candidate, MemberAnswers
from seqclass.pipeline.evaluate import Evaluated
from seqclass.pipeline.progress import trainings
from seqclass.store.datasets import Dataset
from seqclass.store.models import REPORT
from seqclass.store.root import Root
from seqclass.stored_records import SeedRecord
from seqclass.tasks.compute.assets import describe_asset
from seqclass.tasks.compute.steps import AGAIN, results_of, shown_in_prefect
from seqclass.training.spec import TrainingSpec
from seqclass.training.study_spec import StudySpec


def train_seeds(
    candidate: Candidate, recorded: Mapping[int, SeedRecord] | None = None
) -> list[SeedRecord]:
    """Train every seed of a candidate, each as a task run on the flow's task runner.

    recorded: by seed, the record of an earlier training that is to be repeated.
    """
    with steps.shown_trainings(candidate, recorded) as shown:
        return results_of(_begin(candidate, recorded), shown)


def train_and_answer(candidate: Candidate) -> tuple[list[SeedRecord], list[MemberAnswers]]:
    """Train every seed, and let it answer the test rows as soon as a process is free for that."""
    with steps.shown_trainings(candidate) as shown:
        seeds = _begin(candidate)
        answers = answer_test_rows.map(unmapped(candidate), seeds)
        return results_of(seeds, shown), results_of(answers, shown)


def _begin(
    candidate: Candidate, recorded: Mapping[int, SeedRecord] | None = None
) -> PrefectFutureList[SeedRecord]:
    seeds = candidate.training.replica_seeds
    return train_seed.map(
        unmapped(candidate), seeds, [recorded and recorded[seed] for seed in seeds]
    )


@task(name="train seed", task_run_name="seed {seed}", **AGAIN)
def train_seed(candidate: Candidate, seed: int, recorded: SeedRecord | None = None) -> SeedRecord:
    """Train a seed on the candidate's training rows, or use a stored one and choose its rule anew.

    Its classifier, members, answers to the rows held back and losses are stored at ``seed_path``
    and beside it.
    """
    with shown_in_prefect():
        return steps.train_seed(candidate, seed, recorded)


@task(name="answer test rows", task_run_name="test rows by seed {record[seed]}", **AGAIN)
def answer_test_rows(candidate: Candidate, record: SeedRecord) -> MemberAnswers:
    """Let every member of a trained seed answer the test rows."""
    return steps.answer_test_rows(candidate, record)


@task(name="train study")
def train_study(dataset: Dataset, spec: StudySpec) -> int:
    """Train every missing run, each as a task run; returns how many were trained."""
    missing = study.missing_runs(dataset, spec)
    with trainings(len(missing)) as shown:
        runs = train_run.map(list(missing), list(missing.values()), unmapped(dataset))
        results_of(runs, shown)
    return len(missing)


@task(name="train run", task_run_name="{label}", **AGAIN)
def train_run(label: str, spec: TrainingSpec, dataset: Dataset) -> None:
    """Train the spec's one seed, answer the test rows, and store its record, once."""
    with shown_in_prefect():
        study.train_run(label, spec, dataset)


@task(name="register")
def register(candidate: Candidate, evaluated: Evaluated, name: str) -> str:
    """Seal a candidate as ``models/<name>@vN``; returns its reference."""
    root = candidate.root
    ref = registration.register(candidate, evaluated, name)
    report = f"{root.url}/{ref.replace('@', '/')}/{REPORT}"
    describe_asset(root, ref, digest=candidate.dataset.manifest["digest"], report=report)
    return ref


@task(name="reproduce")
def reproduce(model: str, root: Root) -> reproduction.Reproduction:
    """Train a registered model again and compare weights, predictions and scores."""
    return reproduction.reproduce(model, root, train_seeds)
