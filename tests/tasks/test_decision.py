"""Decisions of retrainings: one that a kill cuts short counts for nothing, and is made again."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

import seqclass.pipeline.decision
import seqclass.store.log
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import GateSpec, RetrainSpec, Rules
from seqclass.pipeline.compare import verdict_of
from seqclass.policies import set_policy
from seqclass.store.approvals import open_question
from seqclass.store.catalogue import verify_tree
from seqclass.store.log import read_log
from seqclass.store.registry import champion_of
from seqclass.store.retrainings import (
    SUSPECTS,
    retrainings_of,
)
from seqclass.store.root import Root
from seqclass.tasks.events import announce
from tests.support.events import events_of
from tests.support.evidence import evidence
from tests.support.places import NOW
from tests.support.stored import read_decisions
from tests.support.verdicts import LATER, REFUSED, VERDICT, apply_verdict, store_two
from tests.support.waiting import until

ASKING = RetrainSpec(approval=True, approval_s=60)
STEPS = {
    "before it is sealed": (seqclass.pipeline.decision, "commit_retraining"),
    "before the log": (seqclass.store.log, "create_file"),
}


@pytest.fixture
def two(root: Root) -> Root:
    """A root with two versions, of which the first is champion."""
    return store_two(root)


@contextmanager
def killed_at(step: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as here:
        here.setattr(*STEPS[step], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        yield


def in_a_child(work: Callable[[], object]) -> int:
    """The signal that a copy of this process ended by."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def decided(root: Root) -> list[str]:
    """What was decided after the first champion."""
    return [entry["what"] for entry in read_decisions(root, "toy")][1:]


@pytest.mark.parametrize("verdict", [VERDICT, REFUSED], ids=["better", "worse"])
@pytest.mark.parametrize("step", list(STEPS))
def test_a_killed_decision_is_none_and_is_made_once_by_the_next_run(
    two: Root, monkeypatch: pytest.MonkeyPatch, step: str, verdict: dict[str, Any]
) -> None:
    is_move = not verdict["reasons"]
    with killed_at(step, monkeypatch):
        assert in_a_child(lambda: apply_verdict(two, verdict)) == signal.SIGKILL
    assert (retrainings_of(two, "toy"), decided(two)) == ([], [])
    assert champion_of(two, "toy") == "v1"
    assert apply_verdict(two, verdict)["decision"] == ["refused", "promoted"][is_move]
    assert decided(two) == [["refuse", "promote"][is_move]]
    assert champion_of(two, "toy") == ("v2" if is_move else "v1")
    [record] = retrainings_of(two, "toy")
    assert read_log(two, "toy")[-1]["number"] == record["entry"]
    assert verify_tree(two)["bad"] == []


def test_a_retraining_that_meets_another_decision_decides_again_and_leaves_one_record(
    two: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy is set between the sealing of the record and its entry."""
    seal, calls = seqclass.pipeline.decision.commit_retraining, []

    def overtaken(*words: Any) -> str:
        folder = seal(*words)
        calls.append(folder)
        if len(calls) == 1:
            set_policy(two, "toy", ModelPolicy(RetrainSpec(approval=True)), "", NOW)
        return folder

    monkeypatch.setattr(seqclass.pipeline.decision, "commit_retraining", overtaken)
    assert apply_verdict(two, VERDICT)["decision"] == "awaits approval"
    assert decided(two) == ["policy", "ask"]
    assert [record["folder"] for record in retrainings_of(two, "toy")] == calls[1:]
    assert not two.fs.exists(calls[0])


def test_decisions_at_one_time_of_a_simulation_follow_each_other(two: Root) -> None:
    apply_verdict(two, REFUSED)
    apply_verdict(two, VERDICT)
    times = [datetime.fromisoformat(entry["time"]) for entry in read_log(two, "toy")]
    assert LATER in times
    assert times == sorted(times)
    assert len({*times[2:]}) == len(times[2:])
    assert len(retrainings_of(two, "toy")) == 2


@pytest.mark.parametrize("step", list(STEPS))
def test_a_question_that_is_cut_short_is_asked_once(
    two: Root, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with killed_at(step, monkeypatch):
        ended = in_a_child(lambda: apply_verdict(two, VERDICT, spec=ASKING))
    assert ended == signal.SIGKILL
    assert open_question(two, "toy") is None
    apply_verdict(two, VERDICT, spec=ASKING)
    assert open_question(two, "toy") is not None
    assert decided(two) == ["ask"]
    assert champion_of(two, "toy") == "v1"


FALLEN: Any = {"accuracy_before": 0.9, "rows_before": 100, "accuracy_now": 0.5, "rows_now": 100,
               "drop": 0.4, "interval": [0.3, 0.5], "p_value": 0.0, "dropped": True}  # fmt: skip
"""A fall of which a challenger with 65 of 100 new test rows right makes good three eighths."""


@pytest.mark.parametrize(
    ("recovery", "decision", "doubted"), [(0.25, "promoted", False), (0.5, "refused", True)]
)
def test_labels_are_doubted_by_the_policy_at_the_decision(
    two: Root, recovery: float, decision: str, doubted: bool
) -> None:
    """The retraining began under the other one."""
    labels = {"change": FALLEN, "right": 65, "rows": 100}
    before = Rules(GateSpec(recovery=0.75 - recovery))
    verdict: Any = verdict_of(evidence(labels=labels), before)
    assert verdict["doubted"] is not doubted
    policy = ModelPolicy(RetrainSpec(gate=GateSpec(recovery=recovery)))
    set_policy(two, "toy", policy, "", NOW)
    found = apply_verdict(two, verdict)
    assert (found["decision"], found["doubted"]) == (decision, doubted)
    assert two.exists(*two.parts_of(found["folder"]), SUSPECTS) is doubted
    assert read_log(two, "toy")[-1]["evidence"]["doubted"] is doubted


def test_a_refusal_and_the_drop_of_quality_behind_it_are_one_alert(two: Root, prefect: str) -> None:
    owner = f"ann of {two.path}"
    set_policy(two, "toy", ModelPolicy(owner=owner), "", NOW)

    def events_by_owner(event: str) -> list[dict]:
        return [own for own in events_of(event) if own["payload"]["owner"] == owner]

    outcome = {**apply_verdict(two, REFUSED), "quality": FALLEN, "seen": ["accuracy fell"]}
    announce.fn(outcome, two)
    [event] = until(lambda: events_by_owner("seqclass.model.refused"))
    assert "accuracy fell" in event["payload"]["reasons"]
    announce.fn({**outcome, "decision": "promoted", "drift": None}, two)
    assert until(lambda: events_by_owner("seqclass.model.promoted"))
    [dropped] = until(lambda: events_by_owner("seqclass.quality.dropped"))
    assert dropped["payload"]["decision"] == "promoted"
