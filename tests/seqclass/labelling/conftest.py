"""A model that doubts labels, and what is asked of it, made once, with copies to change."""

import shutil

import pytest

from seqclass.labelling.label_queue import Queue, queue_of
from seqclass.store.models import Model
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from tests.support.labelled import store_doubts


@pytest.fixture(scope="session")
def doubts(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("doubts")
    return store_doubts(open_root(folder / "tree"), folder / "given")


@pytest.fixture(scope="session")
def queue(doubts: Model) -> Queue:
    bad = []
    asked = queue_of(doubts, 50, False, bad)
    assert bad == []
    return asked


@pytest.fixture
def doubting(doubts: Model, root: Root) -> Model:
    """A copy to change."""
    shutil.copytree(doubts.root.path, root.path)
    return open_model(root, doubts.ref)
