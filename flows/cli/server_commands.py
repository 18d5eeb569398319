"""Commands of the service: up, alerts, metrics."""

import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from seqclass.flows.cli.command_line import JsonFlag, RootOption, check_disk, existing, writable
from seqclass.flows.cli.printing import print_json
from seqclass.flows.cli.supervision import SERVER, Children, say
from seqclass.flows.service.credentials import PASSWORD, make_password
from seqclass.flows.service.ending import kill, stop
from seqclass.flows.service.processes import marked
from seqclass.flows.service.server import (
    HEARTBEAT_S,
    PENDING_S,
    POOL,
    SILENCE_S,
    Service,
    await_server,
    choose_port,
    client_of,
    home_of,
    local_url,
    mark_environment,
    mark_of,
    only_one,
    record,
    recorded,
    use_service,
)
from seqclass.flows.service.worker import (
    LARGE,
    QUEUES,
    WorkerShare,
    await_workers,
    deploy,
    deployed_flows,
    deployments_of_file,
    hide_place,
    make_pool,
    online_workers,
    worker_name,
)
from seqclass.store.capacity import capacity
from seqclass.store.root import Root
from seqclass.workers import at_once


def up(
    port: Annotated[
        int, typer.Option(help="Port of the server, where one is started; 0 takes any free one.")
    ] = 4200,
    limit: Annotated[
        int, typer.Option(help="Trainings and other long runs at a time on this machine.")
    ] = 3,
    queue: Annotated[
        str, typer.Option(help="Queue of a policy, from which long runs are taken as well.")
    ] = "",
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Start the Prefect server, deployments and workers.

    Also the work pool and the automations; Ctrl-C stops them all.
    """
    from seqclass.monitoring.policy import ModelPolicy

    if limit < 1:
        raise ValueError(f"--limit: expected at least 1, got {limit}; correct the number")
    ModelPolicy(queue=queue)  # refuses a queue that no policy can name
    store = writable(root)
    check_disk(store)
    home = home_of(store)
    with only_one(home) as first:
        if not first:
            _show_other(store, as_json)
            return
        code = _serve(store, home, port, WorkerShare(LARGE, limit, queue), as_json)
    if code:
        raise typer.Exit(code)


def _show_other(store: Root, as_json: bool) -> None:
    other = recorded(store)
    if as_json:
        print_json({"already": True, "api": other and other.url, "root": store.url})
        return
    where = f"its UI is at {other.ui}" if other else "it is starting, or on another machine"
    typer.echo(f"already up for {store.url}: {where}; nothing was started. Stop it where it runs")


def _serve(store: Root, home: Path, port: int, long: WorkerShare, as_json: bool) -> int:
    """Start the service and run it until it is stopped; returns the exit code."""
    began = time.monotonic()
    with _stoppable() as stopped:
        try:
            _end_orphans(store)
            service, starts_server = _choose(store, home, port)
        except BaseException:
            if not stopped:
                raise
            return 0
        environment = mark_environment(service)
        try:
            record(store, service)
            children = Children(store, home, service, long, environment)
            if starts_server:
                say(f"server: starting at {service.ui}")
                children.start_server()
            _set_up(store, service, children, environment)
            _show_ready(store, service, time.monotonic() - began, as_json)
            return children.watch(stopped)
        except BaseException:
            if not stopped:
                raise
            return 0
        finally:
            _end(service)


class _StopRequest(BaseException):
    """A user has asked to stop. Libraries may catch and replace it, though it is no Exception."""


@contextmanager
def _stoppable() -> Iterator[list[int]]:
    """Stop the work at SIGINT, SIGTERM and SIGHUP; the list records the signals."""
    noted: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        if len(noted) == 1:
            raise _StopRequest

    before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_orphans(store: Root) -> None:
    """End server, workers and runs that a killed ``seqclass up`` of this root left."""
    mark = mark_of(store)
    if marked(mark):
        say("ending what a killed 'seqclass up' of this root left")
        stop(Service("", mark))


def _choose(store: Root, home: Path, port: int) -> tuple[Service, bool]:
    """Return the server to use, and whether it must be started."""
    from seqclass.flows.service.diagnosis import answering_url

    if configured := answering_url():
        say(f"server: using the one at {configured}")
        return Service(configured, mark_of(store)), False
    return Service(local_url(choose_port(port)), mark_of(store), make_password(home)), True


def _set_up(store: Root, service: Service, children: Children, environment: dict[str, str]) -> None:
    """Create pool, workers, deployments and automations; imports run while the server starts."""
    from seqclass.flows.service.automations import watch_runs

    if SERVER in children.running:
        await_server(service, children.running[SERVER], children.home)
    with client_of(service) as client:
        make_pool(client, children.shares[LARGE].further)
        before = online_workers(client)
        if others := set(before) - set(_worker_names(store)):
            names = ", ".join(sorted(others))
            say(f"note: pool {POOL!r} has other workers, which may take runs: {names}")
        say(f"workers: starting; {at_once()} seeds at a time on {capacity()}")
        children.start_workers()
        deploy(service, environment)
        hide_place(client, set(deployments_of_file()))
        watch_runs(SILENCE_S, PENDING_S, deployed_flows(client))
        await_workers(client, store, children.workers, before)


def _worker_names(store: Root) -> list[str]:
    return [worker_name(store, queue) for queue in QUEUES]


def _show_ready(store: Root, service: Service, seconds: float, as_json: bool) -> None:
    names = [entrypoint for entrypoint, _ in deployments_of_file()]
    if as_json:
        print_json({
            "already": False, "ui": service.ui, "api": service.url, "root": store.url,
            "workers": _worker_names(store), "pool": POOL, "deployments": names, "seconds": seconds,
            "heartbeat_s": HEARTBEAT_S, "silence_s": SILENCE_S, "logs": str(home_of(store)),
            "password": _password_file(store, service),
        })  # fmt: skip
        return
    typer.echo(f"ready in {seconds:.0f} s: server, workers, {len(names)} deployments")
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
    """Return the path of the password of an own server."""
    return str(home_of(store) / PASSWORD) if service.password else None


def _end(service: Service) -> None:
    """Stop everything that was started; a second signal kills it at once."""

    def hurry(number: int, frame: FrameType | None) -> None:
        kill(service)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hurry)
    say("stopping: worker and runs, then the server")
    forced = stop(service)
    say("stopped" + (f"; {len(forced)} processes had to be killed" if forced else ""))


def alerts(
    block: Annotated[
        str | None,
        typer.Argument(help="TYPE/NAME of a notification block of the server."),
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="End the alerts.")] = False,
    root: RootOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Send alerts to Slack, mail, a webhook and others, or end them."""
    from seqclass.flows.service.automations import alerting, tell_nobody, tell_through
    from seqclass.flows.service.diagnosis import answering_url

    if off and block is not None:
        raise ValueError(f"--off: expected no block beside it, got {block!r}; leave one out")
    use_service(existing(root))
    if not answering_url():
        raise ValueError(
            "server: expected one that runs for this root, got none; start it with 'seqclass up'"
        )
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        made = tell_through(client, block, deployed_flows(client)) if block is not None else []
    ended = tell_nobody() if off else []
    there = made or list(alerting())
    if as_json:
        print_json({"block": block, "automations": there, "ended": ended})
    elif block is not None:
        typer.echo(f"alerts go through {block}")
    else:
        typer.echo("alerts are sent" if there else "no alerts are sent")


def metrics(root: RootOption = None) -> None:
    """Print metrics of models and inboxes for Prometheus."""
    from seqclass.pipeline.prometheus import metrics_text

    typer.echo(metrics_text(existing(root), datetime.now(UTC)).decode(), nl=False)
