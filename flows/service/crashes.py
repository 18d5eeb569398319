"""Runs that crashed, or whose machine is lost, so that their work must be resumed."""

from datetime import datetime
from typing import Any

from flows.service.server import Service, client_of, server_may_be_away
from seqclass.store.root import Root

RESUMED = ("retrain-model", "ingest", "upkeep")
"""Flows whose work the upkeep resumes."""


def has_crashed(service: Service, since: datetime) -> bool:
    """Check whether a run of these flows has crashed since; False if the server is down."""
    with server_may_be_away(), client_of(service) as client:
        return bool(client.read_flow_runs(**_crashed(since), limit=1))
    return False


def has_lost(service: Service, root: Root) -> bool:
    """Check whether a retraining counts as running although nobody holds its model's lease."""
    from flows.dispatch import has_lost_run

    with server_may_be_away(), client_of(service) as client:
        return has_lost_run(client, root)
    return False


def _crashed(since: datetime) -> dict[str, Any]:
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType

    crashed = filters.FlowRunFilterStateType(any_=[StateType.CRASHED])
    return {
        "flow_filter": filters.FlowFilter(name=filters.FlowFilterName(any_=list(RESUMED))),
        "flow_run_filter": filters.FlowRunFilter(
            state=filters.FlowRunFilterState(type=crashed),
            end_time=filters.FlowRunFilterEndTime.model_validate({"after_": since}),
        ),
    }
