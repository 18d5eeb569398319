"""prefect.yaml: read with Prefect's own models, since unknown keys vanish silently there."""

import inspect
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from seqclass.flows.cli.command_line import PREFECT_SETTINGS
from seqclass.store.root import Root, open_root
from tests.support.places import NOW, REPOSITORY

FILE = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
TOP_LEVEL = {"name", "prefect-version", "build", "push", "pull", "deployments"}


@cache
def flows() -> dict[str, Any]:
    """The flow of each deployment by its entrypoint, as a worker imports it."""
    from prefect.flows import load_flow_from_entrypoint

    entrypoints = [deployment["entrypoint"] for deployment in FILE["deployments"]]
    return {entrypoint: load_flow_from_entrypoint(entrypoint) for entrypoint in entrypoints}


def test_every_key_is_one_that_prefect_reads() -> None:
    from prefect.cli.deploy._models import DeploymentConfig

    assert set(FILE) <= TOP_LEVEL
    fields = set(DeploymentConfig.model_fields)
    for deployment in FILE["deployments"]:
        assert set(deployment) <= fields, set(deployment) - fields
        DeploymentConfig.model_validate(deployment)


def test_every_key_of_a_schedule_or_limit_is_read_and_each_has_a_slug_and_a_zone() -> None:
    from prefect.cli.deploy._models import ConcurrencyLimitSpec, RawScheduleConfig

    slugs, limits = [], 0
    for deployment in FILE["deployments"]:
        limit = deployment.get("concurrency_limit")
        if isinstance(limit, dict):
            assert set(limit) <= set(ConcurrencyLimitSpec.model_fields)
            assert limit["collision_strategy"] in ("ENQUEUE", "CANCEL_NEW")
            limits += 1
        assert "schedule" not in deployment, "only schedules can have slugs"
        for schedule in deployment.get("schedules", []):
            config = RawScheduleConfig.model_validate(schedule)
            assert ZoneInfo(config.timezone or "").key == config.timezone
            slugs.append(config.slug)
    assert limits
    assert slugs
    assert None not in slugs
    assert len(slugs) == len(set(slugs))


def test_trainings_have_no_limit_but_their_machine_s_and_hold_up_no_sweep() -> None:
    from seqclass.flows.service.server import POOL
    from seqclass.flows.service.worker import LARGE, QUEUES, SMALL

    queues: dict[str, set[str]] = {SMALL: set(), LARGE: set()}
    for deployment in FILE["deployments"]:
        assert deployment["work_pool"]["name"] == POOL
        queues[deployment["work_pool"]["work_queue_name"]].add(deployment["entrypoint"])
        is_limited = "concurrency_limit" in deployment
        assert not (is_limited and deployment["entrypoint"] in queues[LARGE])
    assert {
        "seqclass.flows.arrivals.ingest_arrivals",
        "seqclass.flows.upkeep.keep_models",
    } < queues[SMALL]
    assert {
        "seqclass.flows.training.train_classifier",
        "seqclass.flows.retraining.retrain_model",
    } < queues[LARGE]
    assert sorted(name for names in QUEUES.values() for name in names) == [
        "default", LARGE, SMALL,
    ]  # fmt: skip


def test_slow_files_in_some_inboxes_cancel_no_sweep_of_the_others() -> None:
    """Such files keep as many runs busy as a single run would have inboxes at a time, and beside
    them and whatever else has a limit an answer to an approval finds a place."""
    from prefect.task_runners import ThreadPoolTaskRunner

    from seqclass.flows.arrivals import BESIDE_EACH_OTHER
    from seqclass.flows.service.worker import SMALL, SMALL_LIMIT

    limits = {
        deployment["entrypoint"]: deployment["concurrency_limit"]["limit"]
        for deployment in FILE["deployments"]
        if "concurrency_limit" in deployment and deployment["work_pool"]["work_queue_name"] == SMALL
    }
    assert isinstance(BESIDE_EACH_OTHER, ThreadPoolTaskRunner)
    assert limits["seqclass.flows.arrivals.ingest_arrivals"] >= BESIDE_EACH_OTHER._max_workers > 1
    assert sum(limits.values()) < SMALL_LIMIT


def test_every_key_of_a_trigger_is_read_and_its_parameters_are_the_flows() -> None:
    from prefect.cli.deploy._triggers import DeploymentTriggerAdapter

    triggers = 0
    for deployment in FILE["deployments"]:
        for trigger in deployment.get("triggers", []):
            kind = DeploymentTriggerAdapter.validate_python(trigger)
            fields = set(type(kind).model_fields) | {"type"}
            assert set(trigger) <= fields, set(trigger) - fields
            flow = flows()[deployment["entrypoint"]]
            assert set(trigger["parameters"]) <= set(flow.parameters.properties)
            assert set(flow.parameters.required) <= set(trigger["parameters"])
            assert "spec" not in trigger["parameters"], "the policy says how"
            triggers += 1
    assert triggers


def test_the_automations_know_every_name_that_a_flow_gives_its_end() -> None:
    from seqclass.flows.retraining import STATES
    from seqclass.flows.service.automations import NAMED

    assert set(STATES.values()) <= set(NAMED)
    text = "".join(path.read_text() for path in (REPOSITORY / "flows").glob("*.py"))
    assert set(re.findall(r'Completed\(\s*name="(\w+)"', text)) <= set(NAMED)


def test_every_flow_has_a_deployment_with_a_tag_and_runs_named_by_what_they_work_on() -> None:
    for flow in flows().values():
        assert isinstance(flow.flow_run_name, str), flow.name
        named = set(re.findall(r"{(\w+)}", flow.flow_run_name))
        assert named <= set(inspect.signature(flow.fn).parameters), flow.name
    assert [each["entrypoint"] for each in FILE["deployments"] if len(each["tags"]) != 1] == []
    modules = {
        path.stem
        for path in (REPOSITORY / "flows").glob("*.py")
        if re.search(r"\bflow\(", path.read_text())
    }
    assert modules == {entrypoint.split(".")[-2] for entrypoint in flows()}


def test_settings_of_the_file_and_of_the_command_line_agree() -> None:
    table = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["prefect"]
    shipped = {
        "PREFECT_SERVER_ANALYTICS_ENABLED": table["server"]["analytics_enabled"],
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": table["server"]["ephemeral"][
            "startup_timeout_seconds"
        ],
        "PREFECT_TASKS_DEFAULT_NO_CACHE": table["tasks"]["default_no_cache"],
    }
    for key, value in shipped.items():
        assert PREFECT_SETTINGS[key] == str(value).lower()


@pytest.fixture
def in_worker(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that a worker of the root started."""
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "a run")
    monkeypatch.setenv("SEQCLASS_STORAGE", root.path)


@pytest.mark.usefixtures("in_worker")
def test_a_run_of_a_worker_keeps_to_the_worker_s_root(tmp_path: Path) -> None:
    for flow in flows().values():
        parameters: dict[str, Any] = dict.fromkeys(flow.parameters.required, "x")
        with pytest.raises(ValueError, match="root: expected none, or that of the worker"):
            flow.fn(**parameters, root=str(tmp_path / "elsewhere"))
        assert not (tmp_path / "elsewhere").exists(), flow.name


@pytest.mark.usefixtures("in_worker")
def test_a_run_of_a_worker_keeps_to_the_present_and_writes_within_its_root(
    root: Root, tmp_path: Path
) -> None:
    from seqclass.flows.arrivals import ingest_arrivals
    from seqclass.flows.retraining import retrain_model
    from seqclass.flows.run_context import check_place
    from seqclass.flows.scoring import score_dataset
    from seqclass.inference.score_data import ScoringSpec

    with pytest.raises(ValueError, match="now: expected none"):
        retrain_model.fn("m", now=NOW)
    with pytest.raises(ValueError, match="out: expected a place within the root"):
        score_dataset.fn("m", "d", ScoringSpec(out=str(tmp_path / "answers.parquet")))
    for path in (str(tmp_path), f"{root.path}/../x", "s3://elsewhere/x", root.path + "x/y"):
        with pytest.raises(ValueError, match="inbox: expected a place within the root"):
            ingest_arrivals.fn("toy", path)
    check_place(root, "out", root.join("answers.parquet"))
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="out: expected a place within the root"):
        check_place(root, "out", root.join("link", "answers.parquet"))
    away = open_root("memory://factory/tree")
    with pytest.raises(ValueError, match="out: expected a place within the root"):
        check_place(away, "out", f"{away.url}/../answers.parquet")


def test_every_field_of_a_form_says_what_belongs_there_and_may_be() -> None:
    from prefect.utilities.callables import parameter_schema

    from seqclass.networks.architecture import KINDS

    described = {
        f"{entrypoint}: {field}": content.get("description")
        for entrypoint, flow in flows().items()
        for field, content in parameter_schema(flow.fn).properties.items()
        if field not in ("root", "now")
    }
    assert len(described) > 20
    assert [field for field, description in described.items() if not description] == []
    training = parameter_schema(flows()["seqclass.flows.training.train_classifier"]).definitions
    assert training["Architecture"]["properties"]["kind"]["enum"] == list(KINDS)
