"""Command that runs the service: up."""

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from flows.cli.command_line import REFUSED, JsonFlag, RootOption, writable
from flows.cli.printing import print_json
from flows.service.deployed import (
    deployed_flows,
    deployments_of_file,
    drop_former_schedules,
    hide_place,
    leave_room,
)
from flows.service.ending import close_dead_runs, kill, stop, stop_workers
from flows.service.lookout import SWEEP, UPKEEP, Lookout, ask
from flows.service.secrecy import PASSWORD
from flows.service.server import (
    HEARTBEAT_S,
    PENDING_S,
    POOL,
    SILENCE_S,
    Service,
    answers,
    await_server,
    choose_port,
    client_of,
    home_of,
    local_url,
    mark_environment,
    new_service,
    only_one,
    prefect_url,
    record,
    recorded,
    server_may_be_away,
    start_server,
    still_there,
)
from flows.service.worker import (
    await_worker,
    deploy,
    make_pool,
    online_workers,
    start_worker,
    worker_name,
)
from seqclass.store.root import Root

CENSUS_S = 20.0
"""Seconds between two looks for runs whose process is gone."""
RESTARTS, STEADY_S, LOOK_S = 5, 60.0, 1.0
"""Times that a process which ends is started again, unless it had run for STEADY_S seconds."""


def up(
    port: Annotated[
        int, typer.Option(help="Port of the server, where one is started; 0 takes any free one.")
    ] = 4200,
    limit: Annotated[int, typer.Option(help="Flow runs at a time.")] = 4,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Start a Prefect server, pool, deployments, automations and a worker; Ctrl-C stops them."""
    if limit < 1:
        raise ValueError(f"--limit: expected at least 1, got {limit}; correct the number")
    store = writable(root)
    home = home_of(store)
    with only_one(home) as first:
        if not first:
            _show_other(store, as_json)
            return
        code = _serve(store, home, port, limit, as_json)
    if code:
        raise typer.Exit(code)


def _show_other(store: Root, as_json: bool) -> None:
    other = recorded(store)
    if as_json:
        print_json({"already": True, "api": other and other.url, "root": store.url})
        return
    where = f"its UI is at {other.ui}" if other else "it is starting"
    typer.echo(f"already up for {store.url}: {where}; nothing was started. Stop it where it runs")


def _serve(store: Root, home: Path, port: int, limit: int, as_json: bool) -> int:
    """From nothing to ready, and until somebody stops it."""
    began = time.monotonic()
    with _stoppable() as stopped:
        try:
            service, starts_server = _choose(store, home, port)
        except _StoppedError:
            return 0
        environment = mark_environment(service)
        try:
            record(store, service)
            stop_workers(service)
            children = _Children(store, home, service, limit, environment)
            if starts_server:
                _say(f"server: starting at {service.ui}")
                children.start_server()
            _set_up(store, service, children, environment)
            _show_ready(store, service, time.monotonic() - began, as_json)
            return children.watch(stopped)
        except _StoppedError:
            return 0
        finally:
            _end(service)


class _StoppedError(Exception):
    """Somebody asked for the end."""


@contextmanager
def _stoppable() -> Iterator[list[int]]:
    """SIGINT, SIGTERM and SIGHUP end the work in hand; they are noted in the list."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        if len(noted) == 1:
            raise _StoppedError

    before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _choose(store: Root, home: Path, port: int) -> tuple[Service, bool]:
    """The server to use, and whether it has to be started."""
    from flows.service.diagnosis import server_problem

    last = recorded(store)
    configured = prefect_url()
    if configured:
        if problem := server_problem(configured):
            raise ValueError(
                f"PREFECT_API_URL: expected a Prefect server that answers, got {problem}; start "
                "it, or unset the address to have one started here"
            )
        _say(f"server: using the one at {configured}")
        return new_service(configured, last), False
    if last is not None and still_there(last):
        if last.password:
            _say(f"server: using the one that an earlier 'seqclass up' left at {last.url}")
            return new_service(last.url, last, home), False
        _say("server: ending the one that an earlier 'seqclass up' left; its password is lost")
        stop(last)
    return new_service(local_url(choose_port(port)), last, home), True


class _Children:
    """The server, where it is ours, and the worker; each is started again when it ends."""

    def __init__(
        self, store: Root, home: Path, service: Service, limit: int, environment: dict[str, str]
    ) -> None:
        self.store, self.home, self.service = store, home, service
        self.limit, self.environment = limit, environment
        self.running: dict[str, subprocess.Popen] = {}
        self.began: dict[str, float] = {}
        self.restarts = 0

    def start_server(self) -> None:
        self._start("server")

    def start_worker(self) -> None:
        self._start("worker")

    def _start(self, name: str) -> None:
        self.began[name] = time.monotonic()
        if name == "server":
            self.running[name] = start_server(self.home, self.service, self.environment)
        else:
            self.running[name] = start_worker(
                self.store, self.service, self.limit, self.environment
            )

    def watch(self, stopped: list[int]) -> int:
        """Until a stop is asked for, or a process won't stay; returns the exit code."""
        ask(self.service, UPKEEP)  # what an outage or a stop cut short
        lookout = Lookout(self.store)
        checked = 0.0
        while not stopped:
            if time.monotonic() - checked > CENSUS_S:
                checked = time.monotonic()
                _census(self.service)
                if lookout.has_stalled(self.service, checked) and ask(self.service, UPKEEP):
                    lookout.note_told(checked)
            if lookout.has_news(time.monotonic()):
                ask(self.service, SWEEP)
            for name, process in list(self.running.items()):
                if process.poll() is None or self._has_to_wait(name):
                    continue
                if not self._again(name, process.returncode):
                    return REFUSED
            time.sleep(LOOK_S)
        return 0

    def _has_to_wait(self, name: str) -> bool:
        """Whether a worker would end again at once, since its own server is away."""
        return name == "worker" and "server" in self.running and not answers(self.service.url)

    def _again(self, name: str, code: int) -> bool:
        if time.monotonic() - self.began[name] > STEADY_S:
            self.restarts = 0
        self.restarts += 1
        log = f"{self.home}/{name}.log"
        if self.restarts > RESTARTS:
            _say(f"{name}: ended with code {code} again and again; see {log}")
            return False
        _say(f"{name}: ended with code {code} and is started again; see {log}")
        self._start(name)
        return True


def _census(service: Service) -> None:
    """Runs that died together with whoever watched them; a server that is away is asked again."""
    with server_may_be_away():
        close_dead_runs(service)


def _set_up(
    store: Root, service: Service, children: _Children, environment: dict[str, str]
) -> None:
    """Pool, worker, deployments and automations; the imports take place while the server starts."""
    from flows.service.automations import watch_runs

    if "server" in children.running:
        await_server(service, children.running["server"], children.home)
    with client_of(service) as client:
        make_pool(client)
        workers = online_workers(client)
        before = workers.pop(worker_name(store), None)
        if workers:
            names = ", ".join(workers)
            _say(f"note: pool {POOL!r} has other workers, which may take runs: {names}")
        _say("worker: starting")
        children.start_worker()
        deploy(service, environment)
        drop_former_schedules(client)
        leave_room(client, children.limit)
        hide_place(client, set(deployments_of_file()))
        watch_runs(SILENCE_S, PENDING_S, deployed_flows(client))
        await_worker(client, store, children.running["worker"], before)


def _show_ready(store: Root, service: Service, seconds: float, as_json: bool) -> None:
    names = [entrypoint for entrypoint, _ in deployments_of_file()]
    if as_json:
        print_json({
            "already": False, "ui": service.ui, "api": service.url, "root": store.url,
            "worker": worker_name(store), "pool": POOL, "deployments": names, "seconds": seconds,
            "heartbeat_s": HEARTBEAT_S, "silence_s": SILENCE_S, "logs": str(home_of(store)),
            "password": _password_file(store, service),
        })  # fmt: skip
        return
    typer.echo(f"ready in {seconds:.0f} s: server, worker, {len(names)} deployments")
    file = _password_file(store, service)
    typer.echo(f"UI:     {service.ui}" + (f" asks for the password in {file}" if file else ""))
    typer.echo(f"root:   {store.url}")
    typer.echo(f"logs:   {home_of(store)}")
    typer.echo("seqclass finds the server by its root; for prefect in another terminal:")
    typer.echo(f"  export PREFECT_API_URL={service.url}")
    if file:
        typer.echo(f'  export PREFECT_API_AUTH_STRING="$(cat {shlex.quote(file)})"')
    typer.echo("Ctrl-C stops everything")


def _password_file(store: Root, service: Service) -> str | None:
    """Where the password of an own server lies."""
    return str(home_of(store) / PASSWORD) if service.password else None


def _end(service: Service) -> None:
    """Stop what was started; a second signal makes it short."""

    def hurry(number: int, frame: FrameType | None) -> None:
        kill(service)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hurry)
    _say("stopping: worker and runs, then the server")
    forced = stop(service)
    _say("stopped" + (f"; {len(forced)} processes had to be killed" if forced else ""))


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal may be gone
        print(f"seqclass up: {line}", file=sys.stderr, flush=True)
