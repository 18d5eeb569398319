"""The policy of a model: set by hand, audited, kept to by every way of starting a retraining."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from seqclass.flows.cli.model_commands import RetrainingOptions
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import GateSpec, RetrainSpec
from seqclass.pipeline.overdue import find_due
from seqclass.pipeline.training import retrain
from seqclass.policies import apply_policy, policy_of, set_policy
from seqclass.store.catalogue import verify_tree
from seqclass.store.datasets import open_dataset
from seqclass.store.log import read_log
from seqclass.store.root import DamagedError, Root
from seqclass.training.spec import TrainingSpec
from tests.support.commands import Command
from tests.support.places import NOW
from tests.support.service import last_run
from tests.support.stored import newest_entry_of, store_champion, store_series, store_version

STRICT = RetrainSpec(least_rows=999, gate=GateSpec(floor=0.9), approval=True, approval_s=1)
WAITS = "fewer than the 999 worth a look"


@pytest.fixture
def kept(root: Root) -> Root:
    """A champion, new rows, and a policy that wants more of them, a floor and a person's word."""
    store_champion(root, "toy", dataset=store_series(root, n=60).ref, spec={})
    store_series(root, n=90)
    set_policy(root, "toy", ModelPolicy(STRICT, owner="ann"), "strict", NOW + timedelta(seconds=1))
    return root


def written(folder: Path, content: object) -> str:
    path = folder / "policy.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def resolved(root: Root, given: RetrainSpec | None) -> RetrainSpec:
    with disable_run_logger():
        return apply_policy("toy", given, root)


def test_what_a_new_policy_changes_is_printed(
    kept: Root, seqclass: Command, tmp_path: Path
) -> None:
    """It replaces the former one, so that a field which it leaves out is changed too."""
    code, _, err = seqclass("policy", "toy", "--set", written(tmp_path, {"queue": "huge"}))
    assert code == 0
    for field in ("queue", "owner", "retraining.approval", "retraining.gate.floor"):
        assert f" {field} was " in err
    assert " queue was '', is 'huge'" in err
    assert "retraining.tries" not in err


def test_a_policy_is_set_shown_removed_and_audited(
    root: Root, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    store_version(root, "toy")
    shown = seqclass_json("policy", "toy")
    assert shown == {"model": "models/toy", "policy": None, "paused": False}
    fields = {"retraining": {"approval": True, "gate": {"floor": 0.8}}, "owner": "ann", "due_s": 60}
    shown = seqclass_json("policy", "toy", "--set", written(tmp_path, fields), "--reason", "audit")
    assert shown["policy"]["retraining"]["gate"]["floor"] == 0.8
    assert shown == seqclass_json("policy", "toy")
    policy = policy_of(root, "toy")
    assert policy is not None
    assert (policy.owner, policy.due_s, policy.retraining.approval) == ("ann", 60, True)
    assert verify_tree(root)["bad"] == []
    assert seqclass_json("policy", "toy", "--clear")["policy"] is None
    entries = [(entry["what"], entry["reason"]) for entry in read_log(root, "toy")[1:]]
    assert entries == [("policy", "policy set: audit"), ("policy", "policy removed: by hand")]
    assert verify_tree(root)["bad"] == []


def test_a_policy_that_is_changed_behind_the_log_is_named_and_never_applied(kept: Root) -> None:
    path = Path(newest_entry_of(kept, "toy"))
    assert replace(resolved(kept, None), training=None) == STRICT
    before = path.read_text()
    for forged in (before.replace("true", "false", 1), "{}", "["):
        path.write_text(forged)
        [bad] = verify_tree(kept)["bad"]
        assert bad["path"] == str(path)
        with pytest.raises(DamagedError, match="expected"):
            resolved(kept, None)
    path.write_text(before)
    assert replace(resolved(kept, None), training=None) == STRICT
    assert verify_tree(kept)["bad"] == []


def test_no_spec_of_a_run_goes_around_gate_and_approval(kept: Root) -> None:
    assert replace(resolved(kept, None), training=None) == STRICT
    given = RetrainSpec(least_rows=5, start="warm", training=TrainingSpec(seeds=2))
    under = resolved(kept, given)
    assert (under.gate, under.approval, under.approval_s) == (STRICT.gate, True, 1)
    assert (under.least_rows, under.start, under.training) == (5, "warm", TrainingSpec(seeds=2))
    for name, other in (("gate", GateSpec(floor=0.1)), ("significance", 0.9)):
        with pytest.raises(ValueError, match=f"{name}: expected that of the model's policy"):
            resolved(kept, replace(given, **{name: other}))
    set_policy(kept, "toy", None, "", NOW + timedelta(seconds=2))
    assert resolved(kept, given) == given
    assert replace(resolved(kept, None), training=None) == RetrainSpec()


def test_options_of_a_command_keep_to_the_policy(kept: Root, tmp_path: Path) -> None:
    policy = policy_of(kept, "toy")
    assert RetrainingOptions(warm=True).selected(policy) == replace(STRICT, start="warm")
    for content, says in (
        ({"gate": {"floor": 0.1}}, "gate: expected that of the model's policy, got another"),
        ({"least_rows": 0}, "least_rows: expected a number of at least 1"),
    ):
        with pytest.raises(ValueError, match=says):
            RetrainingOptions(spec=written(tmp_path, content)).selected(policy)
    fewer = RetrainingOptions(spec=written(tmp_path, {"least_rows": 500})).selected(policy)
    assert fewer == replace(STRICT, least_rows=500)


def test_a_run_is_found_by_its_model_whether_it_ends_well_or_fails(
    kept: Root, prefect: str
) -> None:
    from seqclass.flows.forms import promote_model
    from seqclass.flows.retraining import retrain_model
    from seqclass.flows.training import train_classifier

    outcome: Any = retrain_model("toy", root=kept.url)
    assert WAITS in outcome["reasons"][0]
    run = last_run("retrain-model")
    assert (run.name, run.tags) == ("retrain toy@v1", ["model:toy", "outcome:nothing new"])
    other = RetrainSpec(gate=GateSpec(floor=0.1))
    unknown = store_version(kept, "toy").ref
    dataset = open_dataset(kept, "toy").ref.removeprefix("datasets/")
    for flow, words, tags in (
        (retrain_model, {"model": "toy", "spec": other}, ["model:toy"]),
        (train_classifier, {"dataset": "toy", "spec": TrainingSpec(split_seed=8)},
         [f"dataset:{dataset}", "model:toy"]),
        (promote_model, {"model": unknown.removeprefix("models/"), "name": "Ann", "reason": "why"},
         ["model:toy"]),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="expected"):
            flow(**words, root=kept.url)
        assert last_run(flow.name).tags == tags


def test_the_upkeep_keeps_to_the_policy_and_a_pause_ends_retrainings(
    kept: Root, seqclass_json: Callable[..., dict]
) -> None:
    def due() -> list[str]:
        with disable_run_logger():
            return find_due(NOW + timedelta(days=1), kept).names

    assert due() == []
    policy = ModelPolicy(RetrainSpec(least_rows=1, debounce_s=0), owner="ann")
    set_policy(kept, "toy", policy, "few", NOW + timedelta(seconds=2))
    assert due() == ["toy"]
    shown = seqclass_json("policy", "toy", "--pause", "--reason", "the line stands still")
    assert (shown["paused"], shown["policy"]["owner"]) == (True, "ann")
    assert due() == []
    assert "paused" in retrain(kept, "toy")["reasons"][0]
    assert policy_of(kept, "toy") == policy
    assert seqclass_json("policy", "--all", "--resume")["policies"][0]["paused"] is False
    assert due() == ["toy"]
    assert [entry["what"] for entry in read_log(kept, "toy")[-2:]] == ["pause", "resume"]
    assert verify_tree(kept)["bad"] == []


def test_a_policy_for_all_models_is_set_at_once(
    root: Root, seqclass: Command, seqclass_json: Callable[..., dict], tmp_path: Path
) -> None:
    for name in ("press", "toy"):
        store_version(root, name)
    pinning = written(tmp_path, {"pins": ["v1"]})
    assert seqclass("policy", "--all", "--set", pinning)[0] == 2
    assert seqclass("policy", "--all")[0] == seqclass("policy")[0] == 2
    assert seqclass("policy", "toy", "--clear", "--pause")[0] == 2
    assert [policy_of(root, name) for name in ("press", "toy")] == [None, None]
    shown = seqclass_json("policy", "--all", "--set", written(tmp_path, {"owner": "ann"}))
    assert [entry["policy"]["owner"] for entry in shown["policies"]] == ["ann", "ann"]
