"""Shutdown of a service: its runs, its worker, its server."""

from datetime import UTC, datetime
from signal import SIGKILL, SIGTERM
from typing import Any
from uuid import UUID

from seqclass.flows.service.processes import (
    is_dead,
    marked,
    run_of,
    runs,
    runs_at_work,
    shows_processes,
    tell,
    wait_until_gone,
)
from seqclass.flows.service.server import (
    GRACE_S,
    Service,
    answers,
    client_of,
    has_server,
    is_server,
)
from seqclass.flows.service.worker import is_worker

FORGOTTEN_S = 60.0
"""Seconds that a worker may need from taking a run to starting its process."""


def stop(service: Service) -> list[int]:
    """End a service: its worker and runs, then its server; returns processes that did not end."""
    family, own_runs = marked(service.mark), runs(service.mark)
    servers, ended = {pid for pid in family if is_server(pid)}, {run_of(pid) for pid in own_runs}
    tell({pid for pid in family if is_worker(pid)} | own_runs, SIGTERM)
    wait_until_gone(family - servers, GRACE_S)
    stubborn = marked(service.mark) - servers
    tell(stubborn, SIGKILL)
    wait_until_gone(stubborn, GRACE_S)
    close_runs(service, sorted(ended))
    tell(servers, SIGTERM)
    wait_until_gone(servers, GRACE_S)
    left = marked(service.mark)
    tell(left, SIGKILL)
    wait_until_gone(left, GRACE_S)
    return sorted(stubborn | left)


def close_runs(service: Service, ids: list[str]) -> None:
    """Report ended runs and their subflows as crashed, or as cancelled if that was requested."""
    if not ids or not answers(service.url):
        return
    from prefect.client.schemas import filters
    from prefect.states import Cancelled, Crashed

    from seqclass.flows.dispatch import read_all

    alive = _alive()
    with client_of(service) as client:
        run_filter = filters.FlowRunFilter(
            id=filters.FlowRunFilterId(any_=[UUID(run) for run in ids]), state=alive
        )
        while unfinished := read_all(client.read_flow_runs, flow_run_filter=run_filter):
            for run in unfinished:
                end = Cancelled if run.state.is_cancelling() else Crashed
                client.set_flow_run_state(run.id, end(message="its process has ended"))
            parents = filters.FlowRunFilterParentFlowRunId(any_=[run.id for run in unfinished])
            run_filter = filters.FlowRunFilter(parent_flow_run_id=parents, state=alive)


def close_dead_runs(service: Service) -> None:
    """Report runs whose process is gone, since the process that would do so is gone too.

    Only if the server is the service's own: on others, runs may be those of other machines.
    """
    if not shows_processes() or not has_server(service):
        return
    from prefect.client.schemas import filters

    from seqclass.flows.dispatch import read_all

    alive = filters.FlowRunFilter(state=_alive())
    with client_of(service) as client:
        unfinished = read_all(client.read_flow_runs, flow_run_filter=alive)
    at_work = runs_at_work() if unfinished else set()
    dead = [run for run in unfinished if has_died(run) or is_forgotten(run, at_work)]
    close_runs(service, [str(run.id) for run in dead])


def _alive() -> Any:
    """Return a filter of runs that have a process, including paused runs."""
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType

    states = [StateType.RUNNING, StateType.PENDING, StateType.PAUSED, StateType.CANCELLING]
    return filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=states))


def has_died(run: Any) -> bool:
    """Check whether a worker started a run here whose process is gone."""
    pid = run.infrastructure_pid or ""
    if not pid.isdigit():
        return False
    return is_dead(int(pid)) or run_of(int(pid)) not in ("", str(run.id))


def is_forgotten(run: Any, at_work: set[str]) -> bool:
    """Check whether a worker took a run but could not start it, because the server was down."""
    since = (datetime.now(UTC) - run.state.timestamp).total_seconds()
    return (
        run.state.is_pending()
        and not run.infrastructure_pid
        and since > FORGOTTEN_S
        and str(run.id) not in at_work
    )


def kill(service: Service) -> None:
    """Kill everything of a service at once."""
    tell(marked(service.mark), SIGKILL)
