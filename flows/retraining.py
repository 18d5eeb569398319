"""Flow: keep a model's champion up to date with the rows that arrive."""

from datetime import datetime
from typing import Any

from prefect import flow
from prefect.states import Completed

from seqclass.flows.dispatch import hand_over, meets_another
from seqclass.flows.run_context import check_present, label_run, resolve_root
from seqclass.flows.steps import in_prefect
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pipeline.decision import AWAITS, NOTHING_NEW, Outcome
from seqclass.pipeline.training import MET_ANOTHER, nothing_new, retrain
from seqclass.store.references import ModelRef
from seqclass.store.registry import need_champion
from seqclass.tasks.compute.runner import task_runner

STATES = {
    "promoted": "Promoted",
    "refused": "Refused",
    AWAITS: "AwaitsApproval",
    NOTHING_NEW: "NothingNew",
}


@flow(name="retrain-model", flow_run_name="retrain {model}", task_runner=task_runner())
def retrain_model(
    model: str,
    spec: RetrainSpec | None = None,
    root: str | None = None,
    now: datetime | None = None,
) -> Any:
    """Look at new rows, train a challenger, and promote it or say why not; one run at a time.

    A run that finds another one at work ends, and the other checks for new rows again when it is
    done. Ends in a state named Promoted, Refused, AwaitsApproval or NothingNew, with the outcome.

    Args:
        model: Name of the model, whose champion is challenged.
        spec: How to retrain; none goes by the model's policy, or the defaults.
    """
    check_present(now)
    store = resolve_root(root)
    name = ModelRef.parse(model).name
    label_run(model=name)
    need_champion(store, name)
    if queue := hand_over(name, store):
        return _ended(nothing_new(store, name, f"it goes on in the queue {queue}"))
    if meets_another(name, store):
        return _ended(nothing_new(store, name, MET_ANOTHER))
    return _ended(retrain(store, name, spec, in_prefect, now))


def _ended(outcome: Outcome) -> Any:
    _label(outcome)
    decision = outcome["decision"]
    message = f"{decision}: {'; '.join(outcome['reasons'])}"
    verdict = None if decision == NOTHING_NEW else decision.replace(" ", "_")
    return Completed(name=STATES[decision], message=message, data={**outcome, "verdict": verdict})


def _label(outcome: Outcome) -> None:
    rows = f" ({outcome['new_rows']} rows)" if outcome.get("new_rows") else ""
    tags = {"outcome": outcome["decision"]}
    if "dataset" in outcome:
        tags["dataset"] = outcome["dataset"].removeprefix("datasets/")
    label_run(f"retrain {outcome['champion'].removeprefix('models/')}{rows}", **tags)
