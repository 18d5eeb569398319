"""Automations that a server needs beside those of prefect.yaml.

They end runs that died silently, and alert a person through a block of Prefect (Slack, mail, a
webhook …).
"""

import contextlib
from datetime import timedelta
from typing import Any

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

EVENTS = {
    "seqclass.approval.needed",
    "seqclass.data.refused",
    "seqclass.decision.overdue",
    "seqclass.model.failed",
    "seqclass.model.refused",
    "seqclass.quality.dropped",
}
TOLD, CRASHED = "seqclass: tell of models and data", "seqclass: tell of crashed runs"
SUBJECT = """{{ event.event }}:
{{- ' ' ~ (event.payload.challenger or event.resource['prefect.resource.name']) }}"""
WORDS = """{{ (event.payload.reasons or [event.payload.reason]) | join('; ') }}
{%- if event.payload.owner %} (owner: {{ event.payload.owner }}){% endif %}"""
CRASH = "{{ event.payload.validated_state.message }}"
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
    automations = [
        _crash(SILENT, BEAT, ENDS | {BEAT}, silence_s, flows, "no heartbeat came in time"),
        _crash(STUCK, PENDING, BEGINS | ENDS, pending_s, flows, "it never began"),
    ]
    for automation in automations:
        put(automation)
    return [automation.name for automation in automations]


def _crash(
    name: str, after: str, expect: set[str], within_s: float, flows: list[str], why: str
) -> Any:
    """Return an automation that ends runs without an expected event within so many seconds."""
    from prefect.automations import Automation
    from prefect.client.schemas.objects import StateType
    from prefect.events.actions import ChangeFlowRunState
    from prefect.events.schemas.automations import EventTrigger, Posture

    trigger = EventTrigger(
        after={after}, expect=expect,
        match={"prefect.resource.id": ["prefect.flow-run.*"]},
        match_related={"prefect.resource.id": [f"prefect.flow.{flow}" for flow in flows]},
        for_each={"prefect.resource.id"}, posture=Posture.Proactive, threshold=1,
        within=timedelta(seconds=within_s),
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


def tell_through(client: Any, block: str, flows: list[str]) -> list[str]:
    """Create or renew the automations that send alerts; returns their names.

    block: ``type/name`` of a notification block. flows: ids of those whose crashes are reported.
    """
    block_id = _block_id(client, block)
    related = {"prefect.resource.id": [f"prefect.flow.{flow}" for flow in flows]}
    put(_alert(TOLD, {"expect": EVENTS, "match": {"prefect.resource.id": "seqclass.*"}},
               block_id, WORDS))  # fmt: skip
    put(_alert(CRASHED, {"expect": {"prefect.flow-run.Crashed"}, "match_related": related},
               block_id, CRASH))  # fmt: skip
    return [TOLD, CRASHED]


def alerting() -> dict[str, Any]:
    """Return the automations that send alerts, by name."""
    return {name: automation for name in (TOLD, CRASHED) if (automation := find(name))}


def tell_nobody() -> list[str]:
    """Remove the automations that send alerts; returns the names of the removed ones."""
    there = alerting()
    for automation in there.values():
        automation.delete()
    return list(there)


def _block_id(client: Any, block: str) -> Any:
    from prefect.exceptions import ObjectNotFound

    document = None
    if block.isprintable():
        kind, _, name = block.partition("/")
        with contextlib.suppress(ObjectNotFound):
            document = client.read_block_document_by_name(name, kind)
    if document is None or "notify" not in document.block_schema.capabilities:
        raise ValueError(
            f"BLOCK: expected TYPE/NAME of a notification block that the server has, such as "
            f"slack-webhook/ops, got {block!r}; make it in the UI, under Blocks"
        )
    if block.startswith("custom-webhook/") and not _is_web_address(document.data["url"]):
        raise ValueError(
            f"BLOCK: expected a webhook whose address begins with http:// or https://, got "
            f"{block!r} with another; correct it in the UI, under Blocks"
        )
    return document.id


def _is_web_address(address: str) -> bool:
    """Check the form of a webhook's address; one with ``{{`` gets parts of it from secrets."""
    import httpx

    try:
        url = httpx.URL(address)
    except httpx.InvalidURL:
        return False
    return "{{" in address or (url.scheme in ("http", "https") and bool(url.host))


def _alert(name: str, event: dict[str, Any], block_id: Any, body: str) -> Any:
    from prefect.automations import Automation
    from prefect.events.actions import SendNotification
    from prefect.events.schemas.automations import EventTrigger, Posture

    trigger = EventTrigger(**event, posture=Posture.Reactive, threshold=1, within=timedelta(0))
    action = SendNotification(block_document_id=block_id, subject=SUBJECT, body=body)
    return Automation(name=name, trigger=trigger, actions=[action])
