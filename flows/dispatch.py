"""Retrainings that the upkeep starts on the server without waiting for them.

In a local root a lock shows whether a run works on a model. In an object store its state in Prefect
does: a run whose machine is lost crashes when no heartbeat has come for a while.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas import filters
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext

from seqclass.policies import policy_of
from seqclass.store.locks import is_locked
from seqclass.store.retrainings import RETRAINING
from seqclass.store.root import Root

DEPLOYMENT = "retrain-model/local"
BEGIN_S = 60.0
"""Seconds after which a run that a worker took holds the lock of its model."""
UNFINISHED = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING]


def start_retrainings(models: list[str], root: Root) -> list[str]:
    """Start a run for each model that no run works on or waits for; returns their names."""
    with get_client(sync_client=True) as client:
        runs = unfinished_runs(client)
        busy = {_model_of(run) for run in runs if not (root.is_local and _has_begun(run))}
        started = [model for model in models if model not in busy and not _is_at_work(root, model)]
        deployment = client.read_deployment_by_name(DEPLOYMENT)
        for model in started:
            _start(client, deployment, model, queue_of(root, model))
    return started


def hand_over(model: str, root: Root) -> str | None:
    """Start a model's retraining in the queue of its policy, and return that queue.

    None, and nothing is started, if this run was not taken from another queue. An event's trigger
    can name no queue.
    """
    context = FlowRunContext.get()
    this_run = context.flow_run if context else None
    queue = queue_of(root, model)
    if this_run is None or queue is None or this_run.work_queue_name in (None, queue):
        return None
    with get_client(sync_client=True) as client:
        others = [run for run in unfinished_runs(client) if run.id != this_run.id]
        if model not in {_model_of(run) for run in others if not _has_begun(run)}:
            _start(client, client.read_deployment_by_name(DEPLOYMENT), model, queue)
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


def queue_of(root: Root, model: str) -> str | None:
    """Return the queue that a model's policy names; None for that of the deployment."""
    policy = policy_of(root, model)
    return (policy.queue or None) if policy else None


def _start(client: Any, deployment: Any, model: str, queue: str | None) -> None:
    client.create_flow_run_from_deployment(
        deployment.id, parameters={"model": model}, work_queue_name=queue
    )


def has_lost_run(client: Any, root: Root) -> bool:
    """Check whether a run counts as begun although no process holds the lock of its model.

    False in an object store, where nobody knows.
    """
    if not root.is_local:
        return False
    begun = {_model_of(run) for run in unfinished_runs(client) if _has_begun(run)}
    return any(not _is_at_work(root, model) for model in begun)


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


def _has_begun(run: Any) -> bool:
    """Check whether a worker took the run so long ago that a living run would hold the lock."""
    age_s = (datetime.now(UTC) - run.state.timestamp).total_seconds()
    return not run.state.is_scheduled() and age_s > BEGIN_S


def _is_at_work(root: Root, model: str) -> bool:
    return is_locked(root, RETRAINING, "models", model)
