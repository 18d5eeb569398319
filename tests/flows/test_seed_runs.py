"""Every seed of a training is a task run of its own, which Prefect follows and tries again."""

import os
import signal
import threading
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterTaskRunId,
    FlowRunFilter,
    FlowRunFilterId,
    LogFilter,
    LogFilterTaskRunId,
)
from prefect.client.schemas.objects import TaskRun
from prefect.events import Event
from prefect.events.filters import EventFilter, EventNameFilter
from pydantic import TypeAdapter

from seqclass.flows.training import train_classifier
from seqclass.store.registry import open_model
from seqclass.store.root import Root, open_root
from seqclass.training.spec import TrainingSpec
from seqclass.workers import workers
from tests.support.stored import SMALL, store_series
from tests.support.waiting import until

SPEC = TypeAdapter(TrainingSpec).validate_python({**SMALL, "seeds": 3})


def training_of(root: Root) -> UUID:
    """Train the toy dataset; the flow run that did."""
    state = train_classifier("toy", spec=SPEC, root=root.path, return_state=True)
    assert state.is_completed()
    assert state.state_details.flow_run_id is not None
    return state.state_details.flow_run_id


def seeds_of(flow_run: UUID) -> list[TaskRun]:
    """Task runs of the seeds of a training, by name."""
    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[flow_run]))
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=of_run)
    return sorted((run for run in runs if run.name.startswith("seed ")), key=lambda r: r.name)


@pytest.fixture(scope="module")
def undisturbed(prefect: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Root, UUID]:
    root = open_root(tmp_path_factory.mktemp("undisturbed"))
    store_series(root, n=90)
    return root, training_of(root)


def weights(root: Root) -> list[str]:
    seeds = open_model(root, "toy@v1").read_json("stability.json")["seeds"]
    return [seed["weights_sha256"] for seed in seeds]


def test_each_seed_is_a_task_run_with_its_own_times_log_and_progress(
    undisturbed: tuple[Root, UUID],
) -> None:
    _, flow_run = undisturbed
    until(lambda: [run.state_name for run in seeds_of(flow_run)] == ["Completed"] * 3)
    runs = seeds_of(flow_run)
    assert [run.name for run in runs] == ["seed 0", "seed 1", "seed 2"]
    for seed, run in enumerate(runs):
        assert run.start_time < run.end_time
        with get_client(sync_client=True) as client:
            of_run = LogFilter(task_run_id=LogFilterTaskRunId(any_=[run.id]))

            def lines(of_run: LogFilter = of_run) -> list[str]:
                return [log.message for log in client.read_logs(of_run)]

            until(lambda: any("validation log-loss" in line for line in lines()))
            update = f"seed {seed}: LSTM, network 1, at update"
            losses = [line.rpartition(" ")[2] for line in lines() if line.startswith(update)]
            assert [float(loss) for loss in losses], "the losses of the LSTM on its way"
            [progress] = client.read_artifacts(
                artifact_filter=ArtifactFilter(task_run_id=ArtifactFilterTaskRunId(any_=[run.id]))
            )
        assert (progress.type, progress.data) == ("progress", 100.0)


def test_the_run_is_named_by_its_version_and_shows_scores_and_seeds(
    undisturbed: tuple[Root, UUID],
) -> None:
    of_run = ArtifactFilterFlowRunId(any_=[undisturbed[1]])
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(undisturbed[1]).name == "train toy@v1"
        artifacts = client.read_artifacts(artifact_filter=ArtifactFilter(flow_run_id=of_run))
    shown = {artifact.key: artifact for artifact in artifacts if artifact.key}
    assert shown["toy-seeds"].type == "table"
    text = str(shown["toy"].data)
    for part in ("models/toy@v1", "over 3 seeds macro F1 has", "| on test rows |"):
        assert part in text


def test_a_version_is_an_asset_made_of_its_dataset(undisturbed: tuple[Root, UUID]) -> None:
    root, _ = undisturbed
    made = EventFilter(event=EventNameFilter(name=["prefect.asset.materialization.succeeded"]))

    def of_model() -> list[Event]:
        with get_client(sync_client=True) as client:
            answer = client.request(
                "POST", "/events/filter", json={"filter": made.model_dump(mode="json")}
            )
        events = [Event.model_validate(event) for event in answer.json()["events"]]
        return [event for event in events if event.resource.id.endswith(f"{root.url}/models/toy")]

    [event] = until(of_model)
    assert event.payload["version"] == "v1"
    assert Path(event.payload["report"]).is_file()
    assert any(asset.id.endswith(f"{root.url}/datasets/toy") for asset in event.related)


def test_a_seed_whose_process_is_killed_is_tried_again_and_the_others_are_not(
    undisturbed: tuple[Root, UUID], tmp_path: Path
) -> None:
    root = open_root(tmp_path)
    store_series(root, n=90)

    def busy() -> list[int]:
        return [each.pid for each in workers()._all if each.pid and not each.is_idle]

    def kill_one() -> None:
        until(lambda: list(Path(root.path).glob(".staging/*/split.parquet")), every_s=0.01)
        os.kill(until(busy, every_s=0.01)[0], signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    flow_run = training_of(root)
    killer.join()
    until(lambda: [run.state_name for run in seeds_of(flow_run)] == ["Completed"] * 3)
    assert sorted(run.run_count for run in seeds_of(flow_run)) == [1, 1, 2]
    assert weights(root) == weights(undisturbed[0])
