"""The registry: which version of a model is champion, by its log, and the tenures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

from seqclass.store.log import Turn, read_log, state_of
from seqclass.store.models import COMPARISON, Model, model_versions, read_model, removed_by
from seqclass.store.record_types import LogDecision, LogEntry
from seqclass.store.references import ModelRef
from seqclass.store.root import DamagedError, Damages, Root, no_such, printable
from seqclass.store.states import ASK, DELETE, MOVES, REFUSE

CHAMPION = "champion"
"""The alias of the champion."""
LONGEST_REASON = 4000
Evidence = Mapping[str, Any]
"""The facts that a decision rests on, as JSON."""
ENDS = {ASK: "awaits approval", REFUSE: "was refused"}


def champion_of(root: Root, name: str) -> str | None:
    """Return the champion's version, or None without a champion."""
    return state_of(root, name)["champion"]


def open_model(root: Root, ref: str) -> Model:
    """Find ``models/<name>@<version or alias>``; a bare name means its champion.

    Without a champion, the error says why.
    """
    reference = ModelRef.parse(ref)
    name, version = reference.name, reference.version
    versions = model_versions(root, name)
    if versions and version in ("", CHAMPION):
        version = need_champion(root, name, takes_version=True)
    if version in versions:
        return read_model(root, name, version)
    raise _unknown(root, ref, takes_version=True)


def need_champion(root: Root, name: str, takes_version: bool = False) -> str:
    """Return the champion's version; without one, ValueError says why, and how to go on."""
    version = champion_of(root, check_model(root, name, takes_version))
    if version is None:
        raise no_champion(root, name, takes_version)
    return version


def open_version(root: Root, ref: str) -> Model:
    """Open the version of a reference with a number or alias; a bare name is refused."""
    if not ModelRef.parse(ref).version:
        raise ValueError(
            f"MODEL: expected a version to promote, NAME@vN, got {ref!r}; 'seqclass models' lists "
            "them"
        )
    return open_model(root, ref)


def check_rollback(root: Root, ref: str) -> str:
    """Return the name of a model that can be rolled back; a reference to a version is refused."""
    return check_model(root, plain_name(ref, "the champion before this one"))


def plain_name(ref: str, instead: str) -> str:
    """Return the name of a model, for commands that take no version."""
    name = ModelRef.parse(ref).name
    if "@" in ref:
        raise ValueError(
            f"MODEL: expected a name without a version, since {instead} is taken, got {ref!r}; "
            f"write {name}"
        )
    return name


def check_model(root: Root, name: str, takes_version: bool = False) -> str:
    """Return the name of a model that has a version, sound or not."""
    if not model_versions(root, name):
        raise _unknown(root, name, takes_version)
    return name


def _unknown(root: Root, ref: str, takes_version: bool) -> ValueError:
    references = [ModelRef(n, v) for n in root.names("models") for v in model_versions(root, n)]
    shown = (reference.short if takes_version else reference.name for reference in references)
    return no_such(root, "models", ref, dict.fromkeys(shown))


@dataclass(frozen=True)
class MoveReason:
    """The person or process that decided about a champion, the reason and the evidence.

    now: a simulated time; None takes the moment at which the entry is written. retraining: the
    folder of the retraining that decided, if one did.
    """

    actor: str
    reason: str
    evidence: Evidence
    now: datetime | None = None
    retraining: str | None = None

    def entry(self, what: str, before: str | None, after: str | None) -> LogDecision:
        """Return this decision as the log records it."""
        record: LogDecision = {
            "what": what,
            "from": before,
            "to": after,
            "actor": self.actor,
            "reason": self.reason,
            "evidence": self.evidence,
        }
        if self.retraining is not None:
            record["retraining"] = self.retraining
        return record

    def __post_init__(self) -> None:
        """Remove characters that control a terminal or change the direction of a page's text."""
        object.__setattr__(self, "reason", printable(self.reason, LONGEST_REASON))


def move_champion(turn: Turn, version: str, grounds: MoveReason, what: str = "promote") -> None:
    """Make a version the champion by an entry of the log, ``promote`` or ``rollback``.

    A version that a pruning removes, or whose files are not those of its manifest, is refused with
    DamagedError.
    """
    if version in removed_by(read_log(turn.root, turn.name)):
        raise DamagedError(
            f"models/{turn.name}/{version}: expected a version that stays, it is being removed"
        )
    read_model(turn.root, turn.name, version).check()
    before = turn.state["champion"]
    turn.append(grounds.entry(what, before, version), grounds.now)


def end_champion(turn: Turn, grounds: MoveReason) -> None:
    """Leave a model without a champion, since its versions are deleted.

    The entry is about the newest version. It ends the model's policy and pause as well.
    """
    before = turn.state["champion"]
    newest = model_versions(turn.root, turn.name)[-1]
    turn.append({**grounds.entry(DELETE, before, None), "candidate": newest}, grounds.now)


def is_deleted(root: Root, name: str) -> bool:
    """Check whether a model was deleted, and no version came since."""
    return state_of(root, name)["deleted"]


def previous_champion(root: Root, name: str) -> str | None:
    """Return the version that the present champion replaced; None if it was the first."""
    return next(champions_before(root, name), None)


def champions_before(root: Root, name: str) -> Iterator[str]:
    """Yield the versions to which rollbacks lead, one after the other, each once."""
    versions, moves = (
        model_versions(root, name),
        [entry for entry in read_log(root, name) if entry["what"] == "promote"],
    )
    current, seen = champion_of(root, name), set[str | None]()
    while current not in seen:
        seen.add(current)
        before = [entry["from"] for entry in moves if entry["to"] == current]
        if not before or before[-1] not in versions:
            return
        current = before[-1]
        yield current


def is_decided(root: Root, name: str, version: str) -> bool:
    """Check whether a version was champion, was refused, or was asked about."""
    return any(
        entry["to"] == version
        if entry["what"] in MOVES
        else entry["what"] in ENDS and entry.get("candidate") == version
        for entry in read_log(root, name)
    )


def write_refusal(turn: Turn, version: str, grounds: MoveReason) -> None:
    """Leave an entry of a refused version; the champion stays."""
    write_remark(turn, REFUSE, grounds, version)


def write_remark(
    turn: Turn, what: str, grounds: MoveReason, candidate: str | None = None
) -> LogEntry:
    """Leave an entry that moves no champion, about a ``candidate`` or about the model."""
    champion = turn.state["champion"]
    record = grounds.entry(what, champion, champion)
    if candidate is not None:
        record["candidate"] = candidate
    return turn.append(record, grounds.now)


def no_champion(root: Root, name: str, takes_version: bool) -> ValueError:
    """Return the error of a command that needs a champion, for a model that has versions but none.

    takes_version: whether the command would accept one of these versions instead.
    """
    newest = ModelRef(name, model_versions(root, name)[-1])
    what, why = _last_decision(root, newest)
    by_hand = f"'seqclass promote {newest.short} --force --reason WHY'"
    answer = f"'seqclass approve {newest.short} --reason WHY'"
    steps = [f"name a version ({newest.short})"] if takes_version else []
    steps += [answer] if what == ASK else ["train again with more series", by_hand]
    return ValueError(
        f"MODEL: expected a model with a champion, got {name!r}, whose {newest.version} "
        f"{ENDS.get(what, 'was not promoted')}{f' ({why})' if why else ''}; "
        f"{', or '.join(steps)}"
    )


def _last_decision(root: Root, newest: ModelRef) -> tuple[str, str]:
    """Return the last decision about a version and its reason, from log or version.

    A training that ended before its decision left no entry in the log.
    """
    for entry in reversed(read_log(root, newest.name)):
        if entry.get("candidate") == newest.version and entry["what"] in ENDS:
            return entry["what"], entry["reason"]
    version = read_model(root, newest.name, newest.version)
    reasons = version.read_json(COMPARISON)["reasons"] or [version.manifest["refused"] or ""]
    return (REFUSE if reasons[0] else ""), "; ".join(map(str, reasons))


def refusal_of_newest(root: Root, name: str) -> str | None:
    """Return why the newest version was refused; None if it was not, or can't be read."""
    try:
        what, why = _last_decision(root, ModelRef(name, model_versions(root, name)[-1]))
    except (DamagedError, OSError, IndexError):  # verify tells of it
        return None
    return why if what == REFUSE else None


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
        for entry in read_log(root, name, bad) if entry["what"] in MOVES
    ]  # fmt: skip
    ends = [since for _, since in moves[1:]]
    return [
        Tenure(entry["to"], since, until, entry["what"], entry["actor"], entry["reason"])
        for (entry, since), until in zip_longest(moves, ends)
        if entry["to"] is not None
    ]  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """A version that did not become champion. what: ``refuse``, ``decline`` as the answer to a
    question for approval, or ``delete`` if all versions up to it were deleted. time: in UTC."""

    version: str
    time: datetime
    what: str
    actor: str
    reason: str


def refusals_of(root: Root, name: str) -> list[Refusal]:
    """Return refusals and deletions of a model's versions, oldest first; damaged entries are left
    out."""
    return [
        Refusal(
            str(entry.get("candidate")),
            datetime.fromisoformat(entry["time"]).astimezone(UTC),
            "decline" if "question" in entry["evidence"] else entry["what"],
            entry["actor"],
            entry["reason"],
        )
        for entry in read_log(root, name, Damages())
        if entry["what"] in (REFUSE, DELETE)
    ]


def moments(argument: str, text: str) -> tuple[datetime, datetime]:
    """Return start and stop in UTC of the day or the moment in a text."""
    length = timedelta(days=1) if len(text) <= len("2026-05-03") else timedelta(microseconds=1)
    try:
        start = datetime.fromisoformat(text)
        start = start.replace(tzinfo=UTC) if start.tzinfo is None else start.astimezone(UTC)
        return start, start + length
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{argument}: expected a day such as 2026-05-03, or a time such as 2026-05-03T14:00, "
            f"got {text!r}; correct it"
        ) from error
