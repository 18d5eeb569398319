"""Approval: what passed the gate waits in the root for a person, and for nothing else."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect.logging import disable_run_logger

from seqclass.monitoring.policy import ModelPolicy
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.approve import (
    answer_question,
    decline_if_over,
    decline_unanswered,
)
from seqclass.pipeline.promote import promote, promote_version
from seqclass.policies import present_verdict, set_policy
from seqclass.store.approvals import open_question
from seqclass.store.catalogue import verify_tree
from seqclass.store.log import actor, read_log
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import plan_pruning
from seqclass.store.registry import champion_of, open_model
from seqclass.store.retrainings import (
    last_settled,
    read_attempt,
    retrainings_of,
    write_attempt,
)
from seqclass.store.root import Root
from seqclass.training.spec import TrainingSpec
from tests.support.evidence import stored
from tests.support.places import NOW
from tests.support.stored import SCORES, make_champion, read_decisions, store_version
from tests.support.verdicts import LATER, REFUSED, VERDICT, apply_verdict, store_two

DAY = RetrainSpec(approval=True, approval_s=86400)
SOON = LATER + timedelta(minutes=1)
YES, NO = (True, "I looked"), (False, "labels are odd")


@pytest.fixture
def asked(root: Root) -> Root:
    """A champion v1, and a v2 that passed the gate and awaits approval for a day."""
    store_two(root)
    write_attempt(
        root, "toy", {"champion": "models/toy@v1", "dataset": "d", "tries": 1, "error": None}
    )
    apply_verdict(root, VERDICT, spec=DAY)
    return root


def decided(root: Root) -> list[tuple[str, str | None]]:
    return [(entry["what"], entry.get("candidate")) for entry in read_decisions(root, "toy")]


def test_the_run_that_asks_ends_and_counts_as_no_failed_try(asked: Root) -> None:
    record = last_settled(asked, "toy")
    assert record["decision"] == "awaits approval"
    assert "seqclass approve toy@v2" in record["reasons"][-1]
    assert read_attempt(asked, "toy") is None
    assert champion_of(asked, "toy") == "v1"
    question = open_question(asked, "toy")
    assert question is not None
    assert (question.version, question.until) == ("v2", LATER + timedelta(days=1))
    assert verify_tree(asked)["bad"] == []


def test_the_policy_at_the_decision_says_whether_and_until_when_a_person_is_asked(
    root: Root,
) -> None:
    store_two(root)
    set_policy(root, "toy", ModelPolicy(RetrainSpec(approval=True, approval_s=60)), "", NOW)
    apply_verdict(root, VERDICT)
    question = open_question(root, "toy")
    assert question is not None
    assert question.until == LATER + timedelta(seconds=60)
    evidence = read_log(root, "toy")[-1]["evidence"]
    assert evidence["rules"]["approval"] is True


def test_an_approval_moves_the_champion_and_names_who_and_why(asked: Root) -> None:
    move = answer_question(asked, "toy@v2", *YES, SOON)
    assert (move["moved"], move["from"], move["to"]) == (True, "v1", "v2")
    assert champion_of(asked, "toy") == "v2"
    entry = read_log(asked, "toy")[-1]
    assert (entry["what"], entry["actor"], entry["reason"]) == ("promote", actor(), "I looked")
    assert entry["evidence"] == {"by": "hand", "question": 4}
    assert entry["time"] == SOON.isoformat()
    assert open_question(asked, "toy") is None
    assert verify_tree(asked)["bad"] == []


def test_a_declined_version_is_refused_and_the_champion_stays(asked: Root) -> None:
    assert not answer_question(asked, "toy@v2", *NO, SOON)["moved"]
    assert champion_of(asked, "toy") == "v1"
    entry = read_log(asked, "toy")[-1]
    assert (entry["what"], entry["candidate"], entry["actor"]) == ("refuse", "v2", actor())
    assert entry["reason"] == "labels are odd"
    with pytest.raises(ValueError, match="expected a version that awaits approval"):
        answer_question(asked, "toy@v2", *YES, SOON)
    with pytest.raises(ValueError, match="reason: expected words for the audit"):
        answer_question(asked, "toy@v2", True, " ", SOON)


def test_a_declined_version_is_not_asked_about_again(asked: Root) -> None:
    set_policy(asked, "toy", ModelPolicy(RetrainSpec(approval=True)), "", NOW)
    answer_question(asked, "toy@v2", *NO, SOON)
    before = decided(asked)
    move = promote_version(asked, "toy@v2", "it is good")
    assert (move["moved"], move["verdict"]) == (False, "refused")
    assert "declined" in str(move["refused"])
    assert "labels are odd" in str(move["refused"])
    assert (open_question(asked, "toy"), decided(asked)) == (None, before)
    verdict, [reason] = present_verdict(open_model(asked, "toy@v2"))
    assert (verdict, "labels are odd" in reason) == ("refused", True)
    assert promote_version(asked, "toy@v2", "it is good", force=True)["moved"]
    assert "labels are odd" in str(read_log(asked, "toy")[-1]["evidence"]["forced"])


def test_past_its_time_it_is_declined_and_can_t_be_approved(asked: Root) -> None:
    over = LATER + timedelta(days=1, seconds=1)
    assert decline_if_over(asked, "toy", over - timedelta(seconds=2)) is None
    with pytest.raises(ValueError, match=r"expected an answer until .*, got one later"):
        answer_question(asked, "toy@v2", *YES, over)
    declined = decline_if_over(asked, "toy", over)
    assert declined is not None
    assert "nobody answered until" in str(declined["refused"])
    assert decided(asked)[-1] == ("refuse", "v2")
    assert decline_if_over(asked, "toy", over) is None
    assert champion_of(asked, "toy") == "v1"


@pytest.mark.parametrize("what", ["another question", "another champion"])
def test_a_newer_decision_makes_a_question_stale(asked: Root, what: str) -> None:
    third = store_version(asked, "toy", VERDICT, dataset="datasets/toy@0", metrics=SCORES).version
    if what == "another question":
        apply_verdict(asked, VERDICT, SOON, DAY, third)
    else:
        make_champion(asked, "toy", third, 7200)
    with pytest.raises(ValueError, match="expected a version that awaits approval, got 'toy@v2'"):
        answer_question(asked, "toy@v2", *YES, SOON)
    question = open_question(asked, "toy")
    assert (question and question.version) == (third if what == "another question" else None)


def test_the_refusal_of_another_version_leaves_a_question_open(asked: Root) -> None:
    third = store_version(asked, "toy", VERDICT, dataset="datasets/toy@0", metrics=SCORES).version
    apply_verdict(asked, REFUSED, SOON, DAY, third)
    assert answer_question(asked, "toy@v2", *YES, SOON)["moved"]
    assert decided(asked) == [
        ("promote", None), ("ask", "v2"), ("refuse", third), ("promote", None)
    ]  # fmt: skip


def test_what_awaits_approval_is_not_pruned(asked: Root) -> None:
    for _ in range(2):
        store_version(asked, "toy", dataset="datasets/toy@0", metrics=SCORES)
    why = {item.ref: item.why for item in plan_pruning(asked, PruneSpec(days=0), SOON)}
    assert why["models/toy@v2"] == "awaits approval"
    assert why["models/toy@v3"] == ""


def test_the_page_shows_what_waits_until_it_is_answered(asked: Root) -> None:
    def page() -> str:
        refresh(asked, ["models/toy@v2"])
        return asked.fs.cat_file(asked.join("models", "toy", "index.html")).decode()

    assert "<strong>v2 awaits approval</strong>" in page()
    assert "seqclass approve toy@v2" in page()
    answer_question(asked, "toy@v2", *YES, SOON)
    assert "awaits approval</strong>" not in page()


@pytest.mark.parametrize(("word", "champion"), [("approve", "v2"), ("decline", "v1")])
def test_commands_answer_with_the_account(
    root: Root, seqclass_json: Callable[..., dict], word: str, champion: str
) -> None:
    store_two(root)
    apply_verdict(root, VERDICT, None, DAY)
    move = seqclass_json(word, "toy@v2", "--reason", "I looked")
    assert (move["model"], move["moved"]) == ("models/toy@v2", word == "approve")
    assert champion_of(root, "toy") == champion
    entry = read_log(root, "toy")[-1]
    assert (entry["actor"], entry["reason"]) == (actor(), "I looked")


def test_the_upkeep_declines_what_nobody_answered(root: Root) -> None:
    store_two(root)
    apply_verdict(root, VERDICT, NOW, DAY)
    [move] = decline_unanswered(root)
    assert "nobody answered until" in str(move["refused"])
    assert decided(root)[-1] == ("refuse", "v2")
    assert decline_unanswered(root) == []
    refresh(root, [move["model"]])
    page = json.loads(root.fs.cat_file(root.join("models", "toy", "index.json")))
    assert page["awaits"] is None


def test_a_training_under_a_policy_asks(root: Root) -> None:
    store_version(root, "toy", stored(None))
    set_policy(root, "toy", ModelPolicy(DAY), "", datetime.now(UTC))
    with disable_run_logger():
        trained: Any = promote("toy@v1", TrainingSpec(), root)
    assert (trained["verdict"], trained["refused"]) == ("awaits_approval", None)
    assert "seqclass approve toy@v1" in trained["decision"]
    assert champion_of(root, "toy") is None
    answer_question(root, "toy@v1", *YES)
    assert champion_of(root, "toy") == "v1"
    assert retrainings_of(root, "toy") == []
