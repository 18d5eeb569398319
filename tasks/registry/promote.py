"""Moving a champion: by the task, to a better version; by hand, to any, or back."""

from datetime import datetime, timedelta
from typing import NotRequired, TypedDict, cast

from prefect import get_run_logger, task

from seqclass.monitoring.gate import refused_by
from seqclass.policies import policy_of
from seqclass.store.approvals import Question, ask, how_to_answer, open_question
from seqclass.store.audit import actor, next_moment
from seqclass.store.leases import locked
from seqclass.store.models import COMPARISON, Model
from seqclass.store.references import ModelRef
from seqclass.store.registry import (
    Grounds,
    champion_of,
    check_rollback,
    finish_move,
    move_champion,
    open_model,
    open_version,
    previous_champion,
)
from seqclass.store.retrainings import replay_pending
from seqclass.store.root import Root, open_root
from seqclass.training.spec import TrainingSpec
from tasks.evaluation.compare import Candidate, Verdict, compare_with


class Promotion(TypedDict):
    """Whether a version became champion, why, and what a gate had against it; ``awaits_approval``:
    whether a person has to answer first."""

    promoted: bool
    decision: str
    refused: str | None
    awaits_approval: bool


Move = TypedDict(
    "Move",
    {
        "model": str,
        "from": str | None,
        "to": str,
        "moved": bool,
        "refused": NotRequired[str | None],
    },
)
"""How a champion was moved by hand, or what a gate has against it."""


@task(name="promote")
def promote(model_ref: str, spec: TrainingSpec, root_url: str) -> Promotion:
    """Move the champion if the model is better; say what was decided.

    The stored comparison counts only if the champion is still the one it was made with.
    """
    root = open_root(root_url)
    model = open_model(root, model_ref)
    with locked(root, "models", model.name):
        replay_pending(root, model.name)
        verdict = _current_verdict(model, spec)
        question = _ask(model, verdict) if verdict["better"] else None
        if verdict["better"] and question is None:
            grounds = Grounds(actor(), verdict["reason"], verdict)
            move_champion(root, model.name, model.version, grounds)
    waits = f"; {how_to_answer(model.name, question)}" if question else ""
    get_run_logger().info("%s: %s%s", model.ref, verdict["reason"], waits)
    return {
        "promoted": verdict["better"] and question is None,
        "decision": f"{verdict['reason']}{waits}",
        "refused": model.manifest["refused"] or refused_by(verdict.get("reasons")),
        "awaits_approval": question is not None,
    }


def _current_verdict(model: Model, spec: TrainingSpec) -> Verdict:
    champion = champion_of(model.root, model.name)
    verdict = cast(Verdict, model.read_json(COMPARISON))
    if verdict["champion"] == champion:
        return verdict
    candidate = Candidate(model.manifest["dataset"], spec, model.folder)
    return compare_with(champion, candidate, model.name, model.root)


def _ask(model: Model, verdict: Verdict) -> Question | None:
    """The question that a better version leaves where the model's policy wants a person's word."""
    policy = policy_of(model.root, model.name)
    if policy is None or not policy.retraining.approval:
        return None
    now = next_moment(model.root, model.name)
    grounds = Grounds(actor(), verdict["reason"], verdict)
    until = now + timedelta(seconds=policy.retraining.approval_s)
    ask(model.root, model.name, model.version, grounds, until)
    return open_question(model.root, model.name)


def promote_version(
    root: Root, ref: str, reason: str, in_spite: bool, now: datetime | None = None
) -> Move:
    """Make a version the champion; one that the gate refused only ``in_spite`` of that.

    now: a simulated time.
    """
    model = open_version(root, ref)
    name = model.name
    with locked(root, "models", name):
        replay_pending(root, name)
        before = champion_of(root, name)
        refused = None if before == model.version or in_spite else _refusal_of(model)
        if before == model.version or refused:
            return {**moved_to(name, before, model.version), "moved": False, "refused": refused}
        move_champion(root, name, model.version, Grounds(actor(), reason, {"by": "hand"}, now))
    return {**moved_to(name, before, model.version), "refused": None}


def _refusal_of(model: Model) -> str | None:
    """What a gate had against a version when it was made."""
    stability = model.manifest["refused"]
    return stability or refused_by(model.read_json(COMPARISON).get("reasons"))


def roll_back(root: Root, ref: str, reason: str, now: datetime | None = None) -> Move:
    """Make the champion before this one the champion again; a rollback that was cut short is
    ended, and is not followed by another. now: a simulated time."""
    name = check_rollback(root, ref)
    with locked(root, "models", name):
        cut_short = finish_move(root, name)
        if cut_short and cut_short["what"] == "rollback":
            return moved_to(name, cut_short["from"], str(cut_short["to"]))
        replay_pending(root, name)
        current = champion_of(root, name)
        before = previous_champion(root, name)
        if before is None:
            raise ValueError(
                f"MODEL: expected a model with an earlier champion, {name} has had "
                f"{'only ' + current if current else 'none'}; 'seqclass promote' takes a version"
            )
        grounds = Grounds(actor(), reason, {"by": "hand"}, now)
        move_champion(root, name, before, grounds, what="rollback")
    return moved_to(name, current, before)


def moved_to(name: str, before: str | None, now: str) -> Move:
    """A move of the champion to this version."""
    return {"model": str(ModelRef(name, now)), "from": before, "to": now, "moved": True}
