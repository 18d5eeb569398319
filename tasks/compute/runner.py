"""The choice of where the task runs of a flow are executed: this machine, or a cluster of Dask."""

import os
import re
from typing import TYPE_CHECKING, Any

from seqclass.workers import at_once

if TYPE_CHECKING:
    from prefect.task_runners import TaskRunner

RUNNER = "SEQCLASS_RUNNER"
"""Environment variable that names a cluster. No policy, spec or parameter of a run can name one,
since the workers of a cluster execute what they are sent."""
PROTOCOLS = {"dask": "tcp", "tls": "tls"}
CONNECT_S = 10


def is_spread() -> bool:
    """Check whether the task runs of a flow are executed on a cluster."""
    return bool(os.environ.get(RUNNER))


def task_runner() -> "TaskRunner[Any]":
    """Return the runner of a flow's tasks.

    It runs as many at a time as there are processes, since each task waits for one; or as many as
    the cluster has threads, if ``SEQCLASS_RUNNER`` names one.
    """
    from prefect.task_runners import ThreadPoolTaskRunner

    if not (given := os.environ.get(RUNNER)):
        return ThreadPoolTaskRunner(max_workers=at_once())
    address = scheduler_of(RUNNER, given)
    try:
        from seqclass.tasks.compute.cluster import ClusterRunner
    except ModuleNotFoundError as error:
        raise ValueError(
            f"{RUNNER}: expected the extra 'dask' beside {given!r}, {error.name} is not "
            "installed; install it, or unset the variable"
        ) from None
    return ClusterRunner(address=address, client_kwargs={"timeout": CONNECT_S})


def scheduler_of(argument: str, given: str) -> str:
    """Return the address of a scheduler as Dask writes it, from ``dask://HOST:PORT`` or ``tls://…``."""
    match = re.fullmatch(r"(dask|tls)://([\w.-]+|\[[\da-fA-F:]+\]):(\d{1,5})", given)
    if match is None:
        raise ValueError(
            f"{argument}: expected dask://HOST:PORT or tls://HOST:PORT, got {given!r}; give the "
            "address of the Dask scheduler"
        )
    return f"{PROTOCOLS[match[1]]}://{match[2]}:{match[3]}"
