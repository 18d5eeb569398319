"""Tasks: train the seeds of a candidate, each in its own task run."""

from collections.abc import Mapping

from prefect import task, unmapped
from prefect.futures import PrefectFutureList

from seqclass.pipeline import train as steps
from seqclass.pipeline.candidates import Candidate, MemberAnswers
from seqclass.stored_records import SeedRecord
from seqclass.tasks.compute.progress import shown_in_prefect
from seqclass.tasks.compute.retries import AGAIN, results_of


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
