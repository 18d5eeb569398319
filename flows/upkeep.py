"""Flow: what events would have started, once more, for those that were lost."""

from typing import Any

from prefect import flow

from flows.arrivals import ingest_arrivals
from flows.place import own_root
from flows.retraining import retrain_model
from seqclass.store.catalogue import list_models


@flow(name="upkeep", flow_run_name="upkeep")
def keep_models(root: str | None = None) -> dict[str, Any]:
    """Sweep every inbox, then look for new rows of every model that has a champion.

    One model's failure does not keep the others from their turn.
    """
    store = own_root(root)
    states: dict[str, Any] = {"inboxes": ingest_arrivals(root=store.url, return_state=True)}
    for name in sorted({m["name"] for m in list_models(store) if m["champion"]}):
        states[name] = retrain_model(name, root=store.url, return_state=True)
    failed = [name for name, state in states.items() if not state.is_completed()]
    if failed:
        raise RuntimeError(f"upkeep: expected every part to end well, failed: {', '.join(failed)}")
    return {name: state.name for name, state in states.items()}
