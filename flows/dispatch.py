"""Runs that other runs start at the server, and wait for no longer."""

from prefect.client.orchestration import get_client
from prefect.client.schemas import filters
from prefect.client.schemas.objects import StateType

RETRAINING = "retrain-model/local"
ALIVE = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.PAUSED]


def start_retrainings(models: list[str]) -> list[str]:
    """Start a run for each of the models that has none waiting or at work; returns these."""
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name(RETRAINING)
        alive = filters.FlowRunFilter(
            deployment_id=filters.FlowRunFilterDeploymentId(any_=[deployment.id]),
            state=filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=ALIVE)),
        )
        busy = {run.parameters.get("model") for run in client.read_flow_runs(flow_run_filter=alive)}
        started = [model for model in models if model not in busy]
        for model in started:
            client.create_flow_run_from_deployment(deployment.id, parameters={"model": model})
    return started
