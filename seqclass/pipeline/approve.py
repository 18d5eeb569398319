"""A person's answer to a question for approval, and questions without an answer in time."""

import logging
from datetime import datetime

from seqclass.monitoring.decide import Refuse
from seqclass.monitoring.seed_spread import refused_by
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.promote import Move, moved_by_hand, moved_to
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


def answer_question(
    root: Root, ref: str, approve: bool, reason: str, now: datetime | None = None
) -> Move:
    """Make a version that awaits approval the champion, or decline it, as the log then says.

    ValueError without a reason, if the version awaits no approval, or if its time is over. If the
    present policy refuses the version, it is not approved, and the question stays open.
    """
    model = ModelRef.parse(ref)
    name = check_model(root, model.name, takes_version=True)

    def decide(turn: Turn) -> Move:
        moment = turn.moment(now)
        question = _question_about(root, model, moment)
        evidence = {"by": "hand", "question": question.number}
        grounds = MoveReason(actor(), reason, evidence, moment)
        champion = champion_of(root, name)
        move = moved_to(name, champion, question.version)
        decision = decide_version(open_model(root, model.short), champion)
        if approve and isinstance(decision, Refuse):
            return {**move, "moved": False, "refused": refused_by(list(decision.reasons))}
        if approve:
            move_champion(turn, question.version, grounds)
        else:
            write_refusal(turn, question.version, grounds)
        return {**move, "moved": approve}

    return moved_by_hand(root, name, reason, decide)


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
    declined = list[Move]()
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

    move = in_turn(root, name, decide)
    if move is not None:
        refresh(root, [move["model"]])
    return move


def unanswered(question: Question) -> str:
    """Return the reason for declining a version that nobody has answered about."""
    return f"declined: nobody answered until {question.until:%Y-%m-%d %H:%M:%S} UTC"
