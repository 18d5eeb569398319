"""What the LSTM adds: it alone, fixed convolutions alone and what is registered, row by row."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from seqclass.evaluation.metrics import seed_scores
from seqclass.evaluation.votes import Lead, lead_of

CONVOLUTIONS = "convolutions"


class MemberRecord(TypedDict):
    """What a training keeps of a member (``training.replica.MemberReport``)."""

    name: str
    weight: float
    accuracy: float | None
    log_loss: float | None
    networks: int
    seconds: float
    why: str | None


class TestedMember(MemberRecord):
    """A member with its own scores on the test rows."""

    test: dict[str, float]


class Contribution(TypedDict):
    """Every trained member alone, the lead of what is registered over each, and a sentence."""

    members: list[TestedMember]
    leads: dict[str, Lead]
    lstm: str


def trained_members(members: Sequence[MemberRecord]) -> list[MemberRecord]:
    """Records of the members that answer, in the order of their file."""
    return [member for member in members if member["accuracy"] is not None]


def contribution_of(
    members: Sequence[MemberRecord], alone: np.ndarray, answers: np.ndarray, y: np.ndarray
) -> Contribution:
    """Test scores of each trained member alone, and what is registered beside each.

    members: records of all; those that were trained are in the order of ``alone (n, members,
    classes)``; answers: class codes ``(n,)`` of what is registered; y: true codes ``(n,)``.
    """
    right, trained = answers == y, trained_members(members)
    scored: list[TestedMember] = [
        {**member, "test": seed_scores(alone[:, number], y)}
        for number, member in enumerate(trained)
    ]
    beside = {
        member["name"]: lead_of(right, alone[:, number].argmax(axis=1) == y)
        for number, member in enumerate(trained)
    }
    return {"members": scored, "leads": beside, "lstm": lstm_sentence(members, beside)}


def lstm_sentence(members: Sequence[MemberRecord], leads: dict[str, Lead]) -> str:
    """In one sentence, whether the LSTM adds anything here."""
    named = [member for member in members if "lstm" in member["name"]]
    recurrent = [member["weight"] for member in trained_members(named)]
    if not recurrent:
        why = {member["why"] for member in named}
        reason = "there was no time" if "no time" in why else "the others leave nothing to learn"
        return f"No LSTM was trained: {reason if why else 'none was asked for'}."
    share = sum(recurrent)
    if not share:
        return (
            "The LSTM adds nothing here: rows held back give it no weight, and what is registered "
            "answers without it."
        )
    if CONVOLUTIONS not in leads:
        return f"The LSTM has {share:.0%} of the answer."
    lead, (low, high) = leads[CONVOLUTIONS]["lead"], leads[CONVOLUTIONS]["interval"]
    interval = f"{lead:+.4f} in accuracy, 95% from {low:+.4f} to {high:+.4f}"
    if low > 0:
        verdict = "what is registered is better than fixed convolutions alone"
    elif high < 0:
        verdict = "what is registered is worse than fixed convolutions alone"
    else:
        verdict = "what is registered can't be told from fixed convolutions alone"
    return f"The LSTM has {share:.0%} of the answer, and {verdict} ({interval})."
