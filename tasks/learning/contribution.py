"""What the LSTM adds: it alone, fixed convolutions alone and what is registered, row by row."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.learning.metrics import seed_scores
from tasks.learning.votes import lead_of

CONVOLUTIONS = "convolutions"


def contribution_of(
    members: Sequence[dict[str, Any]], alone: np.ndarray, answers: np.ndarray, y: np.ndarray
) -> dict[str, Any]:
    """Test scores of each member alone, and what is registered beside two of them.

    members: records of the trained ones, in the order of ``alone (n, members, classes)``; answers:
    class codes ``(n,)`` of what is registered; y: true codes ``(n,)``.
    """
    scored = [
        {**member, "test": seed_scores(alone[:, number], y)}
        for number, member in enumerate(members)
    ]
    right = answers == y
    beside = {
        member["name"]: lead_of(right, alone[:, number].argmax(axis=1) == y)
        for number, member in enumerate(members)
    }
    return {"members": scored, "leads": beside, "lstm": lstm_sentence(members, beside)}


def lstm_sentence(members: Sequence[dict[str, Any]], leads: dict[str, dict[str, Any]]) -> str:
    """In one sentence, whether the LSTM adds anything here."""
    recurrent = [member["weight"] for member in members if "lstm" in member["name"]]
    if not recurrent:
        return (
            "No LSTM was trained: rows held back say that there is nothing left to learn, or there "
            "was no time, or it was not asked for."
        )
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
