"""Parts that tests share: a storage root, a real Prefect server, small datasets."""

import json
import os
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import typer.main
from hypothesis import HealthCheck, settings

from seqclass.flows.__main__ import run_command
from seqclass.flows.cli.command_line import PREFECT_SETTINGS
from seqclass.flows.service.ephemeral_server import NO_BLOCKS
from seqclass.runtime import environment
from seqclass.store.root import Root, open_root
from tests.support import buckets
from tests.support.chromium import Page, browse
from tests.support.commands import Command, CountRequests
from tests.support.places import SHARED
from tests.support.servers import free_port, wait_until_healthy
from tests.support.stored import store_series

os.environ.update(PREFECT_SETTINGS)
# Tests that train in this process do as the worker processes: threads beside them only wait.
os.environ.update(environment())
# Commands that run in this process would set it for the processes that tests start.
os.environ["PYTHONSAFEPATH"] = ""
# How long drawing examples takes says how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
# Commands are built once for all calls in this process, as the one call of a user builds them.
typer.main.get_command = cache(typer.main.get_command)


SERVERS = {"served_home", "endpoint", "browser", "press"}
"""Fixtures that start Prefect's server, an S3 endpoint, a browser; ``press`` trains by commands."""

LONGEST = {"service", "end_to_end", "journeys"}
"""Folders of the tests that take longest."""

MADE = "made.db"
"""The database of the served home as its server made it."""


def pytest_configure(config: pytest.Config) -> None:
    """Import Prefect before a test module imports TensorFlow: when Prefect sets logging up, the
    handler of absl closes the stream that it began with, which is pytest's. The process that only
    hands tests out needs neither."""
    if not config.getoption("numprocesses", None):
        import_module("prefect.main")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that use ``SERVERS`` as ``system``, and put the longest tests first.

    So no process of the run waits long for another at its end, and CI, whose time may end before
    the last test, skips short ones.
    """
    for item in items:
        if SERVERS & set(item.fixturenames):  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.system)
    served = {item.path for item in items if "served_home" in item.fixturenames}  # type: ignore[attr-defined]
    items.sort(key=lambda item: (item.path.parent.name not in LONGEST, item.path not in served))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip system tests from the moment on that CI sets (seconds since 1970)."""
    until = float(os.environ.get("SEQCLASS_SYSTEM_UNTIL", "inf"))
    if item.get_closest_marker("system") and time.time() > until:
        pytest.skip("CI's time is nearly over; 'make test-system' runs this one")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root(tmp_path / "tree")


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """An S3 endpoint of moto on loopback."""
    with buckets.endpoint() as (_, url):
        yield url


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Root:
    """A root in a bucket of its own."""
    import s3fs

    for key, value in {**buckets.ACCESS, "AWS_ENDPOINT_URL_S3": endpoint}.items():
        monkeypatch.setenv(key, value)
    name = f"bucket-{uuid.uuid4().hex}"
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir(name)
    return open_root(f"s3://{name}/tree")


@pytest.fixture
def requests_of(bucket: Root) -> CountRequests:
    """The number of requests that a call sends to the bucket."""
    sent = 0

    def count_one(**_: object) -> None:
        nonlocal sent
        sent += 1

    bucket.fs.connect()
    bucket.fs.s3.meta.events.register("before-send.s3", count_one)

    def count(call: Callable[[], object]) -> int:
        before = sent
        call()
        return sent - before

    return count


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"real data is absent: {SHARED}")
    return SHARED


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browse(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="session")
def served_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("prefect")


@pytest.fixture(scope="session")
def copy_database(prefect_url: str, served_home: Path) -> Callable[[Path], None]:
    """Put a database without runs into another home: a server takes long to make one."""
    return lambda home: copy_to(home / "prefect.db", served_home / MADE)


def copy_to(copy: Path, database: Path) -> None:
    with closing(sqlite3.connect(database)) as made, closing(sqlite3.connect(copy)) as copied:
        made.backup(copied)


@pytest.fixture
def prefect_home(copy_database: Callable[[Path], None], tmp_path: Path) -> Path:
    """A home whose database is made already."""
    (tmp_path / "home").mkdir()
    copy_database(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="session")
def prefect_url(served_home: Path) -> Iterator[str]:
    """The API of a real Prefect server with a home of its own, and a copy of the new database."""
    port = free_port()
    environment = {**os.environ, **PREFECT_SETTINGS, "PREFECT_HOME": str(served_home)}
    server = subprocess.Popen(
        [f"{Path(sys.executable).parent}/prefect", "server", "start", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/api"
    try:
        wait_until_healthy(f"{url}/health", server)
        copy_to(served_home / MADE, served_home / "prefect.db")
        os.environ.update(NO_BLOCKS)  # the database that the next servers copy has them
        yield url
    finally:
        server.terminate()
        server.wait(timeout=120)


@pytest.fixture(scope="session")
def prefect(prefect_url: str) -> Iterator[str]:
    """Flows that this process runs use the real server."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_TASKS_DEFAULT_NO_CACHE,
        temporary_settings,
    )

    os.environ["PREFECT_API_URL"] = prefect_url
    settings = {PREFECT_API_URL: prefect_url, PREFECT_TASKS_DEFAULT_NO_CACHE: True}
    with temporary_settings(settings):
        yield prefect_url
        APILogWorker.drain_all(timeout=10)
        EventsWorker.drain_all()
    del os.environ["PREFECT_API_URL"]


@pytest.fixture
def seqclass(root: Root, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in this process on the test's root; its exit code, output and errors."""
    monkeypatch.setenv("SEQCLASS_STORAGE", root.path)

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["seqclass", *map(str, arguments)])
        code = run_command()
        out, err = capfd.readouterr()
        return code, out, err

    return call


@pytest.fixture
def seqclass_json(seqclass: Command) -> Callable[..., dict]:
    def call(*arguments: object) -> dict:
        code, out, err = seqclass(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


@pytest.fixture
def inbox(root: Root) -> Root:
    """An empty inbox beside a dataset ``toy`` of 60 series."""
    store_series(root)
    folder = open_root(root.join("inbox", "toy"))
    os.makedirs(folder.path)
    return folder
