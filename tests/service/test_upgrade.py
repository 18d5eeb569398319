"""A root and a service's database that an earlier commit made are taken up by this one."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from flows.service.worker import online_workers
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import open_dataset
from seqclass.store.log import read_log
from seqclass.store.registry import champion_of
from seqclass.store.retrainings import retrainings_of
from seqclass.store.root import Root, open_root
from tests.support.commands import Command
from tests.support.former import restore, series
from tests.support.service import Up, with_database
from tests.support.waiting import until


@pytest.fixture
def former(tmp_path: Path) -> Root:
    return open_root(restore(tmp_path))


@pytest.mark.parametrize(
    "words",
    [["datasets"], ["models"], ["show", "toy"], ["history", "toy"], ["policy", "toy"], ["verify"],
     ["digest"], ["metrics"], ["compare", "toy@v1", "toy@v2"], ["pages"]],
    ids=lambda words: words[0],
)  # fmt: skip
def test_every_command_reads_what_an_earlier_commit_stored(
    former: Root, seqclass: Command, words: list[str]
) -> None:
    code, _, err = seqclass(*words, "--root", former.path)
    assert (code, err) == (0, ""), err


def state_of(root: Root) -> tuple[Any, ...]:
    return champion_of(root, "toy"), read_log(root, "toy"), retrainings_of(root, "toy")


@pytest.fixture(scope="module")
def new(
    tmp_path_factory: pytest.TempPathFactory, copy_database: Callable[[Path], None]
) -> dict[str, Any]:
    """The contents of a server on which this commit's service is the first."""
    root = open_root(tmp_path_factory.mktemp("new") / "tree")
    up = Up(with_database(root, copy_database), port=0)
    try:
        return contents(up)
    finally:
        up.stop()


VARYING = {
    "id", "created", "updated", "created_by", "updated_by", "last_polled", "status",
    "active_slots", "denied_slots", "avg_slot_occupancy_seconds",
}  # fmt: skip
"""Fields of Prefect's records that differ between two servers with the same contents."""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def contents(up: Up) -> dict[str, Any]:
    """Return what a service has put into its server, without times and with names for ids."""
    with up.client() as client:
        deployments = client.read_deployments()
        names = {str(flow.id): flow.name for flow in client.read_flows()}
        kinds: dict[str, list[Any]] = {
            "deployments": deployments,
            "automations": client.read_automations(),
            "limits": client.read_global_concurrency_limits(limit=200, offset=0),
            "pools": client.read_work_pools(),
            "queues": client.read_work_queues(),
        }
    names |= {str(deployment.id): deployment.entrypoint for deployment in deployments}

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in sorted(value.items()) if k not in VARYING}
        if isinstance(value, list):
            return sorted(map(plain, value), key=json.dumps)
        if isinstance(value, str):
            return UUID.sub(lambda found: names.get(found[0], "an id"), value)
        return value

    return {kind: plain([one.model_dump(mode="json") for one in kinds[kind]]) for kind in kinds}


@pytest.mark.system
@pytest.mark.timeout(1200)
def test_the_service_goes_on_where_that_of_an_earlier_commit_stopped(
    new: dict[str, Any], tmp_path: Path
) -> None:
    root = open_root(restore(tmp_path))
    before = state_of(root)
    began = datetime.now(UTC)
    up = Up(root, port=0)
    try:
        assert contents(up) == new
        assert has_history(up)
        until(partial(is_at_rest, up, began), every_s=0.5)
        assert state_of(root) == before
        add_rows(root)
        until(lambda: len(retrainings_of(root, "toy")) > len(before[2]), 300)
    finally:
        assert up.stop() == 0
    assert open_dataset(root, "toy").manifest["n_series"] == 240
    assert verify_tree(root)["bad"] == []


def has_history(up: Up) -> bool:
    """Check whether the server knows the earlier service's runs, and those of its deployments."""
    with up.client() as client:
        sweeps = client.read_deployment_by_name("ingest/local").id
    of_deployment = {run.deployment_id for run in up.runs("ingest")}
    return bool(up.runs("train-classifier")) and sweeps in of_deployment


def is_at_rest(up: Up, began: datetime) -> bool:
    """Check whether each run that was due before has ended, and only own workers are online."""
    with up.client() as client:
        due = [run for run in client.read_flow_runs() if run.expected_start_time < began]
        online = set(online_workers(client))
    return all(run.state.is_final() for run in due) and online == set(up.said["workers"])


def add_rows(root: Root) -> None:
    inbox = Path(root.join("inbox", "toy"))
    inbox.mkdir(parents=True)
    (inbox / "more.csv").write_text(series(180, 60))
