"""A candidate: what training and testing leave in a workspace, before it is registered."""

from pathlib import Path

from prefect.logging import disable_run_logger

from seqclass.store.root import open_root
from seqclass.training.spec import TrainingSpec
from tasks.compute.workers import end_workers
from tasks.data.split import split_rows
from tasks.evaluation.compare import compare
from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.report import write_report
from tasks.training.train import train
from tests.support.stored import store_series


def make_candidate(folder: Path, spec: TrainingSpec) -> Path:
    """Of the toy dataset with 150 rows, which lies beside it."""
    root = open_root(folder / "tree")
    store_series(root, n=150)
    workspace = root.join("candidate")
    with disable_run_logger():
        split_rows.fn("toy", spec, workspace, root.url)
        train.fn("toy", spec, workspace, root.url)
        evaluate.fn("toy", spec, workspace, root.url)
        compare.fn("toy", spec, workspace, "toy", root.url)
        write_report.fn("toy", workspace, root.url)
    end_workers()
    return Path(workspace)
