"""Labels of a run in Prefect's lists: its name, and tags for filters."""

import contextlib
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run


def label_run(name: str, **tags: str) -> None:
    """Name the current run, and add tags ``key:value``; errors of the server are ignored."""
    away = (httpx.HTTPError, PrefectException, RuntimeError)
    with contextlib.suppress(*away), get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(str(flow_run.id)))
        own = {f"{key}:{value}" for key, value in tags.items()}
        client.update_flow_run(run.id, name=name, tags=sorted({*run.tags, *own}))
