"""A running ``seqclass up``."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqclass.flows.service.processes import environment_of, marked, runs
from seqclass.flows.service.server import (
    Service,
    client_of,
    home_of,
    is_server,
    recorded,
    server_may_be_away,
)
from seqclass.flows.service.worker import is_worker, online_workers
from seqclass.store.root import Root
from tests.support.places import REPOSITORY
from tests.support.waiting import until


def surroundings(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("PREFECT_API_URL", "SEQCLASS_STORAGE")}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **more}


def command(*words: str, **more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "seqclass.flows", *words], env=surroundings(**more),
        capture_output=True, text=True,
    )  # fmt: skip


def retrain(root: Root) -> str:
    """Retrain ``toy`` by the command, where nothing is new; returns its messages."""
    retraining = command("retrain", "toy", "--root", root.url)
    assert retraining.returncode == 0, retraining.stderr
    return retraining.stderr


def log_of(root: Root) -> Path:
    """The messages of every ``seqclass up`` of a root."""
    return Path(root.path + ".log") if root.is_local else home_of(root) / "up.log"


def with_database(root: Root, copy_database: Callable[[Path], None]) -> Root:
    """Put a made database where the service of a root has its own: making one takes long."""
    home_of(root).mkdir(parents=True, exist_ok=True)
    copy_database(home_of(root))
    return root


def begin_up(
    root: Root, port: int, limit: int = 3, folder: Path = Path("/"), **more: str
) -> subprocess.Popen:
    """Start ``seqclass up``; once it is ready, it prints a line of JSON."""
    if root.is_local:
        Path(root.path).mkdir(exist_ok=True)
    log_of(root).parent.mkdir(parents=True, exist_ok=True)
    with open(log_of(root), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "seqclass.flows", "up", "--port", str(port),
             "--root", root.url, "--limit", str(limit), "--json"],
            env=surroundings(**more), stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder,
        )  # fmt: skip


class Up:
    """A running ``seqclass up``."""

    def __init__(
        self, root: Root, port: int, limit: int = 3, folder: Path = Path("/"), **more: str
    ) -> None:
        self.root, self.log = root, log_of(root)
        began = time.monotonic()
        self.process = begin_up(root, port, limit, folder, **more)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.seconds = time.monotonic() - began
        assert line, self.log.read_text()
        self.said = json.loads(line)
        found = recorded(root)
        assert found is not None
        self.service: Service = found

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=120)

    @contextmanager
    def client(self) -> Iterator[Any]:
        with client_of(self.service) as client:
            yield client

    def ask(self, deployment: str, **parameters: object) -> Any:
        """Start a run of a deployment; its id."""
        with self.client() as client:
            entry = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(entry.id, parameters=parameters).id

    def runs(self, flow: str) -> list[Any]:
        """Runs of a flow, oldest first."""
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName

        with self.client() as client:
            flow_runs = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=[flow]))
            )
        return sorted(flow_runs, key=lambda run: run.created)

    def run(self, run_id: Any) -> Any:
        with self.client() as client:
            return client.read_flow_run(run_id)

    def process_of(self, run_id: Any) -> int:
        """The topmost process of a flow run."""
        variable = f"PREFECT__FLOW_RUN_ID={run_id}".encode()

        def found() -> list[int]:
            return [pid for pid in runs(self.service.mark) if variable in environment_of(pid)]

        return until(found)[0]

    def pids_of(self, kind: str) -> set[int]:
        """The server, or the workers of both queues."""
        is_it = {"server": is_server, "worker": is_worker}[kind]
        return {pid for pid in marked(self.service.mark) if is_it(pid)}

    @property
    def family(self) -> set[int]:
        """The server and the workers."""
        return self.pids_of("server") | self.pids_of("worker")

    def is_online(self) -> bool:
        """Whether the server answers and knows of all living workers."""
        with server_may_be_away(), self.client() as client:
            return set(self.said["workers"]) <= set(online_workers(client))
        return False


def ended(up: Up, run_id: Any) -> Any:
    """The state in which a run ended."""
    return until(lambda: (state := up.run(run_id).state).is_final() and state, every_s=0.5)


def started(up: Up, run_id: Any) -> Any:
    """Wait until a run is at work."""
    until(lambda: up.run(run_id).state.is_running(), every_s=0.5)
    return run_id


def last_run(flow: str) -> Any:
    """The newest run of a flow on the server that Prefect is set to."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowFilter, FlowFilterName
    from prefect.client.schemas.sorting import FlowRunSort

    with get_client(sync_client=True) as client:
        [run] = client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
            sort=FlowRunSort.START_TIME_DESC, limit=1,
        )  # fmt: skip
    return run
