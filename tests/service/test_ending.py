"""What a service tells its server of runs whose process is gone."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqclass.flows.service.ending import close_dead_runs
from seqclass.flows.service.server import Service, client_of
from tests.support.servers import kept_server

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="the system shows no processes")


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, copy_database: Callable[[Path], None]
) -> Iterator[Service]:
    copy_database(home := tmp_path_factory.mktemp("home"))
    with kept_server(home) as service:
        yield service


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize(("age_s", "end"), [(-1.0, "Crashed"), (60.0, "Pending")])
def test_a_run_that_was_taken_and_never_begun_is_given_up(
    service: Service, monkeypatch: pytest.MonkeyPatch, age_s: float, end: str
) -> None:
    """It would hold its deployment's only slot, as after a server that died just then."""
    from prefect import flow, states

    monkeypatch.setattr("seqclass.flows.service.ending.FORGOTTEN_S", age_s)
    with client_of(service) as client:
        forgotten, begun = (client.create_flow_run(flow(lambda: None, name="idle")) for _ in "ab")
        surroundings = {**os.environ, "PREFECT__FLOW_RUN_ID": str(begun.id)}
        with subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env=surroundings
        ) as process:
            for run in (forgotten, begun):
                client.set_flow_run_state(run.id, states.Pending(), force=True)
            close_dead_runs(service)
            process.communicate(b"\n")
        assert client.read_flow_run(forgotten.id).state.name == end
        assert client.read_flow_run(begun.id).state.name == "Pending"


@pytest.mark.parametrize(
    ("state", "end"),
    [("Running", "Crashed"), ("Paused", "Crashed"), ("Pending", "Crashed"),
     ("Cancelling", "Cancelled")],
)  # fmt: skip
def test_a_run_whose_process_is_gone_has_ended_in_whatever_state(
    service: Service, state: str, end: str
) -> None:
    """One that waited for a person's word would keep its model from further retrainings."""
    from prefect import flow, states

    begun: Any = {
        "Running": states.Running, "Paused": lambda: states.Paused(timeout_seconds=600),
        "Pending": states.Pending, "Cancelling": states.Cancelling,
    }[state]  # fmt: skip
    with client_of(service) as client:
        run = client.create_flow_run(flow(lambda: None, name="idle"))
        client.set_flow_run_state(run.id, begun(), force=True)
        client.update_flow_run(run.id, infrastructure_pid=str(ended_process()))
        close_dead_runs(service)
        assert client.read_flow_run(run.id).state.name == end
