"""The tree whose pages these tests look at."""

import fcntl
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seqclass.pages import index_pages
from seqclass.pages.comparison import compare_versions, write_comparison
from seqclass.pages.digest import digest, write_digest
from seqclass.store.log import next_turn
from seqclass.store.registry import MoveReason, move_champion, open_model, write_refusal
from seqclass.store.root import Root, open_root
from tests.support.page_trees import HOSTILE, SCORES
from tests.support.places import NOW
from tests.support.stored import QUICK, store_series, store_version


@pytest.fixture(scope="session")
def tree(worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A copy of the tree, which is made once for all processes that test."""
    base = tmp_path_factory.getbasetemp()
    made = (base if worker_id == "master" else base.parent) / "pages"
    with open(f"{made}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            make_tree(open_root(f"{made}.part"))
            Path(f"{made}.part").rename(made)
    return open_root(shutil.copytree(made, base / "copy"))


def make_tree(root: Root) -> None:
    """A trained model, one of two bare versions, a dataset whose names are hostile, a study, a
    comparison and a digest."""
    from seqclass.flows.stability import study_stability
    from seqclass.pipeline.training import train
    from seqclass.training.study_spec import StudySpec

    store_series(root, n=120)
    for _ in range(2):
        train(root, "toy", spec=QUICK, again=True)
    study_stability("toy", StudySpec(seeds=2, recipes={HOSTILE: QUICK}), root.path)
    store_series(root, "hostile", label=[HOSTILE, "other"] * 30)
    for number in range(2):
        version = store_version(root, "bare", metrics=SCORES).version
        move_champion(
            next_turn(root, "bare"),
            version,
            MoveReason("me", HOSTILE, {}, NOW.replace(second=number)),
        )
    store_version(root, "bare", metrics=SCORES)
    write_refusal(
        next_turn(root, "bare"), "v3", MoveReason("me", "worse", {}, NOW.replace(second=9))
    )
    index_pages.write_all(root)
    models = [open_model(root, ref) for ref in ("toy@v1", "toy@v2")]
    write_comparison(root, compare_versions(models))
    day = timedelta(days=1)
    write_digest(root, digest(root, NOW - day, datetime.now(UTC) + day))
