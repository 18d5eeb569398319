"""Supervision of a running service: a process that ends is started again.

Runs that such a process left are closed.
"""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from seqclass.flows.cli.command_line import REFUSED
from seqclass.flows.service.diagnosis import server_problem
from seqclass.flows.service.ending import close_dead_runs
from seqclass.flows.service.server import Service, answers, server_may_be_away, start_server
from seqclass.flows.service.watcher import SWEEP, UPKEEP, Watcher, start_run
from seqclass.flows.service.worker import (
    LARGE,
    QUEUES,
    SMALL,
    SMALL_LIMIT,
    WorkerShare,
    start_worker,
)
from seqclass.store.root import Root

SERVER, ROOT = "server", "root"
"""Name of the server's process, and of the store; workers are named after their queues."""
CENSUS_S = 20.0
"""Seconds between two checks for runs whose process has died."""
RESTARTS, STEADY_S, LOOK_S = 5, 60.0, 1.0
"""Restarts of a process that ends; the count begins again after STEADY_S seconds of running."""


class Children:
    """The own server, if there is one, and the workers; each is restarted when it ends.

    long: the share of long runs.
    """

    def __init__(
        self,
        store: Root,
        home: Path,
        service: Service,
        long: WorkerShare,
        environment: dict[str, str],
    ) -> None:
        self.store, self.home, self.service = store, home, service
        self.shares = {SMALL: WorkerShare(SMALL, SMALL_LIMIT), LARGE: long}
        self.environment = environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.began: dict[str, float] = {}
        self.restarts = 0
        self.reach = {SERVER: Reach(f"server at {service.url}"), ROOT: Reach(f"root {store.url}")}

    def start_server(self) -> None:
        self._start(SERVER)

    def start_workers(self) -> None:
        for queue in QUEUES:
            self._start(queue)

    @property
    def workers(self) -> dict[str, subprocess.Popen[bytes]]:
        """The worker of each queue."""
        return {queue: self.running[queue] for queue in QUEUES}

    def _start(self, name: str) -> None:
        self.began[name] = time.monotonic()
        if name == SERVER:
            self.running[name] = start_server(self.home, self.service, self.environment)
        else:
            self.running[name] = start_worker(
                self.store, self.service, self.shares[name], self.environment
            )

    def watch(self, stopped: list[int]) -> int:
        """Supervise until a stop is requested, or a process keeps failing; returns an exit code."""
        _census(self.service)
        start_run(self.service, UPKEEP)  # what an outage or a stop cut short
        watcher = Watcher(self.store)
        checked = 0.0
        while not stopped:
            if time.monotonic() - checked > CENSUS_S:
                checked = time.monotonic()
                url = self.service.url
                self.reach[SERVER].note(None if answers(url) else server_problem(url))
                _census(self.service)
                if watcher.has_stalled(self.service, checked) and start_run(self.service, UPKEEP):
                    watcher.note_told(checked)
            if self.reach[SERVER].is_lost and answers(self.service.url):
                self.reach[SERVER].note(None)
            if watcher.has_news(time.monotonic()):
                start_run(self.service, SWEEP)
            self.reach[ROOT].note(watcher.problem)
            for name, process in list(self.running.items()):
                if process.poll() is None or self._has_to_wait(name):
                    continue
                if not self._again(name, process.returncode):
                    return REFUSED
            time.sleep(LOOK_S)
        return 0

    def _has_to_wait(self, name: str) -> bool:
        """Check whether a worker would fail again at once, since the own server is down."""
        return name != SERVER and SERVER in self.running and not answers(self.service.url)

    def _again(self, name: str, code: int) -> bool:
        if time.monotonic() - self.began[name] > STEADY_S:
            self.restarts = 0
        self.restarts += 1
        process, log = (SERVER, "server") if name == SERVER else (f"{name} worker", "worker")
        ended = f"{process}: ended with code {code}"
        if self.restarts > RESTARTS:
            say(f"{ended} again and again; see {self.home}/{log}.log")
            return False
        say(f"{ended} and is started again; see {self.home}/{log}.log")
        if name == SERVER:
            self.reach[SERVER].is_lost = True
        self._start(name)
        return True


class Reach:
    """A report on a server or store: once when it can't be reached, once when it can again."""

    def __init__(self, what: str) -> None:
        self.what, self.is_lost = what, False

    def note(self, problem: str | None) -> None:
        """Report a change. problem: why it can't be reached now, or None."""
        if self.is_lost == (problem is not None):
            return
        self.is_lost = problem is not None
        why = f"can't be reached, and is tried again: {problem}"
        say(f"{self.what}: {why if problem else 'can be reached again'}")


def _census(service: Service) -> None:
    """Close runs that died with their supervisor; a later call retries if the server is down."""
    with server_may_be_away():
        close_dead_runs(service)


def say(line: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        print(f"seqclass up: {line}", file=sys.stderr, flush=True)
