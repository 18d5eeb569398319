"""What an operator reads of a run without opening it: its name, and tags to filter by."""

import contextlib
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run


def label_run(name: str, **tags: str) -> None:
    """Name the run that is at work, and tag it with ``key:value`` each; a server that is away just
    now takes nothing from what the run has done."""
    away = (httpx.HTTPError, PrefectException, RuntimeError)
    with contextlib.suppress(*away), get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(str(flow_run.id)))
        own = {f"{key}:{value}" for key, value in tags.items()}
        client.update_flow_run(run.id, name=name, tags=sorted({*run.tags, *own}))
