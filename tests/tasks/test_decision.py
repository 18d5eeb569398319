"""Settling: a decision that a kill cuts short is carried out once, whoever comes next."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import seqclass.pipeline.decision
import seqclass.store.registry
from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import GateSpec, RetrainSpec, Rules
from seqclass.pipeline.compare import verdict_of
from seqclass.pipeline.promote import promote_version, roll_back
from seqclass.policies import set_policy
from seqclass.store.approvals import open_question
from seqclass.store.audit import read_audit
from seqclass.store.leases import locked
from seqclass.store.registry import champion_of
from seqclass.store.retrainings import (
    SUSPECTS,
    Attempt,
    read_attempt,
    replay_pending,
    retrainings_of,
    write_attempt,
)
from seqclass.store.root import Root
from tasks.events import announce
from tests.support.events import events_of
from tests.support.evidence import evidence
from tests.support.places import NOW
from tests.support.stored import make_champion
from tests.support.verdicts import LATER, REFUSED, VERDICT, apply_verdict, store_two
from tests.support.waiting import until

ASKING = RetrainSpec(approval=True, approval_s=60)
STEPS = {
    "before it is sealed": (seqclass.pipeline.decision, "commit_retraining"),
    "before the audit": (seqclass.store.registry, "write_audit"),
    "before the move": (seqclass.store.registry, "swap_file"),
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


def come_again(root: Root) -> None:
    with locked(root, "models", "toy"):
        replay_pending(root, "toy")


@pytest.mark.parametrize("verdict", [VERDICT, REFUSED], ids=["better", "worse"])
@pytest.mark.parametrize("step", list(STEPS))
def test_a_killed_decision_is_carried_out_once(
    two: Root, monkeypatch: pytest.MonkeyPatch, step: str, verdict: dict[str, Any]
) -> None:
    is_move = not verdict["reasons"]
    with killed_at(step, monkeypatch):
        ended = in_a_child(lambda: apply_verdict(two, verdict))
    assert ended == (0 if step == "before the move" and not is_move else signal.SIGKILL)
    for _ in range(2):
        come_again(two)
    is_decided = step != "before it is sealed"
    assert len(retrainings_of(two, "toy")) == is_decided
    assert champion_of(two, "toy") == ("v2" if is_decided and is_move else "v1")
    entries = read_audit(two, "toy")[1:]
    assert [entry["what"] for entry in entries] == [["refuse", "promote"][is_move]] * is_decided
    if not is_decided:
        assert apply_verdict(two, verdict)["decision"] == ["refused", "promoted"][is_move]
        assert len(read_audit(two, "toy")) == 2


@pytest.mark.parametrize("step", ["before the audit", "before the move"])
def test_a_hand_finds_the_decision_carried_out(
    two: Root, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with killed_at(step, monkeypatch):
        assert in_a_child(lambda: apply_verdict(two, VERDICT)) == signal.SIGKILL
    assert champion_of(two, "toy") == "v1"
    moved = roll_back(two, "toy", "no", LATER + timedelta(hours=1))
    assert (moved["from"], moved["to"], champion_of(two, "toy")) == ("v2", "v1", "v1")
    assert [entry["what"] for entry in read_audit(two, "toy")] == ["promote", "promote", "rollback"]


def test_the_upkeep_finds_the_decision_and_carries_it_out(
    two: Root, monkeypatch: pytest.MonkeyPatch, prefect: str
) -> None:
    """No further rows come, and no hand: the attempt that was left tells of it."""
    from flows.upkeep import keep_models

    write_attempt(two, "toy", Attempt("models/toy@v1", "datasets/toy@0", 1, NOW.isoformat()))
    with killed_at("before the audit", monkeypatch):
        assert in_a_child(lambda: apply_verdict(two, VERDICT)) == signal.SIGKILL
    assert champion_of(two, "toy") == "v1"
    keep_models(two.url)
    assert champion_of(two, "toy") == "v2"
    assert [entry["what"] for entry in read_audit(two, "toy")] == ["promote", "promote"]
    assert read_attempt(two, "toy") is None
    page = json.loads(Path(two.join("models/toy/index.json")).read_text())
    assert page["champion"] == "v2"


def test_a_hand_that_is_stopped_half_way_moves_once(
    two: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command again ends the move that was cut short, and makes no second one."""
    last = LATER + timedelta(hours=1)
    commands: dict[str, Callable[[datetime], dict[str, Any]]] = {
        "v2": lambda now: promote_version(two, "toy@v2", "why", now=now),
        "v1": lambda now: roll_back(two, "toy", "why", now),
    }
    for number, (wanted, command) in enumerate(commands.items()):
        now = last + timedelta(hours=number)
        with killed_at("before the move", monkeypatch):
            assert in_a_child(partial(command, now)) == signal.SIGKILL
        assert champion_of(two, "toy") != wanted
        assert command(now + timedelta(minutes=1))["to"] == wanted
        assert champion_of(two, "toy") == wanted
    assert [entry["what"] for entry in read_audit(two, "toy")] == ["promote", "promote", "rollback"]


def test_decisions_at_one_time_of_a_simulation_follow_each_other(two: Root) -> None:
    apply_verdict(two, REFUSED)
    apply_verdict(two, VERDICT)
    times = [datetime.fromisoformat(entry["time"]) for entry in read_audit(two, "toy")]
    assert times[1] == LATER
    assert times == sorted(set(times))
    assert len(retrainings_of(two, "toy")) == 2


@pytest.mark.parametrize("step", ["before it is sealed", "before the audit"])
def test_a_question_that_is_cut_short_is_asked_once(
    two: Root, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    with killed_at(step, monkeypatch):
        ended = in_a_child(lambda: apply_verdict(two, VERDICT, spec=ASKING))
    assert ended == signal.SIGKILL
    for _ in range(2):
        come_again(two)
    question = open_question(two, "toy")
    assert (question is not None) == (step == "before the audit")
    assert [entry["what"] for entry in read_audit(two, "toy")[1:]] == ["ask"] * bool(question)
    assert champion_of(two, "toy") == "v1"


def test_a_question_that_is_overtaken_before_it_is_asked_is_a_refusal(
    two: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed_at("before the audit", monkeypatch):
        in_a_child(lambda: apply_verdict(two, VERDICT, spec=ASKING))
    make_champion(two, "toy", "v2", 2)
    come_again(two)
    assert open_question(two, "toy") is None
    assert read_audit(two, "toy")[-1]["what"] == "refuse"


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
    assert read_audit(two, "toy")[-1]["evidence"]["doubted"] is doubted


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
