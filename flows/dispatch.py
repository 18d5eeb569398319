"""Retrainings that the upkeep, or a new policy, starts on the server without waiting for them.

Its state in Prefect shows whether a run works on a model: ``seqclass up`` ends a run whose process
is gone, and one whose machine is lost crashes when no heartbeat has come for a while.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas import filters
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext

from seqclass.pipeline.overdue import find_due
from seqclass.policies import policy_of
from seqclass.store.root import Root

DEPLOYMENT = "retrain-model/local"
UNFINISHED = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]


def start_due(models: list[str], root: Root) -> list[str]:
    """Start runs for those of these models that have rows for one; returns their names."""
    return start_retrainings(find_due(datetime.now(UTC), root, models).names, root)


def start_retrainings(models: list[str], root: Root) -> list[str]:
    """Start a run for each model that no run works on or waits for; returns their names."""
    with get_client(sync_client=True) as client:
        busy = {_model_of(run) for run in unfinished_runs(client)}
        started = [model for model in models if model not in busy]
        deployment = client.read_deployment_by_name(DEPLOYMENT)
        for model in started:
            _start(client, deployment, model, root)
    return started


def hand_over(model: str, root: Root) -> str | None:
    """Start a model's retraining in the queue of its policy, and return that queue.

    None, and nothing is started, if this run was not taken from another queue. An event's trigger
    can name no queue.
    """
    context = FlowRunContext.get()
    this_run = context.flow_run if context else None
    queue = queue_name(root, model)
    if this_run is None or queue is None or this_run.work_queue_name in (None, queue):
        return None
    with get_client(sync_client=True) as client:
        others = [run for run in unfinished_runs(client) if run.id != this_run.id]
        if model not in {_model_of(run) for run in others if not run.state.is_running()}:
            _start(client, client.read_deployment_by_name(DEPLOYMENT), model, root)
    return queue


def meets_another(model: str, root: Root) -> bool:
    """Check whether an earlier run retrains this model, which in a local root its lock tells."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if root.is_local or run is None or run.deployment_id is None:
        return False
    with get_client(sync_client=True) as client:
        this = client.read_flow_run(run.id)
        others = [other for other in unfinished_runs(client) if _model_of(other) == model]
    return any(
        other.start_time and (other.start_time, other.id) < (this.start_time, this.id)
        for other in others
        if other.state.is_running()
    )


def queue_name(root: Root, model: str) -> str | None:
    """Return the queue that a model's policy names; None for that of the deployment."""
    policy = policy_of(root, model)
    return (policy.queue or None) if policy else None


def _start(client: Any, deployment: Any, model: str, root: Root) -> None:
    """Start a run, in the queue of the model's policy."""
    client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"model": model, "root": root.url},
        work_queue_name=queue_name(root, model),
    )


def unfinished_runs(client: Any) -> list[Any]:
    """Return runs of the deployment that have not ended, as far as the server knows."""
    deployment = client.read_deployment_by_name(DEPLOYMENT)
    unfinished = filters.FlowRunFilter(
        deployment_id=filters.FlowRunFilterDeploymentId(any_=[deployment.id]),
        state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=UNFINISHED)),
    )
    return read_all(client.read_flow_runs, flow_run_filter=unfinished)


def read_all(read: Callable[..., list[Any]], **query: Any) -> list[Any]:
    """Read all pages of a list: a server's answer holds at most 200 items, or as it is set up."""
    items: list[Any] = []
    while page := read(**query, offset=len(items)):
        items += page
    return items


def _model_of(run: Any) -> str:
    return str(run.parameters.get("model")).removeprefix("models/").partition("@")[0]
