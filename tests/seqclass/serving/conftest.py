"""A root of four small versions: v1 and v2 of one network, v3 and v4 with its classes exchanged."""

import shutil
from pathlib import Path

import pytest

from seqclass.store.root import Root, open_root
from tests.support.stored import make_champion, register, store_series


@pytest.fixture(scope="session")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Root:
    """The champion is v1."""
    root = open_root(tmp_path_factory.mktemp("served"))
    dataset = store_series(root, n=90)
    assert [model.version for model in register(dataset)] == ["v1", "v2"]
    assert [model.version for model in register(dataset, classes=["up", "down"])] == ["v3", "v4"]
    make_champion(root, "toy", "v1")
    return root


@pytest.fixture
def own_root(versions: Root, tmp_path: Path) -> Root:
    """A copy whose champion may move."""
    shutil.copytree(versions.path, tmp_path / "tree")
    return open_root(tmp_path / "tree")
