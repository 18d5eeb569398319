"""Tasks of the upkeep, which starts retrainings."""

from datetime import datetime

from prefect import task

from seqclass.pipeline import overdue, prometheus
from seqclass.store.root import Root
from seqclass.tasks.events import announce_move

find_due = task(name="find due models")(overdue.find_due)
write_metrics = task(name="write metrics")(prometheus.write_metrics)


@task(name="tell of overdue decisions")
def tell_overdue(now: datetime, root: Root) -> list[str]:
    """Emit ``seqclass.decision.overdue`` for each model whose policy makes a decision overdue."""
    return overdue.tell_overdue(
        now,
        root,
        lambda name, payload: announce_move(
            root, "seqclass.decision.overdue", f"models/{name}", payload
        ),
    )
