"""Automations that a server needs beside those of prefect.yaml, for runs that died silently."""

from datetime import timedelta
from typing import Any, NamedTuple

SILENT, STUCK = "seqclass: silent runs have crashed", "seqclass: runs that never began have crashed"
BEAT, PENDING = "prefect.flow-run.heartbeat", "prefect.flow-run.Pending"
NAMED = ("AwaitsApproval", "NothingNew", "Promoted", "Quarantined", "Refused", "TakenIn")
"""Final states that flows name themselves: events carry the name, not the type."""
ENDS = {
    f"prefect.flow-run.{state}"
    for state in ("Completed", "Failed", "Cancelled", "Crashed", "TimedOut", *NAMED)
}
BEGINS = {
    f"prefect.flow-run.{state}"
    for state in ("Running", "Retrying", "Scheduled", "AwaitingConcurrencySlot", "Cancelling")
}

IDENTITY = {
    "id",
    "owner_resource",
    "created",
    "updated",
    "actions_on_trigger",
    "actions_on_resolve",
}


def watch_runs(silence_s: float, pending_s: float, flows: list[str]) -> list[str]:
    """Create or renew the automations that end zombie runs; returns their names.

    silence_s: time without a heartbeat, at least three times the interval of heartbeats. flows: ids
    of the flows whose runs are watched; a heartbeat names no pool.
    """
    wanted = [
        _crash(SILENT, Silence(BEAT, ENDS | {BEAT}, silence_s), flows, "no heartbeat came in time"),
        _crash(STUCK, Silence(PENDING, BEGINS | ENDS, pending_s), flows, "it never began"),
    ]
    for automation in wanted:
        put(automation)
    return [automation.name for automation in wanted]


class Silence(NamedTuple):
    """A trigger: none of the expected events within this number of seconds after another event."""

    after: str
    expect: set[str]
    within_s: float


def _crash(name: str, silence: Silence, flows: list[str], why: str) -> Any:
    from prefect.automations import Automation
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import EventTrigger, Posture

    trigger = EventTrigger(
        after={silence.after}, expect=silence.expect,
        match={"prefect.resource.id": ["prefect.flow-run.*"]},
        match_related={"prefect.resource.id": [f"prefect.flow.{flow}" for flow in flows]},
        for_each={"prefect.resource.id"}, posture=Posture.Proactive, threshold=1,
        within=timedelta(seconds=silence.within_s),
    )  # fmt: skip
    action = ChangeFlowRunState(
        state=StateType.CRASHED, name=None, force=False, message=f"seqclass: {why}"
    )
    return Automation(name=name, trigger=trigger, actions=[action])


def put(automation: Any) -> None:
    """Create or renew an automation.

    An unchanged one is left alone: an update would forget which runs it is watching.
    """
    there = find(automation.name)
    if there is None:
        automation.create()
    elif _meaning(there) != _meaning(automation):
        automation.id = there.id
        automation.update()


def find(name: str) -> Any:
    """Return the automation of that name, or None."""
    from prefect import automations

    kind: Any = automations.Automation
    try:
        return kind.read(name=name)
    except ValueError:
        return None


def _meaning(automation: Any) -> dict[str, Any]:
    """Return an automation as JSON, without ids and times, with its sets sorted."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: plain(v) for k, v in value.items() if k not in IDENTITY}
        return sorted(map(plain, value), key=str) if isinstance(value, list) else value

    return plain(automation.model_dump(mode="json", exclude_none=True))
