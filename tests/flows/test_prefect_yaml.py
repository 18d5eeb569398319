"""prefect.yaml: read with Prefect's own models, since unknown keys vanish silently there."""

import inspect
import re
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
import yaml

from flows.cli.command_line import PREFECT_SETTINGS
from seqclass.store.root import Root
from tests.support.places import NOW, REPOSITORY

FILE = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
TOP_LEVEL = {"name", "prefect-version", "build", "push", "pull", "deployments"}


def entrypoints() -> list[str]:
    return [deployment["entrypoint"] for deployment in FILE["deployments"]]


def test_every_key_is_one_that_prefect_reads() -> None:
    from prefect.cli.deploy._models import DeploymentConfig

    assert set(FILE) <= TOP_LEVEL
    known = set(DeploymentConfig.model_fields)
    for deployment in FILE["deployments"]:
        assert set(deployment) <= known, set(deployment) - known
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
            found = RawScheduleConfig.model_validate(schedule)
            assert ZoneInfo(found.timezone or "").key == found.timezone
            slugs.append(found.slug)
    assert limits
    assert slugs
    assert None not in slugs
    assert len(slugs) == len(set(slugs))


def test_trainings_have_no_limit_but_their_machine_s_and_hold_up_no_sweep() -> None:
    from flows.service.server import POOL
    from flows.service.worker import LARGE, QUEUES, SMALL

    queues: dict[str, set[str]] = {SMALL: set(), LARGE: set()}
    for deployment in FILE["deployments"]:
        assert deployment["work_pool"]["name"] == POOL
        queues[deployment["work_pool"]["work_queue_name"]].add(deployment["entrypoint"])
        is_limited = "concurrency_limit" in deployment
        assert not (is_limited and deployment["entrypoint"] in queues[LARGE])
    assert {"flows.arrivals.ingest_arrivals", "flows.upkeep.keep_models"} < queues[SMALL]
    assert {"flows.training.train_classifier", "flows.retraining.retrain_model"} < queues[LARGE]
    assert sorted(name for names in QUEUES.values() for name in names) == [
        "default", LARGE, SMALL,
    ]  # fmt: skip


def test_slow_files_in_some_inboxes_cancel_no_sweep_of_the_others() -> None:
    """Such files keep as many runs busy as a single run would have inboxes at a time, and beside
    them and whatever else has a limit an answer to an approval finds a place."""
    from prefect.task_runners import ThreadPoolTaskRunner

    from flows.arrivals import BESIDE_EACH_OTHER
    from flows.service.worker import SMALL, SMALL_LIMIT

    limits = {
        deployment["entrypoint"]: deployment["concurrency_limit"]["limit"]
        for deployment in FILE["deployments"]
        if "concurrency_limit" in deployment and deployment["work_pool"]["work_queue_name"] == SMALL
    }
    assert isinstance(BESIDE_EACH_OTHER, ThreadPoolTaskRunner)
    assert limits["flows.arrivals.ingest_arrivals"] >= BESIDE_EACH_OTHER._max_workers > 1
    assert sum(limits.values()) < SMALL_LIMIT


def test_every_key_of_a_trigger_is_read_and_its_parameters_are_the_flows() -> None:
    from prefect.cli.deploy._triggers import DeploymentTriggerAdapter
    from prefect.flows import load_flow_from_entrypoint

    triggers = 0
    for deployment in FILE["deployments"]:
        for trigger in deployment.get("triggers", []):
            kind = DeploymentTriggerAdapter.validate_python(trigger)
            known = set(type(kind).model_fields) | {"type"}
            assert set(trigger) <= known, set(trigger) - known
            flow: Any = load_flow_from_entrypoint(deployment["entrypoint"])
            assert set(trigger["parameters"]) <= set(flow.parameters.properties)
            assert set(flow.parameters.required) <= set(trigger["parameters"])
            triggers += 1
    assert triggers


def test_the_automations_know_every_name_that_a_flow_gives_its_end() -> None:
    from flows.retraining import STATES
    from flows.service.automations import NAMED

    assert set(STATES.values()) <= set(NAMED)
    text = "".join(path.read_text() for path in (REPOSITORY / "flows").glob("*.py"))
    assert set(re.findall(r'Completed\(\s*name="(\w+)"', text)) <= set(NAMED)


def test_a_misspelt_key_would_not_pass_silently() -> None:
    from prefect.cli.deploy._models import DeploymentConfig

    assert "concurency_limit" not in DeploymentConfig.model_fields
    with pytest.raises(ZoneInfoNotFoundError):
        ZoneInfo("Europe/Nowhere")


@pytest.mark.parametrize("entrypoint", entrypoints())
def test_every_entrypoint_is_a_flow_of_an_installed_module(entrypoint: str) -> None:
    from prefect import Flow
    from prefect.flows import load_flow_from_entrypoint

    flow: Any = load_flow_from_entrypoint(entrypoint)
    assert isinstance(flow, Flow)
    assert ":" not in entrypoint


def test_every_run_is_named_by_what_it_works_on_and_every_deployment_has_a_tag() -> None:
    from prefect.flows import load_flow_from_entrypoint

    for deployment in FILE["deployments"]:
        flow: Any = load_flow_from_entrypoint(deployment["entrypoint"])
        assert isinstance(flow.flow_run_name, str), flow.name
        named = set(re.findall(r"{(\w+)}", flow.flow_run_name))
        assert named <= set(inspect.signature(flow.fn).parameters), flow.name
        assert len(deployment["tags"]) == 1


def test_every_flow_has_a_deployment() -> None:
    named = {entrypoint.split(".")[1] for entrypoint in entrypoints()}
    modules = {
        path.stem
        for path in (REPOSITORY / "flows").glob("*.py")
        if re.search(r"\bflow\(", path.read_text())
    }
    assert modules == named


def test_the_server_would_refuse_impossible_parameters() -> None:
    from prefect.utilities.callables import parameter_schema

    from flows.training import train_classifier
    from seqclass.networks.architecture import KINDS

    schema = parameter_schema(train_classifier)
    assert "TrainingSpec" in schema.definitions
    assert "learning_rate" in schema.definitions["Recipe"]["properties"]
    assert schema.definitions["Architecture"]["properties"]["kind"]["enum"] == list(KINDS)


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


@pytest.mark.parametrize("entrypoint", entrypoints())
def test_a_run_of_a_worker_keeps_to_the_worker_s_root(
    entrypoint: str, prefect: str, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.flows import load_flow_from_entrypoint

    flow: Any = load_flow_from_entrypoint(entrypoint)
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "a run")
    monkeypatch.setenv("SEQCLASS_STORAGE", root.path)
    given: dict[str, Any] = dict.fromkeys(flow.parameters.required, "x")
    with pytest.raises(ValueError, match="root: expected none, or that of the worker"):
        flow.fn(**given, root=str(tmp_path / "elsewhere"))
    assert not (tmp_path / "elsewhere").exists()


def test_a_run_of_a_worker_keeps_to_the_present_and_writes_within_its_root(
    root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.arrivals import ingest_arrivals
    from flows.place import check_place
    from flows.retraining import retrain_model
    from flows.scoring import score_dataset
    from seqclass.inference.score_data import ScoringSpec

    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "a run")
    monkeypatch.setenv("SEQCLASS_STORAGE", root.path)
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


def test_every_field_of_a_form_says_what_belongs_there() -> None:
    from prefect import Flow
    from prefect.utilities.callables import parameter_schema

    asked = 0
    for entrypoint in entrypoints():
        module, _, name = entrypoint.rpartition(".")
        found = getattr(import_module(module), name)
        assert isinstance(found, Flow)
        for field, content in parameter_schema(found.fn).properties.items():
            if field not in ("root", "now"):
                assert content.get("description"), f"{name}: {field}"
                asked += 1
    assert asked > 20
