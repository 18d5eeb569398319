"""Flow: repeat what events should have started, in case an event was lost."""

from datetime import UTC, datetime
from typing import Any

from prefect import flow

from seqclass.flows.arrivals import ingest_arrivals
from seqclass.flows.dispatch import start_retrainings
from seqclass.flows.retraining import retrain_model
from seqclass.flows.run_context import is_served, resolve_root
from seqclass.pipeline.approve import decline_unanswered
from seqclass.pipeline.overdue import find_due
from seqclass.pipeline.prometheus import write_metrics
from seqclass.tasks.compute.steps import as_task
from seqclass.tasks.events import announce_answer, tell_overdue


@flow(name="upkeep", flow_run_name="upkeep")
def keep_models(root: str | None = None) -> dict[str, str | None]:
    """Sweep inboxes, decline overdue approvals, start retrainings.

    A retraining starts for every model that has rows for one. A worker's run starts others and
    waits for none; elsewhere the retrainings follow each other. One model's failure does not stop
    the others.
    """
    store = resolve_root(root)
    states: dict[str, Any] = {"inboxes": ingest_arrivals(root=store.url, return_state=True)}
    for move in as_task(decline_unanswered)(store):
        announce_answer(move, str(move["refused"]), store)
    now = datetime.now(UTC)
    due = as_task(find_due)(now, store)
    tell_overdue(due, store)
    started = start_retrainings(due.names, store) if is_served() else []
    as_task(write_metrics)(now, store)
    for name in () if is_served() else due.names:
        states[name] = retrain_model(name, root=store.url, return_state=True)
    failed = [name for name, state in states.items() if not state.is_completed()] + due.damaged
    if failed:
        raise RuntimeError(f"upkeep: expected every part to end well, failed: {', '.join(failed)}")
    return {**{name: state.name for name, state in states.items()},
            **dict.fromkeys(started, "started")}  # fmt: skip
