"""The registry: aliases that point at model versions, an audit of the moves, and the tenures."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

from seqclass.store.audit import ASK, DELETE, MOVES, REFUSE, read_audit, write_audit
from seqclass.store.inventory import digest_of, listing
from seqclass.store.kept_records import AuditDecision, AuditEntry, Pointer
from seqclass.store.models import COMPARISON, Model, model_versions, read_model
from seqclass.store.references import ModelRef
from seqclass.store.root import (
    DamagedError,
    Damages,
    Root,
    did_you_mean,
    parse_record,
    printable,
    see_file,
    swap_file,
)

CHAMPION = "champion"
LONGEST_REASON = 4000
Evidence = Mapping[str, Any]
"""The facts that a decision rests on, as JSON."""
ENDS = {ASK: "awaits approval", REFUSE: "was refused"}


def champion_of(root: Root, name: str) -> str | None:
    """Return the champion's version, or None without a champion."""
    return _pointer(root, name)[0]


def champion_since(root: Root, name: str) -> str | None:
    """Return since when (ISO 8601) the champion has been champion, or None without one."""
    version, since = _pointer(root, name)
    return since if version else None


def _pointer(root: Root, name: str) -> tuple[str | None, str | None]:
    """Return the champion's version and its start."""
    return _see_pointer(root, name)[0]


def _see_pointer(root: Root, name: str) -> tuple[tuple[str | None, str | None], str]:
    """Return the pointer, and the tag by which it can be replaced."""
    path = _place(root, name)
    content, tag = see_file(root, path)
    if content is None:
        return (None, None), tag
    found = parse_record(path, content, Pointer)
    return (found["version"], found.get("since")), tag


def _place(root: Root, name: str) -> str:
    return root.join("models", name, "aliases", f"{CHAMPION}.json")


def pointer_problem(root: Root, name: str) -> str | None:
    """Return why the pointer's champion can't be right, or None if the audit agrees."""
    pointer, moves = _pointer(root, name), [e for e in read_audit(root, name) if e["what"] in MOVES]
    if not moves:
        return f"points at {pointer[0]}, and no entry of the audit says so" if pointer[0] else None
    last = moves[-1]
    if pointer in ((last["to"], last["time"]), (last["from"], last.get("from_since"))):
        return None  # the latter is a move that was cut short, which the next one ends
    return f"points at {pointer[0]} since {pointer[1]}, the audit says {last['to']}"


def open_model(root: Root, ref: str) -> Model:
    """Find ``models/<name>@<version or alias>``; a bare name means its champion.

    Without a champion, the error says why.
    """
    wanted = ModelRef.parse(ref)
    name, version, versions = wanted.name, wanted.version, model_versions(root, wanted.name)
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
    found = [ModelRef(n, v) for n in root.names("models") for v in model_versions(root, n)]
    known = dict.fromkeys(own.short if takes_version else own.name for own in found)
    meant = did_you_mean(ModelRef.parse(ref).name, root.names("models"))
    every = ", ".join(known) or f"the models in {root.url}, which has none (--root names another)"
    return ValueError(
        f"MODEL: expected one of {every}, got {ref!r}; {meant}'seqclass models' lists them"
    )


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

    def entry(self, what: str, before: str | None, after: str | None) -> AuditDecision:
        """Return this decision as the audit records it."""
        record: AuditDecision = {
            "what": what,
            "alias": CHAMPION,
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


def move_champion(
    root: Root, name: str, version: str, grounds: MoveReason, what: str = "promote"
) -> None:
    """Point the champion at a version and leave an audit entry, ``promote`` or ``rollback``.

    The entry is written first, so no move lacks one; a move that was interrupted is completed by
    ``finish_move``. The caller holds the model's folder with ``leases.locked`` from its comparison
    to this move. A version whose files are not those of its manifest is refused with DamagedError.
    """
    read_model(root, name, version).check()
    (before, since), tag = _see_pointer(root, name)
    record: AuditDecision = {**grounds.entry(what, before, version), "from_since": since}
    _point(root, name, write_audit(root, name, record, grounds.now), tag)


def end_champion(root: Root, name: str, grounds: MoveReason) -> None:
    """Leave a model without a champion, since its versions are deleted, by an audit entry.

    The entry is about the newest version. The caller holds the model's folder.
    """
    (before, since), tag = _see_pointer(root, name)
    record: AuditDecision = {
        **grounds.entry(DELETE, before, None),
        "from_since": since,
        "candidate": model_versions(root, name)[-1],
    }
    _point(root, name, write_audit(root, name, record, grounds.now), tag)


def is_deleted(root: Root, name: str) -> bool:
    """Check whether the audit says that a model was deleted, and no version came since."""
    moves = [entry for entry in read_audit(root, name) if entry["what"] in MOVES]
    if not moves or moves[-1]["what"] != DELETE or pointer_problem(root, name):
        return False
    return model_versions(root, name)[-1:] in ([], [moves[-1].get("candidate")])


def _point(root: Root, name: str, entry: AuditEntry, tag: str) -> None:
    """Replace the pointer that was read; if it has changed, another process has ended this move."""
    pointer = json.dumps({"version": entry["to"], "since": entry["time"]}, indent=2).encode()
    path = _place(root, name)
    with listing(root, tuple(root.parts_of(path)), digest_of(pointer)):
        swap_file(root, path, pointer, tag)


def finish_move(root: Root, name: str) -> AuditEntry | None:
    """Complete a move that was interrupted after its audit entry, and return that entry.

    Such an entry starts from the pointer that is still there. If there is none, the last move
    counts: it was the first one, or the pointer was lost. The caller holds the model's folder.
    """
    pointer, tag = _see_pointer(root, name)
    moves = [e for e in read_audit(root, name) if e["what"] in MOVES and "from_since" in e]
    lost = pointer == (None, None)
    for entry in moves[-1:] if lost else moves:
        if lost or (entry["from"], entry["from_since"]) == pointer:
            _point(root, name, entry, tag)
            return entry
    return None


def previous_champion(root: Root, name: str) -> str | None:
    """Return the version that the present champion replaced; None if it was the first."""
    return next(champions_before(root, name), None)


def champions_before(root: Root, name: str) -> Iterator[str]:
    """Yield the versions to which rollbacks lead, one after the other, each once."""
    versions, moves = (
        model_versions(root, name),
        [entry for entry in read_audit(root, name) if entry["what"] == "promote"],
    )
    current, seen = champion_of(root, name), set[str | None]()
    while current not in seen:
        seen.add(current)
        before = [entry["from"] for entry in moves if entry["to"] == current]
        if not before or before[-1] not in versions:
            return
        current = before[-1]
        yield current


def write_refusal(root: Root, name: str, version: str, grounds: MoveReason) -> None:
    """Leave an audit entry of a refused version; the champion stays."""
    write_remark(root, name, REFUSE, grounds, version)


def write_remark(
    root: Root, name: str, what: str, grounds: MoveReason, candidate: str | None = None
) -> None:
    """Leave an audit entry that moves no champion, about a ``candidate`` or about the model.

    The caller holds the model's folder.
    """
    champion = champion_of(root, name)
    record = grounds.entry(what, champion, champion)
    if candidate is not None:
        record["candidate"] = candidate
    write_audit(root, name, record, grounds.now)


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
    """Return the last decision about a version and its reason, from audit or version.

    A training that an older release refused left no entry in the audit.
    """
    for entry in reversed(read_audit(root, newest.name)):
        if entry.get("candidate") == newest.version and entry["what"] in ENDS:
            return entry["what"], entry["reason"]
    version = read_model(root, newest.name, newest.version)
    stored = version.read_json(COMPARISON) if version.has(COMPARISON) else {}
    reasons = stored.get("reasons") or [version.manifest["refused"] or ""]
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
        for entry in read_audit(root, name, bad) if entry["what"] in MOVES
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
        for entry in read_audit(root, name, Damages())
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
