"""Which retrainings the upkeep starts: a lost machine holds up no model."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.events.worker import EventsWorker
from prefect.flow_engine import run_flow
from prefect.settings import temporary_settings

from flows.dispatch import has_lost_run, read_all, start_retrainings
from flows.retraining import retrain_model
from flows.service.server import Service, client_of, client_settings, mark_environment
from flows.service.worker import deploy, make_pool
from seqclass.monitoring.policy import ModelPolicy
from seqclass.policies import set_policy
from seqclass.store.leases import LEASE_S, try_lock
from seqclass.store.root import Root
from tests.support.commands import HOLDER
from tests.support.servers import kept_server
from tests.support.stored import silent_since, store_champion

LEASE = ("retraining", "models", "toy")


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, copy_database: Callable[[Path], None]
) -> Iterator[Service]:
    """A server with the deployments, whose clients are those of this process."""
    copy_database(home := tmp_path_factory.mktemp("home"))
    with kept_server(home) as service:
        with client_of(service) as client:
            make_pool(client)
        deploy(service, mark_environment(service))
        with temporary_settings(client_settings(service)):
            yield service
            EventsWorker.drain_all()  # the next tests' events are for another server


@pytest.fixture
def begun(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A retraining of ``toy`` that a worker began long ago, as Prefect says."""
    from prefect.states import Running

    monkeypatch.setattr("flows.dispatch.LEASE_S", -1.0)
    with client_of(service) as client:
        deployment = client.read_deployment_by_name("retrain-model/local")
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"model": "toy"})
        client.set_flow_run_state(run.id, Running(), force=True)
        yield client
        for found in client.read_flow_runs():
            client.delete_flow_run(found.id)


def test_a_model_whose_machine_is_lost_is_free_after_its_lease(
    begun: Any, bucket: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody tells Prefect of the end, so the run counts as running for ever."""
    killed = subprocess.run([sys.executable, "-c", HOLDER, bucket.url], stderr=subprocess.PIPE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    path = bucket.join("models", "toy", ".retraining.lock")
    silent_since(bucket, path, LEASE_S, monkeypatch)
    assert start_retrainings(["toy"], bucket) == []
    assert not has_lost_run(begun, bucket)
    silent_since(bucket, path, LEASE_S + 1, monkeypatch)
    assert has_lost_run(begun, bucket)
    assert start_retrainings(["toy", "other"], bucket) == ["toy", "other"]
    assert start_retrainings(["toy", "other"], bucket) == []


def test_a_model_that_a_run_works_on_is_left_to_it(begun: Any, root: Root) -> None:
    with try_lock(root, *LEASE):
        assert not has_lost_run(begun, root)
        assert start_retrainings(["toy"], root) == []
    assert start_retrainings(["toy"], root) == ["toy"]


def test_a_run_that_a_worker_has_just_taken_is_about_to_begin(
    begun: Any, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.dispatch.LEASE_S", LEASE_S)
    assert not has_lost_run(begun, root)
    assert start_retrainings(["toy"], root) == []


def queues(client: Any) -> dict[UUID, str]:
    found = client.read_flow_runs()
    return {run.id: run.work_queue_name for run in found if "model" in run.parameters}


@pytest.fixture
def placed(root: Root, service: Service) -> Iterator[Any]:
    """A champion whose retrainings are for large machines; a client of the server."""
    store_champion(root, "toy")
    set_policy(root, "toy", ModelPolicy(queue="huge"), "it has many rows")
    with client_of(service) as client:
        make_pool(client, "huge")
        yield client
        for found in client.read_flow_runs():
            client.delete_flow_run(found.id)


def test_the_upkeep_starts_a_retraining_in_the_queue_of_its_policy(placed: Any, root: Root) -> None:
    assert start_retrainings(["toy", "other"], root) == ["toy", "other"]
    assert sorted(queues(placed).values()) == ["huge", "large"]


def test_a_retraining_that_an_event_started_goes_on_in_the_queue_of_its_policy(
    placed: Any, root: Root
) -> None:
    deployment = placed.read_deployment_by_name("retrain-model/local")
    for expected in (1, 1):  # the second finds that the first has handed over
        given = {"model": "toy", "root": root.url}
        run = placed.create_flow_run_from_deployment(deployment.id, parameters=given)
        state = run_flow(retrain_model, flow_run=run, parameters=given, return_type="state")
        assert (state.name, state.message) == (
            "NothingNew", "nothing new: it goes on in the queue huge",
        )  # fmt: skip
        waiting = [own for own in queues(placed).values() if own == "huge"]
        assert len(waiting) == expected


def test_every_page_of_a_list_is_read() -> None:
    assert read_all(lambda offset: list(range(5))[offset : offset + 2]) == list(range(5))
