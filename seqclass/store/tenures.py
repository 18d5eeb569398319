"""Tenures: the times between the moves of a model's champion."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest

from seqclass.store.audit import MOVES, read_audit
from seqclass.store.root import Damages, Root


@dataclass(frozen=True)
class Tenure:
    """A time in which one version was champion, and the move that began it; ``until`` is None while
    it lasts. Times are in UTC."""

    version: str
    since: datetime
    until: datetime | None
    what: str
    actor: str
    reason: str

    def overlaps(self, start: datetime, stop: datetime) -> bool:
        """Check whether it covers some time between the two."""
        return self.since < stop and (self.until is None or self.until > start)


def tenures_of(root: Root, name: str, bad: Damages | None = None) -> list[Tenure]:
    """Return tenures of a model's champions, oldest first; damaged entries are added to ``bad``."""
    moves = [
        (entry, datetime.fromisoformat(entry["time"]).astimezone(UTC))
        for entry in read_audit(root, name, bad) if entry["what"] in MOVES
    ]  # fmt: skip
    ends = [since for _, since in moves[1:]]
    return [
        Tenure(str(entry["to"]), since, until, entry["what"], entry["actor"], entry["reason"])
        for (entry, since), until in zip_longest(moves, ends)
    ]  # fmt: skip


def moments(argument: str, text: str) -> tuple[datetime, datetime]:
    """Return start and stop in UTC of the day or the moment in a text."""
    try:
        start = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            f"{argument}: expected a day such as 2026-05-03, or a time such as 2026-05-03T14:00, "
            f"got {text!r}; correct it"
        ) from error
    start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
    is_day = len(text) <= len("2026-05-03")
    return start, start + (timedelta(days=1) if is_day else timedelta(microseconds=1))
