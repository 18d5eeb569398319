"""A cluster of Dask gives what this machine gives, whichever of its workers dies."""

import hashlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from pydantic import TypeAdapter

import seqclass.pipeline.generate
from seqclass.flows.generation import generate_signals
from seqclass.flows.scoring import score_dataset
from seqclass.flows.training import train_classifier
from seqclass.pipeline.candidates import learning_fingerprint
from seqclass.store.datasets import Dataset, open_dataset
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.synthesis.signals import SignalSpec
from seqclass.tasks.compute.cluster import ClusterRunner, check_same
from seqclass.tasks.compute.runner import RUNNER, scheduler_of, task_runner
from seqclass.training.spec import TrainingSpec
from seqclass.workers import end_workers
from tests.support.buckets import ACCESS
from tests.support.clusters import Cluster, cluster
from tests.support.stored import SMALL, store_series
from tests.support.waiting import until

SEEDS, PARTITIONS = 3, 5
SPEC = TypeAdapter(TrainingSpec).validate_python({**SMALL, "seeds": SEEDS})


def test_a_scheduler_is_named_as_dask_names_it_or_refused() -> None:
    for given, address in (
        ("dask://10.0.0.7:8786", "tcp://10.0.0.7:8786"),
        ("tls://scheduler.fleet:8786", "tls://scheduler.fleet:8786"),
        ("dask://[::1]:1", "tcp://[::1]:1"),
    ):
        assert scheduler_of("--runner", given) == address
    for given in ("", "dask://x", "http://x:1", "dask://u@x:1", "dask://x:1/y"):
        with pytest.raises(ValueError, match=r"--runner: expected dask://HOST:PORT"):
            scheduler_of("--runner", given)


def test_a_worker_that_would_train_other_bits_is_refused() -> None:
    own = learning_fingerprint()
    check_same("this worker", own, {**own, "cores": 1024})
    with pytest.raises(ValueError, match="differs in learning_code, threads"):
        check_same("this worker", own, {**own, "learning_code": "other", "threads": 7})


def test_a_scheduler_without_certificates_is_not_asked() -> None:
    with (
        pytest.raises(ValueError, match="expected certificates"),
        ClusterRunner(address="tls://x:1"),
    ):
        pass


@pytest.fixture(scope="module")
def running(
    prefect: str, endpoint: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**ACCESS, "AWS_ENDPOINT_URL_S3": endpoint}.items():
            patch.setenv(name, value)
        with cluster(tmp_path_factory.mktemp("cluster") / "cluster.log") as running:
            yield running


@pytest.fixture
def two_workers(running: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv(RUNNER, running.runner)
    return running


def spread(flow: Flow) -> Flow:
    """The flow as a new process would import it."""
    return flow.with_options(task_runner=task_runner())


def trained(root: Root, flow: Any = train_classifier) -> tuple[Any, list[str]]:
    """Train the toy dataset; id of the flow run, and digests of all seeds' weights."""
    state = flow("toy", spec=SPEC, root=root.url, return_state=True)
    assert state.is_completed(), state.message
    seeds = open_model(root, "toy@v1").read_json("stability.json")["seeds"]
    return state.state_details.flow_run_id, [seed["weights_sha256"] for seed in seeds]


def files_of_series(folder: Path, root: Root) -> str:
    table = pa.concat_tables(open_dataset(root, "toy").tables()).select(["series_id", "value"])
    folder.mkdir()
    for number in range(PARTITIONS):
        pq.write_table(table.slice(9 * number, 9 + number), folder / f"{number}.parquet")
    return f"{folder}/"


def answers(root: Root, data: str, flow: Any) -> list[str]:
    found = flow("toy@v1", data, root=root.url)
    assert found["scored"] in (0, found["rows"])
    return [hashlib.sha256(root.fs.cat_file(path)).hexdigest() for path in found["tables"]]


def runs_of(flow_run: Any) -> list[tuple[str, str]]:
    """Names and states of a run's task runs."""
    wanted = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    with get_client(sync_client=True) as client:
        return [(run.name, run.state_name) for run in client.read_task_runs(flow_run_filter=wanted)]


def states_of(flow_run: Any) -> list[str]:
    """States of a run's seeds."""
    return [state for name, state in runs_of(flow_run) if name.startswith("seed ")]


@pytest.mark.system
@pytest.mark.timeout(900)
def test_shards_are_the_rows_of_a_generator_to_the_byte(
    two_workers: Cluster, prefect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seqclass.pipeline.generate, "SHARD_SERIES", 700)
    spec, here, there = SignalSpec(2500), open_root(tmp_path / "a"), open_root(tmp_path / "b")
    state = spread(generate_signals)("drawn", spec, there.url, return_state=True)
    drawn = [name for name, _ in runs_of(state.state_details.flow_run_id) if "shard" in name]
    assert sorted(drawn) == [f"shard {number} of 4" for number in (1, 2, 3, 4)]
    monkeypatch.delenv(RUNNER)
    generate_signals("drawn", spec, here.url)
    assert digests(open_dataset(there, "drawn")) == digests(open_dataset(here, "drawn"))
    assert there.names(".staging") == []


def digests(dataset: Dataset) -> list[str]:
    return [entry["sha256"] for entry in dataset.manifest["files"]]


@pytest.mark.system
@pytest.mark.timeout(900)
def test_a_worker_of_another_release_takes_no_task(two_workers: Cluster) -> None:
    address = scheduler_of(RUNNER, two_workers.runner)
    other = ClusterRunner(
        address=address, fingerprint={**learning_fingerprint(), "learning_code": "older"}
    )
    late = two_workers.client.submit(ClusterRunner.duplicate, other)
    with pytest.raises(ValueError, match="expected this worker to be as the run"):
        late.result()
    with pytest.raises(ValueError, match="it differs in learning_code"), other:
        pass


@pytest.mark.system
@pytest.mark.timeout(900)
def test_a_bucket_holds_what_a_folder_holds_though_a_worker_is_killed(
    bucket: Root, two_workers: Cluster, prefect: str, tmp_path: Path
) -> None:
    alone = open_root(tmp_path / "alone")
    for root in (alone, bucket):
        store_series(root, n=90)
    killed = []

    def kill_one() -> None:
        killed.append(until(two_workers.busy, 240)[0])
        os.kill(killed[0], signal.SIGKILL)

    _, weights = trained(alone)
    end_workers()  # the next ones know the bucket
    killer = threading.Thread(target=kill_one)
    killer.start()
    flow_run, weights_in_bucket = trained(bucket, spread(train_classifier))
    killer.join()
    assert killed
    assert weights_in_bucket == weights
    until(lambda: states_of(flow_run) == ["Completed"] * SEEDS)
    data = files_of_series(tmp_path / "new", bucket)
    there = answers(bucket, data, spread(score_dataset))
    assert len(there) == PARTITIONS
    assert there == answers(bucket, data, spread(score_dataset))
    assert there == answers(alone, data, score_dataset)
