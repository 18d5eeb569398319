"""Events that other flows and people may wait for.

``seqclass.model.promoted``, ``seqclass.model.refused``, ``seqclass.model.rolled-back``,
``seqclass.drift.detected`` and ``seqclass.quality.dropped``, each about the resource
``seqclass.model.<name>``, with what was decided and why in the payload.
"""

from typing import Any

from prefect import task
from prefect.events import emit_event

from storage.registry import open_model
from storage.root import open_root

EVENTS = {"promoted": "seqclass.model.promoted", "refused": "seqclass.model.refused"}


def announce_move(event: str, model: str, payload: dict[str, Any]) -> None:
    """model: a reference, whose name is the resource."""
    name = model.removeprefix("models/").partition("@")[0]
    resource = {"prefect.resource.id": f"seqclass.model.{name}", "prefect.resource.name": model}
    emit_event(event, resource, payload=payload)


@task(name="announce")
def announce(outcome: dict[str, Any], root_url: str) -> None:
    """Emit the events of a retraining."""
    keys = ("decision", "reasons", "champion", "challenger", "dataset", "new_rows", "folder")
    payload = {key: outcome.get(key) for key in keys}
    model = open_model(open_root(root_url), outcome["model"]).ref
    if outcome["decision"] in EVENTS:
        announce_move(EVENTS[outcome["decision"]], model, payload)
    if outcome.get("quality") and outcome["quality"]["dropped"]:
        announce_move("seqclass.quality.dropped", model, {**payload, "seen": outcome["seen"]})
    if outcome.get("drift") and outcome["drift"]["drifted"]:
        announce_move("seqclass.drift.detected", model, {**payload, "seen": outcome["seen"]})
