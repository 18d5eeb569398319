"""``seqclass up`` with a real server and worker: sweeps, retraining, kills, and a clean end."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY, free_port, store_series
from test_arrivals import drop, rows

from flows.processes import environment_of, marked, runs
from flows.server import SILENCE_S, Service, online_workers, recorded
from storage.catalogue import verify_tree
from storage.datasets import open_dataset
from storage.registry import champion_of
from storage.root import Root, open_root

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
READY_S = 40


def surroundings(**more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("PREFECT_API_URL", "SEQCLASS_STORAGE")}
    return {**kept, "PYTHONPATH": str(REPOSITORY), **more}


def command(*words: str, **more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "flows", *words], env=surroundings(**more), capture_output=True,
        text=True,
    )  # fmt: skip


class Up:
    """A running ``seqclass up``."""

    def __init__(self, root: Root, port: int) -> None:
        self.root, self.port = root, port
        Path(root.path).mkdir(exist_ok=True)
        self.log = Path(root.path + ".log")
        began = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows", "up", "--port", str(port), "--root", root.path,
                 "--json"],
                env=surroundings(), stdout=subprocess.PIPE, stderr=log, text=True, cwd="/",
            )  # fmt: skip
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
        return self.process.wait(timeout=60)

    @contextmanager
    def client(self) -> Iterator[Any]:
        from prefect.client.orchestration import get_client
        from prefect.settings import PREFECT_API_URL, temporary_settings

        with (
            temporary_settings({PREFECT_API_URL: self.service.url}),
            get_client(sync_client=True) as client,
        ):
            yield client

    def ask(self, deployment: str, **parameters: object) -> Any:
        """Start a run of a deployment; its id."""
        with self.client() as client:
            found = client.read_deployment_by_name(deployment)
            return client.create_flow_run_from_deployment(found.id, parameters=parameters).id

    def runs(self, flow: str) -> list[Any]:
        """Runs of a flow, oldest first."""
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName

        with self.client() as client:
            found = client.read_flow_runs(flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])))
        return sorted(found, key=lambda run: run.created)

    def run(self, run_id: Any) -> Any:
        with self.client() as client:
            return client.read_flow_run(run_id)

    def process_of(self, run_id: Any) -> int:
        """The topmost process of a flow run."""
        wanted = f"PREFECT__FLOW_RUN_ID={run_id}".encode()

        def found() -> list[int]:
            return [pid for pid in runs(self.service.mark) if wanted in environment_of(pid)]

        return until(found, 60)[0]

    def pid_of(self, kind: str) -> int:
        words = {"server": b"server", "worker": b"worker"}[kind]
        return next(
            pid for pid in marked(self.service.mark)
            if words in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        )  # fmt: skip


def until(find: Callable[[], Any], seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, find
        time.sleep(0.2)
    return found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A service on a free port, with a dataset ``toy`` and its champion."""
    root = open_root(tmp_path_factory.mktemp("service") / "tree")
    up = Up(root, free_port())
    try:
        store_series(root, n=200)
        trained = command("train", "toy", "--seeds", "1", "--root", root.path,
                          PREFECT_API_URL=up.service.url)  # fmt: skip
        assert trained.returncode == 0, trained.stderr
        yield up
    finally:
        up.stop()
        assert marked(up.service.mark) == set()


def test_it_is_ready_soon_and_healthy(service: Up) -> None:
    print(f"\nup: ready after {service.seconds:.1f} s")
    assert service.seconds <= READY_S
    with urllib.request.urlopen(f"{service.service.ui}/ui-settings") as reply:  # noqa: S310
        assert json.load(reply)["api_url"] == service.service.url
    found = command("doctor", "--root", service.root.path, "--json")
    assert found.returncode == 0, found.stdout
    names = {finding["what"] for finding in json.loads(found.stdout)["findings"]}
    assert {"worker", "work pool", "deployments", "automations", "clock"} <= names


def test_a_second_up_says_so_and_leaves_the_first_alone(service: Up) -> None:
    before = marked(service.service.mark)
    second = command("up", "--port", str(free_port()), "--root", service.root.path)
    assert second.returncode == 0
    assert f"already up for {service.root.url}: its UI is at {service.service.ui}" in second.stdout
    assert before <= marked(service.service.mark)
    assert service.process.poll() is None


def sweep_every(up: Up, seconds: int) -> None:
    """What a person would do in the UI: another interval for the schedule."""
    from prefect.client.schemas.schedules import IntervalSchedule

    with up.client() as client:
        found = client.read_deployment_by_name("ingest/local")
        (schedule,) = found.schedules
        assert schedule.slug == "sweep"
        interval = IntervalSchedule(interval=timedelta(seconds=seconds))
        client.update_deployment_schedule(found.id, schedule.id, schedule=interval)


def test_the_schedule_fires_and_a_sweep_of_nothing_says_so(service: Up) -> None:
    sweep_every(service, 10)

    def swept() -> list[Any]:
        found = service.runs("ingest")
        return [run for run in found if run.auto_scheduled and run.state.is_final()]

    names = {run.state.name for run in until(swept, 120)}
    sweep_every(service, 3600)
    assert names <= {"NothingNew", "Cancelled"}
    assert "NothingNew" in names


def test_a_file_dropped_into_the_inbox_leads_to_a_promoted_model(service: Up) -> None:
    root, inbox = service.root, open_root(service.root.join("inbox", "toy"))
    dropped = datetime.now(UTC)
    drop(inbox, "week-1.parquet", rows(0, 60))
    (run,) = until(lambda: [r for r in service.runs("retrain-model") if r.start_time], 120)
    taken = datetime.fromisoformat(open_dataset(root, "toy").manifest["created"])
    to_rows, to_start = taken - dropped, run.start_time - dropped
    print(f"\ndrop to the sweep that takes it: {to_rows.total_seconds():.1f} s")
    print(f"drop to the start of retraining: {to_start.total_seconds():.1f} s")
    state = until(lambda: (s := service.run(run.id).state).is_final() and s, 120)
    assert state.name == "Promoted", state.message
    assert champion_of(root, "toy") == "v2"
    assert [name[13:] for name in inbox.names("done")] == ["week-1.parquet"]


def test_of_two_retrainings_at_once_one_runs(service: Up) -> None:
    inbox, before = open_root(service.root.join("inbox", "toy")), len(service.runs("retrain-model"))
    drop(inbox, "week-2.parquet", rows(100, 60))
    first = until(lambda: service.runs("retrain-model")[before:], 120)[0].id
    again = [service.ask("retrain-model/local", model="toy") for _ in range(2)]
    names = [until(lambda i=i: (s := service.run(i).state).is_final() and s, 150).name
             for i in (first, *again)]  # fmt: skip
    assert names[1:] == ["NothingNew"] * 2
    assert names[0] in ("Promoted", "Refused")
    assert verify_tree(service.root)["bad"] == []


def started(up: Up, first: int) -> Any:
    """A retraining that has begun to train, of rows from number ``first`` on."""
    before = len(up.runs("retrain-model"))
    drop(open_root(up.root.join("inbox", "toy")), f"{first}.parquet", rows(first, 40))
    run = until(lambda: up.runs("retrain-model")[before:], 120)[0]
    until(lambda: up.run(run.id).state.is_running(), 60)
    return run.id


def ended(up: Up, run_id: Any, seconds: float) -> Any:
    return until(lambda: (s := up.run(run_id).state).is_final() and s, seconds)


def check_sound(root: Root) -> None:
    assert verify_tree(root)["bad"] == []
    champion = champion_of(root, "toy")
    assert root.exists("models", "toy", str(champion), "manifest.json")


@pytest.mark.parametrize("victims", ["run", "worker"])
def test_a_kill_is_survived_and_the_next_retraining_runs(service: Up, victims: str) -> None:
    lost = started(service, {"run": 1000, "worker": 2000}[victims])
    os.kill(
        service.process_of(lost) if victims == "run" else service.pid_of("worker"), signal.SIGKILL
    )
    state = ended(service, lost, 120)
    assert state.name == "Crashed" if victims == "run" else state.is_completed()
    check_sound(service.root)
    after = ended(service, service.ask("retrain-model/local", model="toy"), 120)
    assert after.name in (("Promoted", "Refused") if victims == "run" else ("NothingNew",))
    check_sound(service.root)


def test_a_kill_of_everything_is_noticed_within_the_window(service: Up) -> None:
    """Run, worker and server at once; what ``up`` starts again finishes the work."""
    lost = started(service, 3000)
    victims = [service.process_of(lost), service.pid_of("worker"), service.pid_of("server")]
    killed = time.monotonic()
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    check_sound(service.root)
    until(lambda: _online(service), 60)
    following = service.ask("retrain-model/local", model="toy")
    begun = until(lambda: service.run(following).start_time, SILENCE_S + 90)
    print(f"\nkill of run, worker and server to the next retraining: "
          f"{time.monotonic() - killed:.0f} s (window {SILENCE_S} s)")  # fmt: skip
    assert begun
    assert ended(service, following, 120).name in ("Promoted", "Refused")
    assert ended(service, lost, 1).name == "Crashed"
    check_sound(service.root)


def _online(up: Up) -> bool:
    import httpx

    try:
        with up.client() as client:
            return bool(online_workers(client))
    except (httpx.HTTPError, RuntimeError):
        return False


def test_a_stop_in_the_middle_of_a_retraining_leaves_no_process(service: Up) -> None:
    """The last test: SIGTERM, as a system's service manager would send it."""
    lost = started(service, 4000)
    service.process_of(lost)
    assert service.stop(signal.SIGTERM) == 0
    assert marked(service.service.mark) == set()
    check_sound(service.root)
