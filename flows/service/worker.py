"""The pool, its deployments and the worker that executes their runs."""

import contextlib
import json
import socket
import subprocess
import time
from datetime import datetime
from typing import Any, NamedTuple

from seqclass.flows.service.processes import begin, cause_in, command_of
from seqclass.flows.service.server import (
    HEARTBEAT_S,
    POOL,
    WORKER_LIMIT_S,
    Service,
    file_of_project,
    home_of,
    prefect_file,
)
from seqclass.settings_files import PREFECT
from seqclass.store.root import Root

SMALL, LARGE = "small", "large"
QUEUES = {SMALL: [SMALL], LARGE: [LARGE, "default"]}
"""Queues of the pool for each of a machine's two workers.

Sweeps have their own worker, so that none waits for a training. Other deployments of the pool are
in ``default``.
"""
SMALL_LIMIT = 6
"""Runs of ``small`` at a time on a machine: four sweeps, the upkeep and an answer."""
WIDE = "2000"
"""Columns of a terminal in which no message of Prefect is broken into lines."""
PLACE = ("root", "now")
"""Parameters that a worker's run can't choose: its root and its time."""


class WorkerShare(NamedTuple):
    """The runs of a worker: those of a queue, and of a further one if it is named, ``limit`` at a
    time."""

    queue: str
    limit: int
    further: str = ""

    @property
    def queues(self) -> list[str]:
        return [*([self.further] if self.further else []), *QUEUES[self.queue]]


def worker_name(store: Root, queue: str) -> str:
    """Return the name of this machine's worker for a queue of a root."""
    name = f"seqclass {socket.gethostname()} {queue} {store.url}"
    return name.replace("/", "-").replace("%", "-")


def is_worker(pid: int) -> bool:
    """Check whether a process is a Prefect worker."""
    return {"worker", "start"} <= set(command_of(pid))


def start_worker(
    store: Root, service: Service, share: WorkerShare, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start a worker whose runs use this root and beat often enough for the automations."""
    words = [*PREFECT, "worker", "start", "--pool", POOL,
             "--name", worker_name(store, share.queue), "--limit", str(share.limit)]  # fmt: skip
    for name in share.queues:
        words += ["--work-queue", name]
    surroundings = {
        **environment,
        **service.access,
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        "PREFECT_WORKER_HEARTBEAT_SECONDS": "10",
        "SEQCLASS_STORAGE": store.url,
    }
    return begin(words, surroundings, home_of(store) / "worker.log")


def make_pool(client: Any, further: str = "") -> None:
    """Create the process pool and its queues; its template is renewed if it has changed.

    further: another queue, from which policies let workers take retrainings.
    """
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    template = job_template()
    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        new_pool = WorkPoolCreate(name=POOL, type="process", base_job_template=template)
        with contextlib.suppress(ObjectAlreadyExists):
            client.create_work_pool(new_pool)
        pool = client.read_work_pool(POOL)
    if pool.type != "process":
        raise ValueError(
            f"work pool {POOL!r}: expected type process, got {pool.type}; delete or rename it"
        )
    if pool.base_job_template != template:
        client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=template))
    for queue in filter(None, (*QUEUES, further)):
        with contextlib.suppress(ObjectAlreadyExists):
            client.create_work_queue(name=queue, work_pool_name=POOL)


def job_template() -> dict[str, Any]:
    """Return the template of jobs, which lets a run choose nothing about its process."""
    return json.loads(file_of_project("work-pool.json").read_text(encoding="utf-8"))


def deploy(service: Service, environment: dict[str, str]) -> None:
    """Create or renew every deployment of prefect.yaml."""
    file = prefect_file()
    words = [*PREFECT, "--no-prompt", "deploy", "--all",
             "--prefect-file", str(file)]  # fmt: skip
    result = subprocess.run(  # noqa: S603 - the project's own words
        words, env={**environment, **service.access, "COLUMNS": WIDE}, cwd=file.parent,
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if result.returncode:
        raise ValueError(f"prefect deploy: {cause_in(result.stderr or result.stdout)}")


def online_workers(client: Any) -> dict[str, datetime]:
    """Return workers that the server counts as alive, with their last heartbeat."""
    from prefect.exceptions import PrefectHTTPStatusError

    try:
        workers = client.read_workers_for_work_pool(POOL)
    except PrefectHTTPStatusError as error:
        if error.response.status_code == 404:  # there is no such pool
            return {}
        raise
    return {w.name: w.last_heartbeat_time for w in workers if w.status == "ONLINE"}


def await_workers(
    client: Any,
    store: Root,
    processes: dict[str, subprocess.Popen[bytes]],
    before: dict[str, datetime],
) -> None:
    """Wait until the worker of each queue has sent a heartbeat other than the one ``before``."""
    deadline = time.monotonic() + WORKER_LIMIT_S
    for queue, process in processes.items():
        name = worker_name(store, queue)
        while online_workers(client).get(name) in (None, before.get(name)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise ValueError(
                    f"worker: expected {name!r} to come online, it did not; see "
                    f"{home_of(store)}/worker.log"
                )
            time.sleep(0.2)


def deployments_of_file() -> list[tuple[str, str]]:
    """Return entrypoint and name of every deployment in prefect.yaml."""
    return [(deployment["entrypoint"], deployment["name"]) for deployment in _deployments()]


def slugs_of_file() -> set[str]:
    """Return the slug of every schedule in prefect.yaml."""
    return {s["slug"] for deployment in _deployments() for s in deployment.get("schedules", [])}


def _deployments() -> list[dict[str, Any]]:
    import yaml  # type: ignore[import-untyped]

    return yaml.safe_load(prefect_file().read_text(encoding="utf-8"))["deployments"]


def deployed_flows(client: Any) -> list[str]:
    """Return ids of the flows that have a deployment of prefect.yaml on the server."""
    from seqclass.flows.dispatch import read_all

    declared, there = set(deployments_of_file()), read_all(client.read_deployments)
    flow_ids = {d.flow_id for d in there if (d.entrypoint, d.name) in declared}
    return sorted(map(str, flow_ids))


def hide_place(client: Any, declared: set[tuple[str, str]]) -> None:
    """Remove the parameters that a run can't choose from the forms.

    declared: entrypoint and name of the deployments of prefect.yaml.
    """
    from prefect.client.schemas.actions import DeploymentUpdate

    from seqclass.flows.dispatch import read_all

    for deployment in read_all(client.read_deployments):
        schema = deployment.parameter_openapi_schema
        shown = {k: v for k, v in schema["properties"].items() if k not in PLACE}
        if (deployment.entrypoint, deployment.name) in declared and shown != schema["properties"]:
            changed = {**schema, "properties": shown}
            update = DeploymentUpdate.model_validate({"parameter_openapi_schema": changed})
            client.update_deployment(deployment.id, update)
