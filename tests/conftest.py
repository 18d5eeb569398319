"""Parts that tests share: a storage root, a real Prefect server, small datasets."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from flows.__main__ import main
from flows.cli.command_line import PREFECT_SETTINGS
from seqclass.runtime import environment
from seqclass.store.datasets import Dataset, write_dataset
from seqclass.store.models import Model, commit_model
from seqclass.store.root import Root, open_root
from seqclass.store.rows import from_dense
from seqclass.store.staging import staging

REPOSITORY = Path(__file__).parent.parent
SHARED = REPOSITORY.parent / "shared" / "data"
os.environ.update(PREFECT_SETTINGS)
# Tests that train in this process do as the worker processes: threads beside them only wait.
os.environ.update(environment())
# Before a test module imports TensorFlow: when Prefect sets logging up, the handler of absl closes
# the stream that it began with, which is pytest's.
import_module("prefect.main")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Leave slow tests out, and say so, from the moment on that CI sets (seconds since 1970)."""
    until = float(os.environ.get("SEQCLASS_SLOW_UNTIL", "inf"))
    if item.get_closest_marker("slow") and time.time() > until:
        pytest.skip("CI's half hour is nearly over; 'make test-slow' runs this one")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return open_root(tmp_path / "tree")


def in_turn(app: Callable) -> Callable:
    """A WSGI application that answers one request after the other, so that moto's comparison and
    its write are one step, as those of S3 are."""
    lock = threading.Lock()

    def answer(environ: dict, start_response: Callable) -> list[bytes]:
        with lock:
            return list(app(environ, start_response))

    return answer


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """An S3 endpoint of moto on loopback."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app = in_turn(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, True, request_handler=MotoRequestHandler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Root:
    """A root in a bucket of its own."""
    import s3fs

    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    name = f"bucket-{uuid.uuid4().hex}"
    s3fs.S3FileSystem.clear_instance_cache()
    s3fs.S3FileSystem().mkdir(name)
    return open_root(f"s3://{name}/tree")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"real data is absent: {SHARED}")
    return SHARED


def hear_interrupts() -> None:
    """Run in a child before it starts: a background shell makes children deaf to SIGINT, and a
    Prefect worker ends by sending itself one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def prefect_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a real Prefect server with a home of its own."""
    home, port = tmp_path_factory.mktemp("prefect"), free_port()
    environment = {**os.environ, **PREFECT_SETTINGS, "PREFECT_HOME": str(home)}
    server = subprocess.Popen(
        [f"{Path(sys.executable).parent}/prefect", "server", "start", "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/api"
    try:
        wait_until_healthy(f"{url}/health", server)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_until_healthy(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert server.poll() is None, "the Prefect server ended"
        try:
            urllib.request.urlopen(url, timeout=2)  # noqa: S310 - loopback
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError("the Prefect server did not become healthy")


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
    with temporary_settings({PREFECT_API_URL: prefect_url, PREFECT_TASKS_DEFAULT_NO_CACHE: True}):
        yield prefect_url
        APILogWorker.drain_all(timeout=10)
        EventsWorker.drain_all()
    del os.environ["PREFECT_API_URL"]


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def seqclass(root: Root, capfd: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command in this process on the test's root; its exit code, output and errors."""
    monkeypatch.setenv("SEQCLASS_STORAGE", root.path)

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["seqclass", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture
def seqclass_json(seqclass: Command) -> Callable[..., dict]:
    def call(*arguments: object) -> dict:
        code, out, err = seqclass(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


def store_series(root: Root, name: str = "toy", n: int = 60, **columns: list) -> Dataset:
    """Two classes, rising and falling lines of 12 steps with noise, and further columns."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % 2
    line = np.linspace(-1, 1, 12, dtype=np.float32) * np.where(y, 1, -1)[:, None]
    table = pa.table(
        {
            "series_id": [f"s{i:03d}" for i in range(n)],
            "label": [("down", "up")[code] for code in y],
            "n_steps": np.full(n, 12, np.int32),
            "value": from_dense(line + 0.1 * rng.standard_normal(line.shape, dtype=np.float32)),
            **columns,
        }
    )
    return write_dataset(root, name, [table], {"test": name}, NOW)


def store_version(
    root: Root, name: str, comparison: dict | None = None, **description: object
) -> Model:
    """A version of two files that no network can be read from."""
    known = {"dataset": "datasets/toy@0", "dataset_source": {}, "refused": None, **description}
    with staging(root, f"model-{name}") as workspace:
        root.fs.makedirs(workspace, exist_ok=True)
        said = {"comparison.json": json.dumps(comparison or {}).encode(), "model.keras": b"{}"}
        for artifact, content in said.items():
            root.fs.pipe_file(f"{workspace}/{artifact}", content)
        return commit_model(root, workspace, name, known, NOW)
