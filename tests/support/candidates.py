"""A candidate: what training and testing leave in a workspace, before it is registered."""

from pathlib import Path

from seqclass.pipeline.candidates import Candidate, split_rows
from seqclass.pipeline.compare import compare
from seqclass.pipeline.evaluate import evaluate, read_evaluated
from seqclass.pipeline.register import register
from seqclass.pipeline.report import write_report
from seqclass.pipeline.train import assemble, train_and_answer
from seqclass.store.datasets import open_checked
from seqclass.store.log import next_turn
from seqclass.store.registry import MoveReason, move_champion, open_model
from seqclass.store.root import Root, open_root
from seqclass.store.split import SPLIT, read_split
from seqclass.store.staging import staging
from seqclass.training.spec import TrainingSpec
from seqclass.workers import end_workers
from tests.support.places import NOW
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


def register_candidate(
    root: Root, folder: Path, spec: TrainingSpec, dataset: str, name: str
) -> str:
    """Register a candidate that ``make_candidate`` made as a version of a model; its reference."""
    with staging(root, f"model-{dataset}") as workspace:
        for path in (path for path in sorted(folder.rglob("*")) if path.is_file()):
            target = f"{workspace}/{path.relative_to(folder)}"
            root.fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            root.fs.pipe_file(target, path.read_bytes())
        rows, split = open_checked(root, dataset), read_split(root, f"{workspace}/{SPLIT}")
        candidate = Candidate(rows, split, spec, workspace)
        return register(candidate, read_evaluated(root, workspace), name)


def register_champion(root: Root, folder: Path, spec: TrainingSpec, name: str) -> None:
    """Store a dataset of 150 rows and a champion of this name, from a candidate as above."""
    store_series(root, name, n=150)
    version = open_model(root, register_candidate(root, folder, spec, name, name)).version
    move_champion(next_turn(root, name), version, MoveReason("me", "", {}, NOW))
