"""A retraining that can't end well is tried as often as the policy says, and ends in a decision."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from seqclass.flows.retraining import retrain_model
from seqclass.flows.training import train_classifier
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.policies import set_policy
from seqclass.store.catalogue import verify_tree
from seqclass.store.registry import champion_of
from seqclass.store.retrainings import read_attempt, retrainings_of
from seqclass.store.root import Root
from tests.support.stored import QUICK, store_series


@pytest.mark.system
@pytest.mark.timeout(900)
def test_a_retraining_that_fails_ends_in_a_visible_decision(root: Root, prefect: str) -> None:
    """The rows have no time, so none can be split by it."""
    store_series(root, n=120)
    train_classifier("toy", spec=QUICK, root=root.url)
    impossible = RetrainSpec(tries=2, training=replace(QUICK, split_by="time"))
    set_policy(root, "toy", ModelPolicy(impossible), "", datetime.now(UTC))
    store_series(root, n=160)
    now = datetime.now(UTC)

    def run(seconds: float) -> Any:
        return retrain_model("toy", root=root.url, now=now + timedelta(seconds=seconds))

    with pytest.raises(ValueError, match="time"):
        run(0)
    assert retrainings_of(root, "toy") == []
    with pytest.raises(ValueError, match="time"):
        run(60)
    [record] = retrainings_of(root, "toy")
    assert record["decision"] == "failed"
    assert "2 tries failed, the last one: " in record["reasons"][0]
    assert run(120)["reasons"][0].startswith("given up: 2 tries failed")
    assert read_attempt(root, "toy") is None
    assert champion_of(root, "toy") == "v1"
    assert verify_tree(root)["bad"] == []
