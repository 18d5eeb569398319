"""The root and the time of a flow, the labels of its run, and what the library logs in it.

Runs of a worker are bound to its root and to the present: anyone who may use the server can choose
the parameters of such a run.
"""

import contextlib
import logging
import os
from datetime import datetime
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException
from prefect.logging.handlers import APILogHandler
from prefect.runtime import flow_run

from seqclass.store.format_version import check_format
from seqclass.store.layout import check_free, check_inbox
from seqclass.store.root import Root, open_root

RUN = "PREFECT__FLOW_RUN_ID"


class RunLog(APILogHandler):
    """Sends what the library logs to the log of the run in which it does so."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record, if a run is under way."""
        if FlowRunContext.get() or TaskRunContext.get():
            super().emit(record)


logging.getLogger("seqclass").addHandler(RunLog())
logging.getLogger("seqclass").setLevel(logging.INFO)


def is_served() -> bool:
    """Check whether a worker started this process for a flow run."""
    return RUN in os.environ


def resolve_root(root: str | None) -> Root:
    """Return the storage root that a flow works in."""
    worker_root = open_root()
    if root is None or not is_served():
        return check_format(open_root(root))
    if root != worker_root.url:
        raise ValueError(
            f"root: expected none, or that of the worker, {worker_root.url!r}, got {root!r}; "
            "use the service of that root, or seqclass with --root"
        )
    return check_format(worker_root)


def check_present(now: datetime | None) -> None:
    """Refuse any time but the present if a worker started the flow."""
    if now is not None and is_served():
        raise ValueError(f"now: expected none in a run that a worker starts, got {now}; leave it")


def check_place(store: Root, argument: str, path: str | None) -> None:
    """Refuse to move or write files in the store's own places.

    If a worker started the flow, refuse all places outside of the root, too.
    """
    if path is None:
        return
    if is_served():
        _check_within(store, argument, path)
    (check_inbox if argument == "inbox" else check_free)(store, argument, path)


def _check_within(store: Root, argument: str, path: str) -> None:
    inside = path if "://" in path else os.path.realpath(path)
    base = store.url if "://" in store.url else os.path.realpath(store.url)
    if ".." in path.split("/") or not inside.startswith(f"{base.rstrip('/')}/"):
        raise ValueError(
            f"{argument}: expected a place within the root {store.url!r} in a run that a worker "
            f"starts, got {path!r}; leave it out, or use seqclass"
        )


def label_run(name: str | None = None, **tags: str | list[str]) -> None:
    """Name the current run, or let its name be, and add tags ``key:value``, one for each value.

    Errors of the server are ignored.
    """
    away = (httpx.HTTPError, PrefectException, RuntimeError)
    with contextlib.suppress(*away), get_client(sync_client=True) as client:
        run = client.read_flow_run(UUID(str(flow_run.id)))
        new_tags = {
            f"{key}:{value}"
            for key, values in tags.items()
            for value in ([values] if isinstance(values, str) else values)
        }
        client.update_flow_run(run.id, name=name, tags=sorted({*run.tags, *new_tags}))
