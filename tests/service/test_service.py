"""``seqclass up`` with a real server and worker: forms, retraining, kills, and a clean end."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from seqclass.flows.service.processes import marked
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.store.catalogue import verify_tree
from seqclass.store.log import actor, read_log
from seqclass.store.registry import champion_of
from seqclass.store.root import Root, open_root
from tests.support.arrivals import drop, rows
from tests.support.candidates import make_candidate, register_champion
from tests.support.service import Up, command, ended, retrain, started, with_database
from tests.support.stored import QUICK, store_champion, store_series
from tests.support.verdicts import VERDICT, apply_verdict, store_two
from tests.support.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, copy_database: Callable[[Path], None]
) -> Iterator[Up]:
    """A service on any free port, with a dataset ``toy`` and its champion."""
    root = with_database(open_root(tmp_path_factory.mktemp("service") / "tree"), copy_database)
    up = Up(root, port=0)
    try:
        candidate = make_candidate(tmp_path_factory.mktemp("candidate"), QUICK)
        register_champion(root, candidate, QUICK, "toy")
        yield up
    finally:
        up.stop()
        assert marked(up.service.mark) == set()


def test_forms_ask_for_nothing_that_a_run_can_t_choose(service: Up) -> None:
    with service.client() as client:
        deployments = client.read_deployments()
        retraining = client.read_deployment_by_name("retrain-model/local")
    assert len(deployments) == len(service.said["deployments"])
    for deployment in deployments:
        assert not {"root", "now"} & set(deployment.parameter_openapi_schema["properties"])
    assert set(retraining.parameter_openapi_schema["properties"]) == {"model", "spec"}


def test_commands_find_the_service_and_its_password_by_the_root(service: Up) -> None:
    words = ("retrain", "toy", "--root")
    assert f"Prefect on {service.service.url}" in retrain(service.root)
    assert service.runs("retrain-model")[-1].state.is_completed()
    other = open_root(f"{service.root.path}-other")
    store_champion(other, "toy", dataset=store_series(other).ref)
    asked = {"PREFECT_API_URL": service.service.url}
    elsewhere = command(*words, other.path, **asked)
    assert elsewhere.returncode == 2
    assert elsewhere.stderr.count("\n") == 1
    assert "set PREFECT_API_AUTH_STRING" in elsewhere.stderr
    password = Path(service.said["password"]).read_text().strip()
    given = {**asked, "PREFECT_API_AUTH_STRING": password}
    elsewhere = command(*words, other.path, **given)
    assert elsewhere.returncode == 0, elsewhere.stderr


def test_a_form_in_prefect_answers_what_awaits_approval(service: Up) -> None:
    store_two(service.root, "press")
    spec = RetrainSpec(approval=True)
    apply_verdict(service.root, VERDICT, None, spec, name="press")
    with service.client() as client:
        form = client.read_deployment_by_name("answer-approval/local")
    fields = form.parameter_openapi_schema["properties"]
    assert set(fields) == {"model", "decision", "name", "reason"}
    assert fields["decision"]["enum"] == ["approve", "decline"]
    answer = {"model": "press@v2", "decision": "approve", "name": "Ann", "reason": "I looked"}
    assert ended(service, service.ask("answer-approval/local", **answer)).is_completed()
    assert champion_of(service.root, "press") == "v2"
    entry = read_log(service.root, "press")[-1]
    assert entry["actor"] == f"Ann (by the form in Prefect, run by {actor()})"
    state = ended(service, service.ask("answer-approval/local", **answer))
    assert state.is_failed()
    assert "expected a version that awaits approval" in state.message


def dropped(up: Up, first: int) -> Any:
    """Put a file of 60 series into the inbox; the retraining that it leads to."""
    before = len(up.runs("retrain-model"))
    drop(open_root(up.root.join("inbox", "toy")), f"{first}.parquet", rows(first, 60))
    return until(lambda: up.runs("retrain-model")[before:], every_s=0.5)[0].id


def check_sound(root: Root) -> None:
    assert verify_tree(root)["bad"] == []
    assert root.exists("models", "toy", str(champion_of(root, "toy")), "manifest.json")


def test_a_killed_worker_and_a_stop_leave_a_sound_tree(service: Up) -> None:
    """The run of a killed worker goes on to its decision."""
    first = started(service, dropped(service, 200))
    for worker in service.pids_of("worker"):
        os.kill(worker, signal.SIGKILL)
    assert ended(service, first).name in ("Promoted", "Refused")
    check_sound(service.root)
    started(service, dropped(service, 400))
    assert service.stop(signal.SIGTERM) == 0
    assert marked(service.service.mark) == set()
    check_sound(service.root)
