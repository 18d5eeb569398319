"""Moves of the champion: by the task to a better version; by hand to any, or back."""

import logging
from collections.abc import Callable, Mapping
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
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.candidates import candidate_of
from seqclass.pipeline.compare import compare_with
from seqclass.pipeline.evaluate import read_evaluated
from seqclass.policies import decide_version, policy_of, policy_rules, present_verdict
from seqclass.store.approvals import Question, ask, how_to_answer, open_question
from seqclass.store.log import Turn, actor, in_turn
from seqclass.store.models import COMPARISON, Model
from seqclass.store.references import ModelRef
from seqclass.store.registry import (
    MoveReason,
    champion_of,
    check_rollback,
    is_decided,
    move_champion,
    need_champion,
    open_model,
    open_version,
    previous_champion,
    write_refusal,
)
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

    The stored comparison counts only if the champion is still the one it was made with. A version
    that was decided on before keeps its place.
    """
    model = open_model(root, model_ref)
    name = model.name
    if is_decided(root, name, model.version):
        return _standing(model)

    def decide(turn: Turn) -> tuple[Decision, Question | None]:
        verdict = _current_verdict(model, spec)
        decision = decide_stored(verdict, champion_of(root, name), policy_rules(root, name))
        if isinstance(decision, Promote):
            move_champion(turn, model.version, MoveReason(actor(), decision.reason, verdict))
        elif isinstance(decision, Refuse):
            grounds = MoveReason(actor(), "; ".join(decision.reasons), verdict)
            write_refusal(turn, model.version, grounds)
        else:
            return decision, _ask(turn, model, decision, verdict)
        return decision, None

    decision, question = in_turn(root, name, decide)
    why = "; ".join(decision.reasons) if isinstance(decision, Refuse) else decision.reason
    why += f"; {how_to_answer(name, question)}" if question else ""
    logger.info("%s: %s", model.ref, why)
    return {
        "verdict": final_verdict(decision),
        "promoted": isinstance(decision, Promote),
        "decision": why,
        "refused": _refusal(decision),
    }


def _standing(model: Model) -> Promotion:
    """Return what became of a version that was decided on before."""
    verdict, reasons = present_verdict(model)
    question = open_question(model.root, model.name) if verdict == "awaits_approval" else None
    words = {"promoted": "it is the champion", "registered": "another version was made champion"}
    why = how_to_answer(model.name, question) if question else "; ".join(reasons)
    return {
        "verdict": verdict,
        "promoted": verdict == "promoted",
        "decision": why or words[verdict],
        "refused": refused_by(reasons) if reasons else None,
    }


def _current_verdict(model: Model, spec: TrainingSpec) -> Mapping[str, Any]:
    champion = champion_of(model.root, model.name)
    verdict = model.read_json(COMPARISON)
    if verdict["champion"] == champion:
        return verdict
    candidate = candidate_of(model, spec)
    evaluated = read_evaluated(model.root, model.folder)
    return compare_with(champion, candidate, evaluated, model.name)


def _refusal(decision: Decision) -> str | None:
    return refused_by(list(decision.reasons)) if isinstance(decision, Refuse) else None


def _ask(turn: Turn, model: Model, decision: Ask, verdict: Mapping[str, Any]) -> Question:
    """Return the question about this version; it is asked again only if it is not open."""
    root, name = model.root, model.name
    question = open_question(root, name)
    if question is not None and question.version == model.version:
        return question
    policy = policy_of(root, name)
    seconds = (policy.retraining if policy else RetrainSpec()).approval_s
    until = turn.moment() + timedelta(seconds=seconds)
    return ask(turn, model.version, MoveReason(actor(), decision.reason, verdict), until)


def promote_version(
    root: Root, ref: str, reason: str, force: bool = False, now: datetime | None = None
) -> Move:
    """Make a version the champion if ``decide`` allows it, or by ``force``, as the log then says.

    now: a simulated time.
    """
    model = open_version(root, ref)
    name = model.name

    def decide_by_hand(turn: Turn) -> Move:
        before = champion_of(root, name)
        move: Move = {**moved_to(name, before, model.version), "refused": None}
        if before == model.version:
            return {**move, "moved": False, "verdict": "promoted"}
        decision = decide_version(model, before)
        if not force and not isinstance(decision, Promote):
            why = _why_not(turn, model, decision)
            return {**move, "moved": False, "verdict": final_verdict(decision), "refused": why}
        forced = _overruled(decision)
        evidence = {"by": "hand", **({"forced": forced} if forced else {})}
        move_champion(turn, model.version, MoveReason(actor(), reason, evidence, now))
        return {**move, "verdict": "promoted"}

    return moved_by_hand(root, name, reason, decide_by_hand)


def _why_not(turn: Turn, model: Model, decision: Ask | Refuse) -> str | None:
    """Return why a version can't be promoted by hand; a policy may want a person to be asked."""
    if isinstance(decision, Refuse):
        return _refusal(decision)
    question = _ask(turn, model, decision, model.read_json(COMPARISON))
    return how_to_answer(model.name, question)


def _overruled(decision: Decision) -> list[str]:
    """Return what a promotion by force overrules."""
    if isinstance(decision, Refuse):
        return list(decision.reasons)
    return ["the policy wants a person's approval"] if isinstance(decision, Ask) else []


def roll_back(root: Root, ref: str, reason: str, now: datetime | None = None) -> Move:
    """Make the champion before this one the champion again. now: a simulated time."""
    name = check_rollback(root, ref)

    def decide(turn: Turn) -> Move:
        current = need_champion(root, name)
        before = previous_champion(root, name)
        if before is None:
            raise ValueError(
                f"MODEL: expected a model with a champion before {current}, {name} has none; "
                f"'seqclass promote {name}@vN' takes a version"
            )
        grounds = MoveReason(actor(), reason, {"by": "hand"}, now)
        move_champion(turn, before, grounds, what="rollback")
        return moved_to(name, current, before)

    return moved_by_hand(root, name, reason, decide)


def moved_by_hand(root: Root, name: str, reason: str, decide: Callable[[Turn], Move]) -> Move:
    """Carry out what a person decides about a model, and bring its pages up to date.

    ValueError without a reason.
    """
    if not reason.strip():
        raise ValueError("reason: expected words for the audit, got none; say why")
    move = in_turn(root, name, decide)
    refresh(root, [move["model"]])
    return move


def moved_to(name: str, before: str | None, now: str) -> Move:
    """Return the record of a move of the champion to this version."""
    return {"model": str(ModelRef(name, now)), "from": before, "to": now, "moved": True}
