"""Events for other flows and people.

``seqclass.data.arrived`` and ``seqclass.data.refused``, each about the resource
``seqclass.dataset.<name>``, with the rows that were added, or the file and the reason; and
``seqclass.model.promoted``, ``seqclass.model.refused``, ``seqclass.model.failed``,
``seqclass.model.rolled-back``, ``seqclass.approval.needed``, ``seqclass.decision.overdue``,
``seqclass.drift.detected`` and ``seqclass.quality.dropped``, each about the resource
``seqclass.model.<name>``, with the decision, its reasons and the model's owner in the payload.
"""

import contextlib
import threading
from collections.abc import Mapping
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event
from prefect.events.worker import EventsWorker

from seqclass.pipeline.decision import AWAITS, Outcome
from seqclass.pipeline.overdue import Due
from seqclass.pipeline.promote import Move
from seqclass.policies import policy_of
from seqclass.store.approvals import how_to_answer, question_about
from seqclass.store.manifests import known_dataset
from seqclass.store.models import read_model
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.registry import champion_of, open_model
from seqclass.store.retrainings import DRIFT_TABLE, FAILED, note_told
from seqclass.store.root import DamagedError, Root
from seqclass.store.tables import read_table
from seqclass.tasks.compute.artifacts import artifact_key

MAX_SHOWN = 20
ARRIVED, REFUSED = "seqclass.data.arrived", "seqclass.data.refused"
LONGEST_WAIT_S = 30.0
"""Seconds to wait until the server has an event, before the work goes on without it."""

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
def announce_question(model_ref: str, root: Root) -> None:
    """Emit ``seqclass.approval.needed`` if a person is asked about this version."""
    name = ModelRef.parse(model_ref).name
    if question := question_about(root, model_ref):
        reason = f"{question.reason}; {how_to_answer(name, question)}"
        announce_move(root, NEEDED, model_ref, {"reason": reason})


@task(name="announce answer")
def announce_answer(move: Move, reason: str, root: Root) -> None:
    """Emit the event of a question that was answered, or that ended without an answer."""
    event = EVENTS["promoted" if move["moved"] else "refused"]
    announce_move(root, event, move["model"], {**move, "reason": reason})


@task(name="announce decision")
def announce_by_hand(event: str, move: Move, reason: str, root: Root) -> None:
    """Emit the event of a person's move of the champion."""
    if move["moved"]:
        announce_move(root, event, move["model"], {**move, "reason": reason})


@task(name="announce")
def announce(outcome: Outcome, root: Root) -> None:
    """Emit the events of a retraining, and show it as the artifact ``<name>-retraining``.

    A drop of quality has an event of its own only if the decision alerts nobody; else the
    decision's reasons tell it.
    """
    keys = ("decision", "reasons", "champion", "challenger", "dataset", "new_rows", "folder")
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
    table = read_table(root, path).to_pylist()
    head = ["", "| | shift | PSI | Wasserstein | p (Holm) | drifted |", "|---|---|---|---|---|---|"]
    rows = [
        f"| {row['what']} | {row['shift']:.3f} | {row['stability_index']:.3f} | "
        f"{row['distance']:.3f} | {row['adjusted_p']:.2g} | {'yes' if row['drifted'] else ''} |"
        for row in table[:MAX_SHOWN]
    ]
    return "\n".join([*lines, *head, *rows])


@task(name="tell of overdue decisions")
def tell_overdue(due: Due, root: Root) -> None:
    """Emit ``seqclass.decision.overdue`` for each model with an overdue decision, once."""
    for name, payload in due.overdue.items():
        announce_move(root, "seqclass.decision.overdue", f"models/{name}", payload)
        with contextlib.suppress(OSError):  # it is told again
            note_told(root, name, payload["dataset"])


@task(name="notify")
def notify(dataset: str, added: int, root: Root) -> None:
    """Announce that rows were added to a dataset, so that its models are trained again."""
    announce_arrival(root, dataset, added)


def models_of(root: Root, dataset: str) -> list[str]:
    """Return names of the models whose champion was trained on a version of a dataset's name."""
    return [name for name in root.names("models") if _learnt_from(root, name) == _name(dataset)]


def _learnt_from(root: Root, name: str) -> str | None:
    """Return the name of the dataset that a champion was trained on; None if that can't be read."""
    try:
        version = champion_of(root, name)
        return version and _name(known_dataset(read_model(root, name, version).manifest))
    except (ValueError, KeyError):
        return None


def _name(dataset: str) -> str:
    return DatasetRef.parse(dataset).name


def announce_arrival(root: Root, dataset: str, added: int) -> None:
    """Emit ``seqclass.data.arrived`` for each model of the dataset, or once without a model.

    The payload names the dataset's version, the number of added rows, the model and the root.
    """
    payload = {"dataset": dataset, "added": added, "root": root.url}
    models = models_of(root, dataset)
    for model in models:
        related = [{"prefect.resource.id": f"seqclass.model.{model}",
                    "prefect.resource.role": "model"}]  # fmt: skip
        _emit(ARRIVED, _name(dataset), {**payload, "model": model}, related)
    if not models:
        _emit(ARRIVED, _name(dataset), payload, [])
    _wait_until_sent()


def announce_refusal(root: Root, name: str, file: str, reason: str) -> None:
    """Emit ``seqclass.data.refused``: a file went to quarantine."""
    _emit(REFUSED, name, {"file": file, "reason": reason, "root": root.url}, [])


def _emit(event: str, name: str, payload: dict[str, Any], related: list[dict[str, str]]) -> None:
    resource = {"prefect.resource.id": f"seqclass.dataset.{name}", "prefect.resource.name": name}
    emit_event(event, resource, related=related, payload=payload)


def _wait_until_sent() -> None:
    """Wait until events, which are sent in the background, have left this process."""
    waiting = threading.Thread(target=EventsWorker.instance().wait_until_empty, daemon=True)
    waiting.start()
    waiting.join(LONGEST_WAIT_S)
