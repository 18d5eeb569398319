"""Moves of the champion: by the task to a better version; by hand to any, or back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NotRequired

from prefect import get_run_logger, task
from typing_extensions import TypedDict

from seqclass.monitoring.decide import Ask, Decision, Promote, Refuse, decide_stored
from seqclass.monitoring.gate import refused_by
from seqclass.monitoring.policy import rules_under
from seqclass.monitoring.retrain_spec import RetrainSpec, Rules
from seqclass.policies import policy_of
from seqclass.store.approvals import Question, ask, how_to_answer, open_question
from seqclass.store.audit import actor, next_moment
from seqclass.store.leases import locked
from seqclass.store.models import COMPARISON, Model
from seqclass.store.references import ModelRef
from seqclass.store.registry import (
    MoveReason,
    champion_of,
    check_rollback,
    finish_move,
    move_champion,
    need_champion,
    open_model,
    open_version,
    previous_champion,
    write_refusal,
)
from seqclass.store.retrainings import replay_pending
from seqclass.store.root import Root, open_root
from seqclass.training.spec import TrainingSpec
from tasks.compute.candidates import Candidate
from tasks.evaluation.compare import compare_with
from tasks.evaluation.evaluate import read_evaluated


class Promotion(TypedDict):
    """The decision about a version's promotion.

    It says whether the version became champion, why, and gives a gate's refusal. awaits_approval:
    whether a person has to answer first.
    """

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
"""The result of a move by hand, or a gate's refusal."""


@task(name="promote")
def promote(model_ref: str, spec: TrainingSpec, root_url: str) -> Promotion:
    """Promote a version if ``decide`` says so, or ask a person; returns the decision.

    The stored comparison counts only if the champion is still the one it was made with.
    """
    root = open_root(root_url)
    model = open_model(root, model_ref)
    name = model.name
    with locked(root, "models", name):
        replay_pending(root, name)
        verdict = _current_verdict(model, spec)
        decision = decide_stored(verdict, champion_of(root, name), policy_rules(root, name))
        if isinstance(decision, Promote):
            move_champion(root, name, model.version, MoveReason(actor(), decision.reason, verdict))
        elif isinstance(decision, Refuse) and not decision.gains_nothing:
            grounds = MoveReason(actor(), "; ".join(decision.reasons), verdict)
            write_refusal(root, name, model.version, grounds)
        question = _ask(model, decision, verdict) if isinstance(decision, Ask) else None
    said = "; ".join(decision.reasons) if isinstance(decision, Refuse) else decision.reason
    said += f"; {how_to_answer(name, question)}" if question else ""
    get_run_logger().info("%s: %s", model.ref, said)
    return {
        "promoted": isinstance(decision, Promote),
        "decision": said,
        "refused": None if _is_idle(decision) else _refusal(decision),
        "awaits_approval": question is not None,
    }


def _current_verdict(model: Model, spec: TrainingSpec) -> Mapping[str, Any]:
    champion = champion_of(model.root, model.name)
    verdict = model.read_json(COMPARISON)
    if verdict.get("champion") == champion:
        return verdict
    candidate = Candidate(model.manifest["dataset"], spec, model.folder, model.root.url)
    evaluated = read_evaluated(model.root, model.folder)
    return compare_with(champion, candidate, evaluated, model.name)


def _is_idle(decision: Decision) -> bool:
    """Check whether the version was only trained on the champion's rows and is not better."""
    return isinstance(decision, Refuse) and decision.gains_nothing


def _refusal(decision: Decision) -> str | None:
    return refused_by(list(decision.reasons)) if isinstance(decision, Refuse) else None


def policy_rules(root: Root, name: str) -> Rules | None:
    """Return the rules of a model's policy; None without one."""
    return rules_under(policy_of(root, name))


def decide_version(model: Model, champion: str | None) -> Decision:
    """Judge a registered version by its stored evidence, under the present policy."""
    stored = model.read_json(COMPARISON) if model.has(COMPARISON) else {}
    return decide_stored(stored, champion, policy_rules(model.root, model.name))


def _ask(model: Model, decision: Ask, verdict: Mapping[str, Any]) -> Question | None:
    """Return the question about this version; it is asked again only if it is not open."""
    root, name = model.root, model.name
    question = open_question(root, name)
    if question is not None and question.version == model.version:
        return question
    policy = policy_of(root, name)
    seconds = (policy.retraining if policy else RetrainSpec()).approval_s
    until = next_moment(root, name) + timedelta(seconds=seconds)
    ask(root, name, model.version, MoveReason(actor(), decision.reason, verdict), until)
    return open_question(root, name)


def promote_version(
    root: Root, ref: str, reason: str, force: bool = False, now: datetime | None = None
) -> Move:
    """Make a version the champion if ``decide`` allows it, or by ``force``, as the audit then says.

    now: a simulated time.
    """
    model = open_version(root, ref)
    name = model.name
    with locked(root, "models", name):
        replay_pending(root, name)
        before = champion_of(root, name)
        if before == model.version:
            return {**moved_to(name, before, model.version), "moved": False, "refused": None}
        refused, forced = _against(model, before, force)
        if refused:
            return {**moved_to(name, before, model.version), "moved": False, "refused": refused}
        evidence = {"by": "hand", **({"forced": forced} if forced else {})}
        move_champion(root, name, model.version, MoveReason(actor(), reason, evidence, now))
    return {**moved_to(name, before, model.version), "refused": None}


def _against(model: Model, champion: str | None, force: bool) -> tuple[str | None, list[str]]:
    """Return why a version can't be promoted by hand, or None; and what ``force`` overrules."""
    decision = decide_version(model, champion)
    if isinstance(decision, Promote):
        return None, []
    if force:
        wanted = ["the policy wants a person's approval"]
        return None, list(decision.reasons) if isinstance(decision, Refuse) else wanted
    if isinstance(decision, Refuse):
        return _refusal(decision), []
    question = _ask(model, decision, model.read_json(COMPARISON))
    return how_to_answer(model.name, question) if question else None, []


def roll_back(root: Root, ref: str, reason: str, now: datetime | None = None) -> Move:
    """Make the champion before this one the champion again.

    If an earlier rollback was interrupted, it is completed instead. now: a simulated time.
    """
    name = check_rollback(root, ref)
    with locked(root, "models", name):
        cut_short = finish_move(root, name)
        if cut_short and cut_short["what"] == "rollback":
            return moved_to(name, cut_short["from"], str(cut_short["to"]))
        replay_pending(root, name)
        current = need_champion(root, name)
        before = previous_champion(root, name)
        if before is None:
            raise ValueError(
                f"MODEL: expected a model with a champion before {current}, {name} has none; "
                f"'seqclass promote {name}@vN' takes a version"
            )
        grounds = MoveReason(actor(), reason, {"by": "hand"}, now)
        move_champion(root, name, before, grounds, what="rollback")
    return moved_to(name, current, before)


def moved_to(name: str, before: str | None, now: str) -> Move:
    """Return the record of a move of the champion to this version."""
    return {"model": str(ModelRef(name, now)), "from": before, "to": now, "moved": True}
