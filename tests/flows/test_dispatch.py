"""Which retrainings the upkeep starts: a lost machine holds up no model."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.events.worker import EventsWorker
from prefect.flow_engine import run_flow
from prefect.settings import temporary_settings
from prefect.states import Crashed, Failed, Running

from seqclass.flows.dispatch import read_all, start_retrainings
from seqclass.flows.forms import set_model_policy
from seqclass.flows.retraining import retrain_model
from seqclass.flows.run_context import RUN
from seqclass.flows.service.server import Service, client_of, client_settings, mark_environment
from seqclass.flows.service.watcher import has_failed_run
from seqclass.flows.service.worker import deploy, make_pool
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.training import MET_ANOTHER
from seqclass.policies import set_paused, set_policy
from seqclass.store.root import Root
from tests.support.commands import Command
from tests.support.servers import kept_server
from tests.support.stored import store_champion, store_series


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
def begun(service: Service) -> Iterator[Any]:
    """A retraining of ``toy`` that a worker began, as Prefect says."""
    with client_of(service) as client:
        deployment = client.read_deployment_by_name("retrain-model/local")
        run = client.create_flow_run_from_deployment(deployment.id, parameters={"model": "toy"})
        client.set_flow_run_state(run.id, Running(), force=True)
        yield client
        for waiting in client.read_flow_runs():
            client.delete_flow_run(waiting.id)


def test_a_run_that_counts_as_running_is_at_work(begun: Any, root: Root) -> None:
    """Its state says so: a run that is lost crashes when no heartbeat comes."""
    assert start_retrainings(["toy", "other"], root) == ["other"]
    assert start_retrainings(["toy", "other"], root) == []
    for run in begun.read_flow_runs():
        begun.set_flow_run_state(run.id, Crashed(), force=True)
    assert start_retrainings(["toy"], root) == ["toy"]


def test_in_a_bucket_the_later_of_two_runs_leaves(begun: Any, bucket: Root) -> None:
    """The earlier one looks again when it ends."""
    store_champion(bucket, "toy", dataset=store_series(bucket).ref)
    deployment = begun.read_deployment_by_name("retrain-model/local")
    given = {"model": "toy", "root": bucket.url}
    run = begun.create_flow_run_from_deployment(deployment.id, parameters=given)
    state = run_flow(retrain_model, flow_run=run, parameters=given, return_type="state")
    assert (state.name, MET_ANOTHER in state.message) == ("NothingNew", True)


def test_a_retraining_that_fails_or_crashes_calls_the_upkeep(begun: Any, service: Service) -> None:
    before = datetime.now(UTC)
    [run] = begun.read_flow_runs()
    assert not has_failed_run(service, before)
    for end in (Failed, Crashed):
        begun.set_flow_run_state(run.id, end(), force=True)
        assert has_failed_run(service, before)
    assert not has_failed_run(service, datetime.now(UTC))


def queues(client: Any) -> dict[UUID, str]:
    flow_runs = client.read_flow_runs()
    return {run.id: run.work_queue_name for run in flow_runs if "model" in run.parameters}


@pytest.fixture
def placed(root: Root, service: Service) -> Iterator[Any]:
    """A champion whose retrainings are for large machines; a client of the server."""
    store_champion(root, "toy")
    set_policy(root, "toy", ModelPolicy(queue="huge"), "it has many rows")
    with client_of(service) as client:
        make_pool(client, "huge")
        yield client
        for run in client.read_flow_runs():
            client.delete_flow_run(run.id)


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
        waiting = [queue for queue in queues(placed).values() if queue == "huge"]
        assert len(waiting) == expected


@pytest.fixture
def waiting(root: Root, service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two champions on the first rows of ``toy``, which has more; a client of the server."""
    first = store_series(root, n=60).ref
    for name in ("toy", "idle"):
        store_champion(root, name, dataset=first)
    set_policy(root, "idle", ModelPolicy(RetrainSpec(least_rows=999)), "few rows teach it little")
    store_series(root, n=90)
    monkeypatch.setenv("PREFECT_API_URL", service.access["PREFECT_API_URL"])
    with client_of(service) as client:
        yield client
        for run in client.read_flow_runs():
            client.delete_flow_run(run.id)


def started(client: Any) -> list[dict[str, Any]]:
    return [run.parameters for run in client.read_flow_runs() if "model" in run.parameters]


def test_a_model_that_is_resumed_is_retrained_at_once(
    waiting: Any, root: Root, seqclass: Command, tmp_path: Path
) -> None:
    for name in ("toy", "idle"):
        set_paused(root, name, True, "the line stands still")
    assert seqclass("policy", "toy", "--pause")[0] == 0
    assert started(waiting) == []
    code, _, err = seqclass("policy", "--all", "--resume")
    assert (code, "a retraining of toy was started" in err) == (0, True)
    assert started(waiting) == [{"model": "toy", "root": root.url}]
    (tmp_path / "policy.json").write_text('{"retraining": {"least_rows": 1}}')
    assert seqclass("policy", "idle", "--set", tmp_path / "policy.json")[0] == 0
    assert {run["model"] for run in started(waiting)} == {"toy", "idle"}


def test_a_policy_that_is_set_by_its_form_is_acted_on_at_once(
    waiting: Any, root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQCLASS_STORAGE", root.url)
    monkeypatch.setenv(RUN, "as of a worker")
    for least, models in ((500, []), (1, ["idle"])):
        policy = ModelPolicy(RetrainSpec(least_rows=least))
        set_model_policy("idle", "Ann", "why", policy)
        runs = [run for run in started(waiting) if run.keys() == {"model", "root"}]
        assert [run["model"] for run in runs] == models


def test_every_page_of_a_list_is_read() -> None:
    assert read_all(lambda offset: list(range(5))[offset : offset + 2]) == list(range(5))
