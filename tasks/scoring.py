"""Tasks: choose a version, score the rows that it has not scored yet, and assess its answers."""

from prefect import task

from seqclass.inference.assessment import Assessment, assess_answers
from seqclass.inference.score_data import Answered, ScoringSpec, Share, score_data, score_share
from seqclass.pipeline.progress import followed, trainings
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.tasks.compute.progress import shown_in_prefect
from seqclass.tasks.compute.retries import AGAIN, results_of
from seqclass.workers import workers


@task(name="resolve model")
def resolve_model(model: str, root: Root) -> str:
    """Return the version that a run scores with, even if the champion changes meanwhile."""
    return open_model(root, model).ref


@task(name="predict")
def predict(model_ref: str, data: str, spec: ScoringSpec, root: Root) -> Answered:
    """Score the partitions of a dataset or file that this version has not scored before."""
    return score_data(root, model_ref, data, spec, _spread)


def _spread(shares: list[Share]) -> None:
    """Score every share as a task run on the flow's task runner."""
    labels = [f"share {number} of {len(shares)}" for number in range(1, len(shares) + 1)]
    with trainings(len(shares), "shares of the files") as shown:
        results_of(score_in_task.map(labels, shares), shown)


@task(name="score share", task_run_name="{label}", **AGAIN)
def score_in_task(label: str, share: Share) -> None:
    """Score the partitions of a share that this version has not scored before."""
    with shown_in_prefect(), followed(label) as watch:
        score_share(share, workers().run)
        watch.finish(f"{label} is scored")


@task(name="assess")
def assess(model_ref: str, tables: list[str], spec: ScoringSpec, root: Root) -> Assessment:
    """Score the rows whose labels are known, None without any, and estimate the accuracy of all."""
    return assess_answers(open_model(root, model_ref), tables, spec)
