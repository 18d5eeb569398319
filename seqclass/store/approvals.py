"""Approvals: a version that passed the gate waits in the log for a person's answer.

A question is an entry of the log, so it survives every process, server and machine. It is open
until a later entry moves the champion, refuses the version, or asks about another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from seqclass.store.log import Entry, Turn, entry_name, read_entry, state_of
from seqclass.store.references import ModelRef
from seqclass.store.registry import MoveReason, write_remark
from seqclass.store.root import DamagedError, Root
from seqclass.store.states import ASK

UNTIL = "until"
"""Key in a question's evidence: the time (ISO 8601) after which it counts as declined."""


@dataclass(frozen=True)
class Question:
    """An open question: the number of the log's entry that asks it, the version, why it passed, the
    deadline, and the time at which it was asked."""

    number: int
    version: str
    reason: str
    until: datetime
    asked: datetime

    def is_over(self, now: datetime) -> bool:
        """Check whether the time to answer has passed."""
        return now > self.until

    @property
    def words(self) -> str:
        """The version that awaits approval, and the deadline, in words."""
        return f"{self.version} awaits approval until {self.until:%Y-%m-%d %H:%M:%S} UTC"


def how_to_answer(name: str, question: Question) -> str:
    """Return the version that awaits approval and the command that answers, in words."""
    command = f"'seqclass approve {name}@{question.version} --reason WHY'"
    return f"{question.words}: {command}, or decline"


def open_question(root: Root, name: str) -> Question | None:
    """Return the open question about a model, or None; DamagedError if it can't be read."""
    return question_of_entry(root, name, state_of(root, name)["question"])


def question_of_entry(root: Root, name: str, number: int | None) -> Question | None:
    """Return the question that an entry of the log asks; None without an entry."""
    return None if number is None else _question(read_entry(root, name, entry_name(number)))


def question_about(root: Root, ref: str) -> Question | None:
    """Return the open question whether to approve a version, or None if it awaits no approval."""
    reference = ModelRef.parse(ref)
    question = open_question(root, reference.name)
    return question if question and question.version == reference.version else None


def _question(entry: Entry) -> Question:
    record = entry.record
    try:
        until = datetime.fromisoformat(record["evidence"][UNTIL]).astimezone(UTC)
        asked = datetime.fromisoformat(record["time"]).astimezone(UTC)
        return Question(entry.number, record["candidate"], str(record["reason"]), until, asked)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedError(
            f"{entry.path}: expected a question with its version and until when it waits, got "
            f"another record ({error}); restore the file"
        ) from error


def ask(turn: Turn, version: str, grounds: MoveReason, until: datetime) -> Question:
    """Ask whether this version may become champion; returns the question."""
    evidence = with_until(grounds.evidence, until)
    entry = write_remark(turn, ASK, replace(grounds, evidence=evidence), version)
    asked = datetime.fromisoformat(entry["time"])
    return Question(turn.number, version, grounds.reason, until, asked)


def with_until(evidence: Mapping[str, Any], until: datetime) -> dict[str, Any]:
    """Return the evidence of a question with its deadline."""
    return {**evidence, UNTIL: until.isoformat()}
