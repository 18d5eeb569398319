"""Tasks of a retraining, and of the upkeep that starts it."""

from datetime import datetime

from prefect import task

from seqclass.pipeline import challenge, decision, detection, overdue, prometheus
from seqclass.pipeline import inspect_rows as inspection
from seqclass.store.root import Root
from seqclass.tasks.events import announce_move

detect_new_data = task(name="detect new data")(detection.detect_new_data)
begin_try = task(name="begin try")(detection.begin_try)
inspect_rows = task(name="inspect new rows")(inspection.inspect_rows)
choose_rows = task(name="choose rows")(challenge.choose_rows)
evaluate_challenger = task(name="evaluate challenger")(challenge.evaluate_challenger)
apply_decision = task(name="apply decision")(decision.apply_decision)
note_failure = task(name="note failure")(decision.note_failure)
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
