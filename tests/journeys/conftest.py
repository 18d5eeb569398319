"""Journeys: what users do, and what it must leave (``tests/journeys/kept``)."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.journey import Copy, Journey
from tests.journeys.made import small_spec, strokes

PASSED = pytest.StashKey[bool]()


@pytest.fixture
def journey(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journey]:
    """A journey in an empty folder, named like its test; at the end it is compared."""
    travelled = Journey(request.node.name.removeprefix("test_"), tmp_path)
    yield travelled
    if request.node.stash.get(PASSED, False):
        travelled.arrive()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[object]:
    report = yield
    if report.when == "call":
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture(scope="session")
def press(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Put a store with the trained champion ``press@v1`` and its files into a journey's folder."""
    made = Journey("press", tmp_path_factory.mktemp("press"))
    small_spec(made.folder)
    strokes(made.folder / "press.csv", range(150))
    made.run("seqclass import press.csv --name press")
    made.run("seqclass train press --spec small.json")
    return lambda journey: shutil.copytree(made.folder, journey.folder, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def archive_folder() -> Path:
    """Provide the folder of real data that lies beside the checkout."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("SEQCLASS_SHARED", beside))
    if not folder.is_dir():
        pytest.skip(f"real data is absent: {folder}")
    return folder
