"""Machines of a fleet on this one: each has a home of its own, and all share one server."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from seqclass.flows.service.processes import marked, run_of, runs
from seqclass.flows.service.server import Service, answers
from seqclass.store.root import Root
from tests.support.places import REPOSITORY
from tests.support.servers import free_port
from tests.support.service import Up, surroundings
from tests.support.waiting import until


def deployed_environment(name: str, **instead: str) -> dict[str, str]:
    """The environment of a file in ``deploy/``, with these values in place of its own."""
    lines = (REPOSITORY / "deploy" / name).read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    settings = {key: value.replace("PASSWORD", "secret") for key, value in pairs}
    return {**settings, **instead}


@contextlib.contextmanager
def fleet_server(home: Path, database: str) -> Iterator[Service]:
    """The server of a fleet, started as docs/fleet.md says, with its data in this database."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    settings = deployed_environment(
        "server.env",
        PREFECT_SERVER_DATABASE_CONNECTION_URL=database,
        PREFECT_SERVER_CORS_ALLOWED_ORIGINS=url,
        PREFECT_SERVER_UI_API_URL=f"{url}/api",
    )
    home.mkdir()
    words = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    with open(home / "server.log", "ab") as log:
        process = subprocess.Popen(
            [*words, "--port", str(port)], env=surroundings(HOME=str(home), **settings), cwd=home,
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or answers(f"{url}/api"), 240)
        assert process.poll() is None, (home / "server.log").read_text()
        yield Service(f"{url}/api", "", settings["PREFECT_SERVER_API_AUTH_STRING"])
    finally:
        process.terminate()
        process.wait(timeout=120)


@contextlib.contextmanager
def machine(
    root: Root,
    service: Service,
    home: Path,
    limit: int = 1,
    code: Path = REPOSITORY,
    cores: frozenset[int] = frozenset(),
) -> Iterator[Up]:
    """A ``seqclass up`` with a home of its own, which uses another's server.

    code: the clone of the repository that it runs. cores: those that it has; all without any.
    """  # fmt: skip
    home.mkdir(exist_ok=True)
    with at_home(home, cores or os.sched_getaffinity(0)):
        up = Up(root, 0, limit=limit, PYTHONPATH=str(code), **service.access)
    up.service = replace(up.service, password=service.password)  # it keeps none of another's server
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


@contextlib.contextmanager
def at_home(home: Path, cores: Collection[int]) -> Iterator[None]:
    """Let this process, and those that it starts, have that home and these cores for a while."""
    before = os.environ["HOME"], os.sched_getaffinity(0)
    os.environ["HOME"] = str(home)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.environ["HOME"] = before[0]
        os.sched_setaffinity(0, before[1])


def in_hand(up: Up) -> set[str]:
    """Ids of the runs that a machine is at."""
    return {run_of(pid) for pid in runs(up.service.mark)}


def lose(up: Up) -> None:
    """As when its power fails: nothing of it says a word."""
    for pid in {up.process.pid, *marked(up.service.mark)}:
        os.kill(pid, signal.SIGKILL)
    up.process.wait()


@contextlib.contextmanager
def asleep(up: Up) -> Iterator[None]:
    """As when its lid is closed for a while: its processes stand still, and then go on."""
    pids = {up.process.pid, *marked(up.service.mark)}
    _signal(pids, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(pids, signal.SIGCONT)


def _signal(pids: Collection[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
