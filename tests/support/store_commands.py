"""Commands on a root, in this process: an error there is theirs, or the store's.

Only what needs no server and no network of a model: answers to rows are written, not computed.
"""

import contextlib
from datetime import timedelta
from pathlib import Path

import numpy as np
from prefect.logging import disable_run_logger

from seqclass.inference.score_data import Share, score_data, scores_of
from seqclass.labelling.relabelling import LabelsSpec, take_in
from seqclass.pages.index_pages import write_all
from seqclass.pipeline.approve import decline_if_over
from seqclass.pipeline.overdue import find_due
from seqclass.pipeline.prometheus import write_metrics
from seqclass.pipeline.promote import promote_version, roll_back
from seqclass.store.garbage import collect_garbage
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import check_deletable, plan_pruning, remove_items
from seqclass.store.registry import open_model
from seqclass.store.retrainings import note_told
from seqclass.store.root import Root, open_root
from seqclass.store.scores import TABLE
from seqclass.store.staging import staging
from tests.support.arrivals import drop, rows, sweep
from tests.support.places import NOW
from tests.support.stored import store_series

LATER = NOW + timedelta(days=1)
REFUSED = (ValueError, OSError)


def prune(root: Root) -> None:
    spec = PruneSpec(0, 1)
    going = [item.ref for item in plan_pruning(root, spec, LATER) if not item.why]
    remove_items(root, spec, going, "why", LATER)


def delete(root: Root) -> None:
    """Each version of a model or dataset, as far as it may go."""
    spec = PruneSpec(days=0, newest=False, unregistered=False)
    for item in plan_pruning(root, spec, LATER):
        if "@" in item.ref:
            with contextlib.suppress(*REFUSED):
                check_deletable(root, item)
                remove_items(root, spec, [item.ref], "why", LATER)


def score(root: Root) -> None:
    score_data(root, "m", "toy", score=_answer)


def _answer(shares: list[Share]) -> None:
    for share in shares:
        root = share.root
        model = open_model(root, share.model)
        for partition in share.partitions:
            with staging(root, "scores") as folder:
                root.fs.makedirs(folder, exist_ok=True)
                root.fs.pipe_file(f"{folder}/{TABLE}", np.arange(9).tobytes())
                scores_of(model, partition).write(folder, {"rows": 9, "unknown": 0}, LATER)


def label(root: Root) -> None:
    answers = Path(f"{root.path}-answers.csv")
    answers.write_text("series_id,label\ns000,up\n")
    take_in(open_model(root, "m"), LabelsSpec(str(answers), "ann"), LATER)


def keep_up(root: Root) -> None:
    """The steps of the upkeep, of which each goes on where another fails."""
    with disable_run_logger():
        for step in (
            lambda: decline_if_over(root, "m", LATER),
            lambda: [note_told(root, name, "x") for name in find_due(LATER, root).names],
            lambda: write_metrics(LATER, root),
        ):
            with contextlib.suppress(*REFUSED):
                step()


def ingest(root: Root) -> None:
    """A file of the dataset's inbox, read by another process."""
    inbox = open_root(root.join("inbox", "toy"))
    drop(inbox, "new.parquet", rows(100))
    sweep(root, inbox)


COMMANDS = {
    "sweep": collect_garbage,
    "pages": write_all,
    "import": lambda root: store_series(root, n=20),
    "label": label,
    "upkeep": keep_up,
    "promote": lambda root: promote_version(root, "m@v1", "why", True, LATER),
    "rollback": lambda root: roll_back(root, "m", "why", LATER),
    "prune": prune,
    "delete": delete,
    "score": score,
}
SLOW_COMMANDS = {"ingest": ingest}
"""Commands that start a process."""
