"""The tree whose pages these tests look at."""

import pytest

from seqclass.pages import catalogue
from seqclass.store.registry import Grounds, move_champion, write_refusal
from seqclass.store.root import Root, open_root
from tests.support.page_trees import HOSTILE, SCORES
from tests.support.places import NOW
from tests.support.stored import store_series, store_version


@pytest.fixture(scope="session")
def tree(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> Root:
    """A trained model, one of two bare versions, and a dataset whose names are hostile."""
    from flows.training import train_classifier
    from seqclass.training.spec import TrainingSpec

    root = open_root(tmp_path_factory.mktemp("pages"))
    store_series(root, n=120)
    spec = TrainingSpec(seeds=1, members=("convolutions",))
    for _ in range(2):
        train_classifier("toy", spec=spec, root=root.path)
    store_series(root, "hostile", label=[HOSTILE, "other"] * 30)
    for number in range(2):
        version = store_version(root, "bare", metrics=SCORES).version
        move_champion(root, "bare", version, Grounds("me", HOSTILE, {}, NOW.replace(second=number)))
    write_refusal(root, "bare", "v3", Grounds("me", "worse", {}, NOW.replace(second=9)))
    catalogue.write_all(root)
    return root
