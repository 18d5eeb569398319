"""Journeys: what users do, and what it must leave (``tests/journeys/kept``)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.journey import Journey

FAILED = pytest.StashKey[bool]()


@pytest.fixture
def journey(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journey]:
    """A journey in an empty folder, named like its test; at the end it is compared."""
    travelled = Journey(request.node.name.removeprefix("test_"), tmp_path)
    yield travelled
    if not request.node.stash.get(FAILED, False):
        travelled.arrive()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[object]:
    report = yield
    if report.when == "call" and report.failed:
        item.stash[FAILED] = True
    return report
