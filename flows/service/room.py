"""Room that retrainings leave: no inbox waits until one of them has trained."""

from typing import Any

RETRAINING = "retrain-model/local"


def leave_room(client: Any, limit: int) -> None:
    """Let retrainings take all runs of the worker but one, where it has more than one."""
    from prefect.client.schemas.actions import DeploymentUpdate

    found = client.read_deployment_by_name(RETRAINING)
    client.update_deployment(found.id, DeploymentUpdate(concurrency_limit=max(1, limit - 1)))
