"""Moves of the champion: by the task to a better version; by hand to any, or back."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NotRequired

from typing_extensions import TypedDict

from seqclass.monitoring.decide import (
    Ask,
    Decision,
    FinalVerdict,
    Promote,
    Refuse,
    decide_stored,
    final_verdict,
)
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.monitoring.seed_spread import refused_by
from seqclass.pipeline.candidates import candidate_of
from seqclass.pipeline.compare import compare_with
from seqclass.pipeline.evaluate import read_evaluated
from seqclass.policies import decide_version, policy_of, policy_rules
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
from seqclass.store.root import Root
from seqclass.training.spec import TrainingSpec

logger = logging.getLogger(__name__)


class Promotion(TypedDict):
    """The decision about a version's promotion.

    promoted: whether the version became champion. decision: why, or why not. refused: the refusal
    of the gate, or None.
    """

    verdict: FinalVerdict
    promoted: bool
    decision: str
    refused: str | None


Move = TypedDict(
    "Move",
    {
        "model": str,
        "from": str | None,
        "to": str,
        "moved": bool,
        "verdict": NotRequired[FinalVerdict],
        "refused": NotRequired[str | None],
    },
)
"""The result of a move by hand, or a gate's refusal."""


def promote(model_ref: str, spec: TrainingSpec, root: Root) -> Promotion:
    """Promote a version if ``decide`` says so, or ask a person; returns the decision.

    The stored comparison counts only if the champion is still the one it was made with.
    """
    model = open_model(root, model_ref)
    name = model.name
    with locked(root, "models", name):
        replay_pending(root, name)
        verdict = _current_verdict(model, spec)
        decision = decide_stored(verdict, champion_of(root, name), policy_rules(root, name))
        if isinstance(decision, Promote):
            move_champion(root, name, model.version, MoveReason(actor(), decision.reason, verdict))
        elif isinstance(decision, Refuse):
            grounds = MoveReason(actor(), "; ".join(decision.reasons), verdict)
            write_refusal(root, name, model.version, grounds)
        question = _ask(model, decision, verdict) if isinstance(decision, Ask) else None
    said = "; ".join(decision.reasons) if isinstance(decision, Refuse) else decision.reason
    said += f"; {how_to_answer(name, question)}" if question else ""
    logger.info("%s: %s", model.ref, said)
    return {
        "verdict": final_verdict(decision),
        "promoted": isinstance(decision, Promote),
        "decision": said,
        "refused": _refusal(decision),
    }


def _current_verdict(model: Model, spec: TrainingSpec) -> Mapping[str, Any]:
    champion = champion_of(model.root, model.name)
    verdict = model.read_json(COMPARISON)
    if verdict.get("champion") == champion:
        return verdict
    candidate = candidate_of(model, spec)
    evaluated = read_evaluated(model.root, model.folder)
    return compare_with(champion, candidate, evaluated, model.name)


def _refusal(decision: Decision) -> str | None:
    return refused_by(list(decision.reasons)) if isinstance(decision, Refuse) else None


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
        move: Move = {**moved_to(name, before, model.version), "refused": None}
        if before == model.version:
            return {**move, "moved": False, "verdict": "promoted"}
        decision = decide_version(model, before)
        if not force and not isinstance(decision, Promote):
            why = _why_not(model, decision)
            return {**move, "moved": False, "verdict": final_verdict(decision), "refused": why}
        forced = _overruled(decision)
        evidence = {"by": "hand", **({"forced": forced} if forced else {})}
        move_champion(root, name, model.version, MoveReason(actor(), reason, evidence, now))
    return {**move, "verdict": "promoted"}


def _why_not(model: Model, decision: Ask | Refuse) -> str | None:
    """Return why a version can't be promoted by hand; a policy may want a person to be asked."""
    if isinstance(decision, Refuse):
        return _refusal(decision)
    question = _ask(model, decision, model.read_json(COMPARISON))
    return how_to_answer(model.name, question) if question else None


def _overruled(decision: Decision) -> list[str]:
    """Return what a promotion by force overrules."""
    if isinstance(decision, Refuse):
        return list(decision.reasons)
    return ["the policy wants a person's approval"] if isinstance(decision, Ask) else []


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
