"""The LSTM alone compared with the committee: the gain from the other members, row by row."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.intervals import Lead, lead_of, mean_lead
from seqclass.evaluation.metrics import HIGHEST, row_losses, seed_scores

LSTM: Final = "conv-lstm"
"""The member that every training trains, and that reports name."""


class MemberRecord(TypedDict):
    """The record that a training keeps of a member.

    name: of the member. weight: its share of the committee's answer. registered: its share of the
    registered answer. rows: number of held-back rows that it has answered. accuracy, log_loss: on
    these, null if it was not trained. networks: number of its networks. updates: of all of them.
    seconds: of its training. why: a reason that it was left out or ended early, or null. seen:
    number of the rows that its first network learnt from. limit: most updates of a network.
    """

    name: str
    weight: float
    registered: float
    rows: int
    accuracy: float | None
    log_loss: float | None
    networks: int
    updates: int
    seconds: float
    why: str | None
    seen: int
    limit: int


class TestedMember(MemberRecord):
    """A member with its own scores on the test rows. test: these scores."""

    test: dict[str, float]


class Addition(TypedDict):
    """The lead of the committee over the LSTM alone on the same test rows.

    test: the committee's scores. accuracy, log_loss: the lead, positive if the committee is better.
    """

    test: dict[str, float]
    accuracy: Lead
    log_loss: Lead


class Contribution(TypedDict):
    """Every trained member alone, and the lead of the registered classifier over each.

    members: their scores. leads: the lead in accuracy over each. adds: the lead of the committee
    over the LSTM alone, null without an LSTM. lstm: the same in words, and the registered
    classifier, in a sentence or two.
    """

    members: list[TestedMember]
    leads: dict[str, Lead]
    adds: Addition | None
    lstm: str


class CommitteeAnswers(TypedDict):
    """Answers to the same test rows.

    alone: probabilities ``(n, classes)`` of each member, by its name; committee: those of the
    committee; registered: class codes ``(n,)`` of the registered classifier; y: true codes
    ``(n,)``; groups: of the rows ``(n,)``, None if there are none.
    """

    alone: Mapping[str, np.ndarray]
    committee: np.ndarray
    registered: np.ndarray
    y: np.ndarray
    groups: np.ndarray | None


def trained_members(members: Sequence[MemberRecord]) -> list[MemberRecord]:
    """Return the records of the members that were trained."""
    return [member for member in members if member["accuracy"] is not None]


def contribution_of(members: Sequence[MemberRecord], answered: CommitteeAnswers) -> Contribution:
    """Score each trained member alone on the test rows, beside the registered classifier."""
    y, alone, groups = answered["y"], answered["alone"], answered["groups"]
    right = answered["registered"] == y
    trained = trained_members(members)
    adds, is_alike = None, False
    if LSTM in alone:
        adds = _addition(alone[LSTM], answered)
        is_alike = bool((alone[LSTM].argmax(1) == answered["committee"].argmax(1)).all())
    return {
        "members": [{**m, "test": seed_scores(alone[m["name"]], y)} for m in trained],
        "leads": {
            member["name"]: lead_of(right, alone[member["name"]].argmax(axis=1) == y, groups)
            for member in trained
        },
        "adds": adds,
        "lstm": lstm_sentence(members, adds, len(y) if is_alike else None),
    }


def _addition(lstm: np.ndarray, answered: CommitteeAnswers) -> Addition:
    committee, y, groups = answered["committee"], answered["y"], answered["groups"]
    return {
        "test": seed_scores(committee, y),
        "accuracy": lead_of(committee.argmax(axis=1) == y, lstm.argmax(axis=1) == y, groups),
        "log_loss": mean_lead(row_losses(lstm, y) - row_losses(committee, y), HIGHEST, groups),
    }


def lstm_sentence(
    members: Sequence[MemberRecord], adds: Addition | None, alike: int | None = None
) -> str:
    """Say whether the LSTM alone or the committee is registered, and what the committee adds.

    alike: the number of test rows, if both answer all of them alike.
    """
    lstm = next((member for member in trained_members(members) if member["name"] == LSTM), None)
    if lstm is None or adds is None:
        return "No LSTM was trained: the training spec names other members."
    if lstm["registered"] == 1:
        others = [member["name"] for member in trained_members(members) if member["name"] != LSTM]
        if not others:
            return "The LSTM alone is registered; no other member was trained."
        first = (
            f"The LSTM alone is registered: {lstm['rows']:,} held-back training rows can't tell it "
            "from the committee"
        )
    else:
        first = f"The committee is registered; the LSTM has {lstm['registered']:.0%} of its weight"
    if alike is not None:
        return f"{first}. On the {alike:,} test rows both answer alike."
    lead, (low, high) = adds["accuracy"]["lead"], adds["accuracy"]["interval"]
    if low > 0:
        verdict = "so it is better than the LSTM alone"
    elif high < 0:
        verdict = "so it is worse than the LSTM alone"
    else:
        verdict = "so the two can't be told apart"
    return (
        f"{first}. On the test rows the committee adds {lead:+.4f} in accuracy, 95% from "
        f"{low:+.4f} to {high:+.4f}, {verdict}."
    )
