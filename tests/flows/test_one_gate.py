"""Train, promote and approve keep to the policy that retrainings keep to."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import GateSpec, RetrainSpec
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.promote import promote
from seqclass.pipeline.training import train
from seqclass.policies import apply_training_policy, present_verdict, set_policy
from seqclass.store.approvals import open_question
from seqclass.store.log import read_log
from seqclass.store.models import model_versions
from seqclass.store.registry import champion_of, open_model
from seqclass.store.root import Root
from seqclass.training.spec import ChampionLimits, TrainingSpec
from tests.support.commands import Command
from tests.support.evidence import WORSE, stored
from tests.support.stored import (
    QUICK,
    SCORES,
    read_decisions,
    store_champion,
    store_series,
    store_version,
)

KNOWN = {"dataset": "datasets/toy@0", "metrics": SCORES, "spec": {"split_seed": 3}}
HIGH = RetrainSpec(gate=GateSpec(floor=0.95))


def decided(root: Root) -> list[str]:
    return [entry["what"] for entry in read_decisions(root, "toy")]


def under(root: Root, spec: RetrainSpec) -> None:
    set_policy(root, "toy", ModelPolicy(spec), "strict")


def trained_as(root: Root, given: TrainingSpec) -> TrainingSpec:
    return apply_training_policy("toy", given, root)


@pytest.fixture
def two(root: Root) -> Root:
    """A champion, and a version that passes under the defaults."""
    store_champion(root, "toy", **KNOWN)
    store_version(root, "toy", stored(), **KNOWN)
    return root


def test_what_passes_is_promoted_by_hand_without_force(two: Root, seqclass: Command) -> None:
    assert seqclass("promote", "toy@v2")[0] == 0
    assert champion_of(two, "toy") == "v2"
    assert read_log(two, "toy")[-1]["evidence"] == {"by": "hand"}


def test_what_is_refused_is_promoted_by_force_alone_and_the_audit_says_so(
    two: Root, seqclass: Command
) -> None:
    why = "worse on old test rows"
    version = store_version(two, "toy", stored(**WORSE), **KNOWN).version
    code, _, err = seqclass("promote", f"toy@{version}")
    assert (code, champion_of(two, "toy")) == (1, "v1")
    assert why in err
    assert seqclass("promote", f"toy@{version}", "--force")[0] == 0
    evidence = read_log(two, "toy")[-1]["evidence"]
    assert why in evidence["forced"][0]
    refresh(two, ["models/toy@v1"])
    page = Path(two.join("models", "toy", "index.html")).read_text()
    assert "by hand, forced against gate or approval" in page


def test_where_approval_is_wanted_promote_asks_and_only_force_goes_round(
    two: Root, seqclass: Command
) -> None:
    under(two, RetrainSpec(approval=True))
    version = open_model(two, "toy@v2")
    assert present_verdict(version)[0] == "registered"
    for _ in range(2):
        code, out, err = seqclass("promote", "toy@v2", "--json")
        assert (code, champion_of(two, "toy")) == (3, "v1")
        assert "toy@v2 --reason WHY" in err
        assert json.loads(out)["verdict"] == present_verdict(version)[0] == "awaits_approval"
    assert decided(two) == ["promote", "policy", "ask"]
    assert seqclass("promote", "toy@v2", "--force")[0] == 0
    assert present_verdict(version) == ("promoted", [])
    forced = read_log(two, "toy")[-1]["evidence"]["forced"]
    assert forced == ["the policy wants a person's approval"]


def test_an_approval_keeps_to_the_policy_of_its_moment(two: Root, seqclass: Command) -> None:
    under(two, RetrainSpec(approval=True))
    seqclass("promote", "toy@v2")
    under(two, replace(HIGH, approval=True))
    code, _, err = seqclass("approve", "toy@v2", "--reason", "I like it")
    assert (code, champion_of(two, "toy")) == (1, "v1")
    assert "below the floor of 0.95" in err
    assert open_question(two, "toy") is not None
    assert seqclass("decline", "toy@v2", "--reason", "below the floor")[0] == 0


def test_a_run_s_own_limits_and_split_seed_loosen_nothing(two: Root) -> None:
    loose = ChampionLimits(above_chance=0, spread=1, restarts=9, min_test_rows=1)
    assert trained_as(two, TrainingSpec(limits=loose)).limits == loose
    under(two, HIGH)
    for other in (TrainingSpec(limits=loose), TrainingSpec(split_seed=8)):
        with pytest.raises(ValueError, match="expected that of the model's policy, got another"):
            trained_as(two, other)
    plain = trained_as(two, TrainingSpec(seeds=2))
    assert (plain.seeds, plain.limits, plain.split_seed) == (2, ChampionLimits(), 3)
    of_policy = TrainingSpec(limits=replace(loose, spread=0.2), split_seed=8)
    under(two, replace(HIGH, training=of_policy))
    plain = trained_as(two, TrainingSpec(seeds=2))
    assert (plain.limits, plain.split_seed) == (of_policy.limits, 8)


def test_no_command_walks_round_the_policy(two: Root, seqclass: Command) -> None:
    """A floor that the version misses: neither train nor promote makes it champion."""
    under(two, HIGH)
    with disable_run_logger():
        trained: Any = promote("toy@v2", TrainingSpec(), two)
    assert (trained["promoted"], champion_of(two, "toy")) == (False, "v1")
    assert "below the floor of 0.95" in trained["refused"]
    entry = read_log(two, "toy")[-1]
    assert (entry["what"], entry.get("candidate")) == ("refuse", "v2")
    assert "below the floor of 0.95" in entry["reason"]
    code, _, err = seqclass("promote", "toy@v2")
    assert (code, champion_of(two, "toy")) == (1, "v1")
    assert "below the floor of 0.95" in err


def test_a_training_under_another_spec_than_the_policy_s_does_not_begin(two: Root) -> None:
    store_series(two)
    under(two, HIGH)
    with pytest.raises(ValueError, match="expected that of the model's policy, got another"):
        train(two, "toy", spec=replace(QUICK, split_seed=8))
    assert model_versions(two, "toy") == ["v1", "v2"]
