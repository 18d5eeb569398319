"""Events for other flows and people.

``seqclass.model.promoted``, ``seqclass.model.refused``, ``seqclass.model.failed``,
``seqclass.model.rolled-back``, ``seqclass.approval.needed``, ``seqclass.decision.overdue``,
``seqclass.drift.detected`` and ``seqclass.quality.dropped``, each about the resource
``seqclass.model.<name>``, with the decision, its reasons and the model's owner in the payload.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

import pyarrow.parquet as pq
from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from seqclass.policies import policy_of
from seqclass.store.approvals import how_to_answer, question_about
from seqclass.store.references import ModelRef
from seqclass.store.registry import open_model
from seqclass.store.retrainings import DRIFT_TABLE, FAILED
from seqclass.store.root import DamagedError, Root, open_root
from tasks.registry.promote import Move
from tasks.registry.publish import artifact_key
from tasks.retraining.decision import AWAITS, Outcome

MAX_SHOWN = 20
NEEDED = "seqclass.approval.needed"
EVENTS = {
    AWAITS: NEEDED,
    "promoted": "seqclass.model.promoted",
    "refused": "seqclass.model.refused",
    FAILED: "seqclass.model.failed",
}

ALERTING = (AWAITS, "refused", FAILED)
"""Decisions whose events alert a person (``flows/service/automations.py``)."""


def announce_move(root: Root, event: str, model: str, payload: Mapping[str, Any]) -> None:
    """Emit an event about a model, with its owner. model: a reference, whose name is the
    resource."""
    name = ModelRef.parse(model).name
    resource = {"prefect.resource.id": f"seqclass.model.{name}", "prefect.resource.name": model}
    emit_event(event, resource, payload={**payload, "owner": _owner_of(root, name)})


def _owner_of(root: Root, name: str) -> str:
    """Return the owner by a model's policy; an empty text without one, or if it is damaged."""
    with contextlib.suppress(DamagedError):
        policy = policy_of(root, name)
        return policy.owner if policy else ""
    return ""


@task(name="ask for approval")
def announce_question(model_ref: str, root_url: str) -> None:
    """Emit ``seqclass.approval.needed`` if a person is asked about this version."""
    root, name = open_root(root_url), ModelRef.parse(model_ref).name
    if question := question_about(root, model_ref):
        reason = f"{question.reason}; {how_to_answer(name, question)}"
        announce_move(root, NEEDED, model_ref, {"reason": reason})


@task(name="announce answer")
def announce_answer(move: Move, reason: str, root_url: str) -> None:
    """Emit the event of a question that was answered, or that ended without an answer."""
    event = EVENTS["promoted" if move["moved"] else "refused"]
    announce_move(open_root(root_url), event, move["model"], {**move, "reason": reason})


@task(name="announce decision")
def announce_by_hand(event: str, move: Move, reason: str, root_url: str) -> None:
    """Emit the event of a person's move of the champion."""
    if move["moved"]:
        announce_move(open_root(root_url), event, move["model"], {**move, "reason": reason})


@task(name="announce")
def announce(outcome: Outcome, root_url: str) -> None:
    """Emit the events of a retraining, and show it as the artifact ``<name>-retraining``.

    A drop of quality has an event of its own only if the decision alerts nobody; else the
    decision's reasons tell it.
    """
    keys = ("decision", "reasons", "champion", "challenger", "dataset", "new_rows", "folder")
    root = open_root(root_url)
    model = open_model(root, outcome["model"])
    payload = {key: outcome.get(key) for key in keys}
    if outcome.get("folder"):
        key = f"{artifact_key(model.name)}-retraining"
        create_markdown_artifact(_summary(root, outcome), key)
    quality, drift = outcome.get("quality"), outcome.get("drift")
    dropped = bool(quality and quality["dropped"])
    seen = {**payload, "seen": outcome.get("seen")}
    alerts = outcome["decision"] in ALERTING
    if dropped and alerts:
        payload["reasons"] = [*outcome["reasons"], *outcome["seen"]]
    if outcome["decision"] in EVENTS:
        announce_move(root, EVENTS[outcome["decision"]], model.ref, payload)
    if dropped and not alerts:
        announce_move(root, "seqclass.quality.dropped", model.ref, seen)
    if drift and drift["drifted"]:
        announce_move(root, "seqclass.drift.detected", model.ref, seen)


def _summary(root: Root, outcome: Outcome) -> str:
    lines = [f"# {outcome['model']}: {outcome['decision']}", ""]
    lines += [f"- {words}" for words in (*outcome["reasons"], *outcome["seen"])]
    path = f"{outcome['folder']}/{DRIFT_TABLE}"
    if not root.fs.exists(path):
        return "\n".join(lines)
    with root.fs.open(path, "rb") as file:
        table = pq.read_table(file).to_pylist()
    head = ["", "| | shift | PSI | Wasserstein | p (Holm) | drifted |", "|---|---|---|---|---|---|"]
    rows = [
        f"| {row['what']} | {row['shift']:.3f} | {row['stability_index']:.3f} | "
        f"{row['distance']:.3f} | {row['adjusted_p']:.2g} | {'yes' if row['drifted'] else ''} |"
        for row in table[:MAX_SHOWN]
    ]
    return "\n".join([*lines, *head, *rows])
