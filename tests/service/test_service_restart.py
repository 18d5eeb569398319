"""A restart of the service: on the same database it starts again, with what an earlier version left
there; runs that hold a slot go on, those of long ago are removed."""

import json
import os
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from seqclass.flows.service.credentials import make_password, private_folder
from seqclass.flows.service.server import (
    Service,
    await_server,
    choose_port,
    client_of,
    local_url,
    mark_environment,
    start_server,
)
from seqclass.flows.service.worker import deploy, deployments_of_file, make_pool
from seqclass.store.root import Root
from tests.support.servers import kept_server
from tests.support.service import command
from tests.support.waiting import until

AGES = {"old": 91, "young": 89}
"""Days since two runs have ended, by name."""


def deployed(client: Any) -> dict[str, tuple[Any, ...]]:
    """Deployments of the file by entrypoint: id, queue and slugs of their schedules."""
    return {
        d.entrypoint: (d.id, d.work_queue_name, sorted(s.slug for s in d.schedules))
        for d in client.read_deployments()
        if (d.entrypoint, d.name) in deployments_of_file()
    }


@pytest.fixture(scope="module")
def served(
    tmp_path_factory: pytest.TempPathFactory, copy_database: Callable[[Path], None]
) -> Iterator[tuple[Service, Any]]:
    """A server with the deployments, and a client of it."""
    copy_database(home := tmp_path_factory.mktemp("served"))
    with kept_server(home) as service, client_of(service) as client:
        make_pool(client)
        deploy(service, mark_environment(service))
        yield service, client


def test_deploying_again_leaves_what_there_is(served: tuple[Service, Any]) -> None:
    """But for what an earlier version deployed: retrainings had a limit for all machines together,
    and all runs the same queue."""
    from prefect.client.schemas.actions import DeploymentUpdate

    service, client = served
    before = deployed(client)
    assert len(before) == len(deployments_of_file())
    assert before["seqclass.flows.upkeep.keep_models"][2] == ["upkeep"]
    retraining = client.read_deployment_by_name("retrain-model/local")
    former = DeploymentUpdate(concurrency_limit=3, work_queue_name="default")
    client.update_deployment(retraining.id, former)
    assert deployed(client) != before
    deploy(service, mark_environment(service))
    assert deployed(client) == before
    retraining = client.read_deployment_by_name("retrain-model/local")
    sweep = client.read_deployment_by_name("ingest/local")
    assert retraining.global_concurrency_limit is None
    assert (retraining.work_queue_name, sweep.work_queue_name) == ("large", "small")


def test_doctor_names_a_paused_schedule_which_deploying_resumes(
    served: tuple[Service, Any], root: Root
) -> None:
    def schedules(service: Service) -> dict[str, Any]:
        reply = command("doctor", "--root", root.path, "--json", **service.access)
        return {entry["what"]: entry for entry in json.loads(reply.stdout)["findings"]}["schedules"]

    service, client = served
    sweep = client.read_deployment_by_name("ingest/local")
    for resume in ("prefect", "deploy"):
        client.update_deployment_schedule(sweep.id, sweep.schedules[0].id, active=False)
        paused = schedules(service)
        assert not paused["ok"]
        assert "ingest/local" in paused["found"]
        if resume == "prefect":
            words = shlex.split(paused["advice"].split("'")[1])
            subprocess.run(
                [sys.executable, "-m", *words], env=os.environ | service.access, check=True
            )
        else:
            deploy(service, mark_environment(service))
        sweep = client.read_deployment_by_name("ingest/local")
        assert [schedule.active for schedule in sweep.schedules] == [True]
    assert schedules(service)["ok"]


@pytest.fixture(scope="module")
def restarted(
    tmp_path_factory: pytest.TempPathFactory, copy_database: Callable[[Path], None]
) -> Iterator[tuple[Service, str]]:
    """A server that follows a killed one on its database, and the lease of a slot that the killed
    one gave. There are runs that ended as many days ago as ``AGES`` says."""
    copy_database(home := tmp_path_factory.mktemp("home"))
    private_folder(home)
    service = Service(local_url(choose_port(0)), "", make_password(home))
    first = start_server(home, service, dict(os.environ))
    try:
        await_server(service, first, home)
        lease = take_slot_and_run(service)
    finally:
        first.kill()
        first.wait(timeout=120)
    with closing(sqlite3.connect(home / "prefect.db")) as database, database:
        for name, days in AGES.items():
            words = "UPDATE flow_run SET end_time = datetime('now', ?) WHERE name = ?"
            changed = database.execute(words, (f"-{days} days", name))
            assert changed.rowcount == 1
    with kept_server(home) as second:
        yield second, lease


def take_slot_and_run(service: Service) -> str:
    """Take a slot, whose lease is returned, and let a run of each age be finished."""
    from prefect import flow
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
    from prefect.states import Completed

    with client_of(service) as client:
        for name in AGES:
            client.create_flow_run(flow(name=name)(print), name=name, state=Completed())
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="one", limit=1))
        taken = client.increment_concurrency_slots_with_lease(["one"], 1, "concurrency", 300)
    return taken.json()["lease_id"]


def test_a_slot_outlives_the_server_that_gave_it(restarted: tuple[Service, str]) -> None:
    """Prefect's runs renew the lease of their slot; a server that knows none crashes them."""
    service, lease = restarted
    with client_of(service) as client:
        assert client.renew_concurrency_lease(lease, 300).status_code == 204


def test_runs_that_ended_three_months_ago_go(restarted: tuple[Service, str]) -> None:
    with client_of(restarted[0]) as client:
        until(lambda: [run.name for run in client.read_flow_runs()] == ["young"])


def test_a_deployment_that_is_refused_says_why_from_the_beginning(
    restarted: tuple[Service, str],
) -> None:
    """There is no pool to deploy to: Prefect's sentence is longer than a line of its terminal."""
    whole = r"^prefect deploy: [^\n]*work pool[^\n]*$"
    service, _ = restarted
    with pytest.raises(ValueError, match=whole) as refused:
        deploy(service, mark_environment(service))
    assert "'local'" in str(refused.value)
