"""A person's answer to a question for approval, and questions without an answer in time."""

import logging
from dataclasses import dataclass
from datetime import datetime

from seqclass.monitoring.decide import Refuse
from seqclass.monitoring.seed_spread import refused_by
from seqclass.pipeline.promote import Move, moved_to
from seqclass.policies import decide_version
from seqclass.store.approvals import Question, open_question
from seqclass.store.log import Turn, actor, in_turn
from seqclass.store.references import ModelRef
from seqclass.store.registry import (
    MoveReason,
    champion_of,
    check_model,
    move_champion,
    open_model,
    write_refusal,
)
from seqclass.store.root import Root

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """A person's answer, the reason, and the person."""

    approve: bool
    reason: str
    actor: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise ValueError("reason: expected words for the audit, got none; say why")


def answer(ref: str, reply: Answer, root: Root) -> Move:
    """Let a version that awaits approval become champion, or decline it."""
    move = answer_question(root, ref, reply)
    if reply.approve and not move["moved"]:
        raise ValueError(f"MODEL: expected a version that the policy lets in, got {ref}: "
                         f"{move['refused']}; decline it, or change the policy")  # fmt: skip
    logger.info("%s: %s", ref, "approved" if move["moved"] else "declined")
    return move


def answer_question(root: Root, ref: str, reply: Answer, now: datetime | None = None) -> Move:
    """Carry out a person's answer, with an entry in the log.

    ValueError if the version awaits no approval, or its time is over. If the present policy refuses
    the version, it is not approved, and the question stays open.
    """
    model = ModelRef.parse(ref)
    name = check_model(root, model.name, takes_version=True)

    def decide(turn: Turn) -> Move:
        moment = turn.moment(now)
        question = _question_about(root, model, moment)
        evidence = {"by": "hand", "question": question.number}
        grounds = MoveReason(reply.actor, reply.reason, evidence, moment)
        champion = champion_of(root, name)
        move = moved_to(name, champion, question.version)
        decision = decide_version(open_model(root, model.short), champion)
        if reply.approve and isinstance(decision, Refuse):
            return {**move, "moved": False, "refused": refused_by(list(decision.reasons))}
        if reply.approve:
            move_champion(turn, question.version, grounds)
        else:
            write_refusal(turn, question.version, grounds)
        return {**move, "moved": reply.approve}

    return in_turn(root, name, decide)


def _question_about(root: Root, model: ModelRef, now: datetime) -> Question:
    question = open_question(root, model.name)
    if question is None or question.version != model.version:
        waits = f"{model.name}@{question.version} does" if question else "none does"
        raise ValueError(
            f"MODEL: expected a version that awaits approval, got {model.short!r}; {waits} of "
            f"{model.name}, and 'seqclass history {model.name}' tells who became champion"
        )
    if question.is_over(now):
        raise ValueError(
            f"MODEL: expected an answer until {question.until:%Y-%m-%d %H:%M:%S} UTC, got one "
            f"later; {model.short} counts as declined"
        )
    return question


def decline_unanswered(root: Root) -> list[Move]:
    """Decline versions whose time for approval is over; a damaged model is skipped."""
    root, declined = root, list[Move]()
    for name in root.names("models"):
        try:
            move = decline_if_over(root, name)
        except (ValueError, OSError) as error:  # verify names what is damaged
            logger.warning("%s: %s", name, error)
        else:
            declined += [move] if move else []
    return declined


def decline_if_over(root: Root, name: str, now: datetime | None = None) -> Move | None:
    """Decline the version that has waited too long for an answer; None if there is none."""
    if open_question(root, name) is None:
        return None

    def decide(turn: Turn) -> Move | None:
        question, moment = open_question(root, name), turn.moment(now)
        if question is None or not question.is_over(moment):
            return None
        evidence = {"question": question.number}
        grounds = MoveReason(actor(), unanswered(question), evidence, moment)
        write_refusal(turn, question.version, grounds)
        move = moved_to(name, champion_of(root, name), question.version)
        return {**move, "moved": False, "refused": unanswered(question)}

    return in_turn(root, name, decide)


def unanswered(question: Question) -> str:
    """Return the reason for declining a version that nobody has answered about."""
    return f"declined: nobody answered until {question.until:%Y-%m-%d %H:%M:%S} UTC"
