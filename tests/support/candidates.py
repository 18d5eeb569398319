"""A candidate: what training and testing leave in a workspace, before it is registered."""

from pathlib import Path

from seqclass.pipeline.compare import compare
from seqclass.pipeline.evaluate import evaluate
from seqclass.pipeline.report import write_report
from seqclass.pipeline.split_rows import split_rows
from seqclass.pipeline.train import assemble, train_and_answer
from seqclass.store.root import open_root
from seqclass.training.spec import TrainingSpec
from seqclass.workers import end_workers
from tests.support.stored import store_series


def make_candidate(folder: Path, spec: TrainingSpec) -> Path:
    """Of the toy dataset with 150 rows, which lies beside it."""
    root = open_root(folder / "tree")
    store_series(root, n=150)
    workspace = root.join("candidate")
    candidate = split_rows("toy", spec, workspace, root)
    seeds, answers = train_and_answer(candidate)
    compare(candidate, evaluate(candidate, assemble(candidate, seeds), answers), "toy")
    write_report(candidate)
    end_workers()
    return Path(workspace)
