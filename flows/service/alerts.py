"""Automations that alert a person through a block of Prefect (Slack, mail, a webhook …)."""

from datetime import timedelta
from typing import Any

from flows.service.automations import find, put

EVENTS = {
    "seqclass.approval.needed",
    "seqclass.data.refused",
    "seqclass.decision.overdue",
    "seqclass.model.failed",
    "seqclass.model.refused",
    "seqclass.quality.dropped",
}
TOLD, CRASHED = "seqclass: tell of models and data", "seqclass: tell of crashed runs"
SUBJECT = "{{ event.event }}: {{ event.resource['prefect.resource.name'] }}"
WORDS = """{{ (event.payload.reasons or [event.payload.reason]) | join('; ') }}
{%- if event.payload.owner %} (owner: {{ event.payload.owner }}){% endif %}"""
CRASH = "{{ event.payload.validated_state.message }}"


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


def tell_nobody() -> list[str]:
    """Remove these automations; returns the names of the removed ones."""
    there = {name: found for name in (TOLD, CRASHED) if (found := find(name))}
    for automation in there.values():
        automation.delete()
    return list(there)


def _block_id(client: Any, block: str) -> Any:
    document = _document(client, block)
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


def _document(client: Any, block: str) -> Any:
    """Return the block of the server that ``type/name`` names, or None."""
    from prefect.exceptions import ObjectNotFound

    kind, _, name = block.partition("/")
    if not block.isprintable():
        return None
    try:
        return client.read_block_document_by_name(name, kind)
    except ObjectNotFound:
        return None


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
