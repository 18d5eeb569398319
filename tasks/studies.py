"""Tasks: train many seeds of several recipes on one dataset, and summarise how they spread."""

from prefect import task, unmapped

from seqclass.pipeline import study
from seqclass.pipeline.progress import trainings
from seqclass.store.datasets import Dataset
from seqclass.tasks.compute.progress import shown_in_prefect
from seqclass.tasks.compute.retries import AGAIN, results_of
from seqclass.training.spec import TrainingSpec
from seqclass.training.study_spec import StudySpec


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
