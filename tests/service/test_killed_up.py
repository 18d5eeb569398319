"""A service is alone: it shares nothing with a copy of its root, and with none that was killed.

With ``SEQCLASS_CHAOS`` set, ``seqclass up`` is killed at every moment on both databases, else at
one moment on one.
"""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from seqclass.flows.service.processes import command_of, marked, parent_of
from seqclass.flows.service.server import Service, answers, home_of, is_server, mark_of, recorded
from seqclass.flows.service.worker import is_worker
from seqclass.store.catalogue import verify_tree
from seqclass.store.root import Root, open_root
from tests.support.databases import DATABASES, server_database
from tests.support.service import Up, begin_up, ended, log_of, started
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
LONG = {"name": "long", "spec": {"n_series": 1_000_000}}
"""Parameters of a run that is at work for minutes."""


Moment = Callable[[Root, int], object]


def processes(root: Root, is_it: Callable[[int], bool]) -> list[int]:
    return [pid for pid in marked(mark_of(root)) if is_it(pid)]


def has_opened_home(root: Root, pid: int) -> bool:
    """Whether a process holds the folder of the service."""
    handles = Path(f"/proc/{pid}/fd").iterdir()
    return any(os.path.realpath(handle) == str(home_of(root)) for handle in handles)


def is_recorded(root: Root, pid: int) -> Service | None:
    return recorded(root)


def has_answered(root: Root, pid: int) -> bool:
    return (service := recorded(root)) is not None and answers(service.url)


STARTING: dict[str, Moment] = {
    "home": has_opened_home,
    "record": is_recorded,
    "server": lambda root, _: processes(root, is_server),
    "answer": has_answered,
    "workers": lambda root, _: len(processes(root, is_worker)) == 2,
    "deployment": lambda root, _: processes(root, lambda pid: "deploy" in command_of(pid)),
}
"""What shows that a ``seqclass up`` has come so far."""
MOMENTS = (*STARTING, "ready", "run", "orphans", "stop")
FEW = (("postgres", "run"),)
EVERY = [(base, moment) for base in DATABASES for moment in MOMENTS]


@pytest.fixture(scope="module")
def roots(
    tmp_path_factory: pytest.TempPathFactory, copy_database: Callable[[Path], None]
) -> Iterator[Callable[[str], tuple[Root, dict[str, str], Up]]]:
    """For each kind of database a root, the settings of its server, and the service of a copy."""
    with ExitStack() as stack:

        @cache
        def root_on(base: str) -> tuple[Root, dict[str, str], Up]:
            root = open_root(tmp_path_factory.mktemp(base) / "tree")
            settings, others = (stack.enter_context(server_database(base)) for _ in range(2))
            home_of(root).mkdir(parents=True)
            if base == "sqlite":
                copy_database(home_of(root))
            shutil.copytree(root.path, f"{root.path}-copy")
            copy = Up(open_root(f"{root.path}-copy"), 0, **others)
            stack.callback(copy.stop)
            return root, settings, copy

        yield root_on


def kill_at(moment: str, root: Root, settings: dict[str, str]) -> None:
    """Start ``seqclass up`` and kill it at a moment; what it started is left."""
    if moment == "orphans":
        kill_at("answer", root, settings)
    if moment in ("ready", "run", "stop"):
        up = Up(root, 0, **settings)
        if moment == "run":
            started(up, up.ask("generate-signals/local", **LONG))
        if moment == "stop":
            lines = log_of(root).read_text().count("stopping:")
            up.process.send_signal(signal.SIGINT)
            until(lambda: log_of(root).read_text().count("stopping:") > lines, every_s=0.002)
        process = up.process
    else:
        lines = log_of(root).read_text().count("ending what") if log_of(root).exists() else 0
        process = begin_up(root, 0, **settings)
        reached = STARTING.get(
            moment, lambda root, _: log_of(root).read_text().count("ending what") > lines
        )
        until(lambda: reached(root, process.pid), every_s=0.002)
    process.kill()
    process.wait()


def ancestors(pid: int) -> list[int]:
    return [pid, *(ancestors(parent_of(pid)) if pid else [])]


@pytest.mark.parametrize(("base", "moment"), EVERY if os.environ.get("SEQCLASS_CHAOS") else FEW)
def test_after_a_kill_there_is_one_service_and_it_is_supervised(
    roots: Callable[[str], tuple[Root, dict[str, str], Up]], base: str, moment: str
) -> None:
    root, settings, copy = roots(base)
    bystanders = copy.family
    kill_at(moment, root, settings)
    up = Up(root, 0, **settings)
    try:
        assert all(up.process.pid in ancestors(pid) for pid in marked(up.service.mark))
        assert ended(up, up.ask("ingest/local")).is_completed()
        for run in up.runs("generate-signals"):
            assert ended(up, run.id).is_crashed()
        before = up.log.read_text().count("server: ended with code")
        [server] = up.pids_of("server")
        os.kill(server, signal.SIGKILL)
        until(lambda: up.log.read_text().count("server: ended with code") > before)
        until(up.is_online, every_s=0.5)
        assert ended(up, up.ask("ingest/local")).is_completed()
        assert [len(up.pids_of(kind)) for kind in ("server", "worker")] == [1, 2]
    finally:
        assert up.stop() == 0
    assert marked(up.service.mark) == set()
    assert verify_tree(root)["bad"] == []
    assert copy.process.poll() is None
    assert bystanders == copy.family
