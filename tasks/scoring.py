"""Tasks: score the rows that a version has not scored yet."""

from prefect import task

from seqclass.inference.score_data import Answered, ScoringSpec, Share, score_data, score_share
from seqclass.pipeline.progress import followed, trainings
from seqclass.store.root import Root
from seqclass.tasks.compute.steps import AGAIN, results_of, shown_in_prefect
from seqclass.workers import workers


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
