"""A candidate: what training and testing leave in a workspace, before it is registered."""

from pathlib import Path

from prefect import flow

from flows.training import train_split
from seqclass.store.root import open_root
from seqclass.training.spec import TrainingSpec
from seqclass.workers import end_workers
from tasks.compute.runner import task_runner
from tasks.data.split_rows import split_rows
from tasks.evaluation.compare import compare
from tasks.evaluation.report import write_report
from tests.support.stored import store_series


@flow(task_runner=task_runner())
def _make(spec: TrainingSpec, workspace: str, root_url: str) -> None:
    candidate = split_rows("toy", spec, workspace, root_url)
    compare(candidate, train_split(candidate), "toy")
    write_report(candidate)


def make_candidate(folder: Path, spec: TrainingSpec) -> Path:
    """Of the toy dataset with 150 rows, which lies beside it."""
    root = open_root(folder / "tree")
    store_series(root, n=150)
    workspace = root.join("candidate")
    _make(spec, workspace, root.url)
    end_workers()
    return Path(workspace)
