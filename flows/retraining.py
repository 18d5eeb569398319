"""Flow: keep a model's champion up to date with the rows that arrive."""

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.approval import with_approval
from flows.place import check_present, own_root
from seqclass.monitoring.retraining import RetrainSpec
from seqclass.store.leases import run_exclusive
from seqclass.store.registry import open_model
from seqclass.store.root import open_root, staging
from tasks.data.garbage import collect_leftovers
from tasks.data.split import split_rows
from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.report import write_report
from tasks.registry.catalogue import refresh_catalogue
from tasks.registry.register import register
from tasks.retraining.announce import announce
from tasks.retraining.challenge import choose_rows, evaluate_challenger, training_of
from tasks.retraining.decision import NOTHING_NEW, apply_decision, end_what_was_cut_short
from tasks.retraining.detection import detect_new_data
from tasks.retraining.inspect_rows import inspect_rows
from tasks.training.train import train

STATES = {"promoted": "Promoted", "refused": "Refused", NOTHING_NEW: "NothingNew"}

MET_ANOTHER = "another retraining of this model is running, and looks again when it ends"


@flow(name="retrain-model", flow_run_name="retrain {model}")
def retrain_model(
    model: str,
    spec: RetrainSpec | None = None,
    root: str | None = None,
    now: datetime | None = None,
) -> Any:
    """Look at new rows, train a challenger, and promote it or say why not; one run at a time.

    A run that meets another leaves the rows to it, which looks again at its end. Ends in a state
    named Promoted, Refused or NothingNew, with the outcome.
    """
    check_present(now)
    store, wanted = own_root(root), spec or RetrainSpec()
    name = open_model(store, model.partition("@")[0]).name

    def turn(claim: str) -> dict[str, Any]:
        outcome = _retrain(name, wanted, claim, now or datetime.now(UTC), store.url)
        announce(outcome, store.url)
        return outcome

    turns = run_exclusive(store, "retraining", ("models", name), turn)
    outcomes = turns or [_nothing_new(name, MET_ANOTHER, store.url)]
    decided = [outcome for outcome in outcomes if outcome["decision"] != NOTHING_NEW]
    outcome = (decided or outcomes)[-1]
    message = f"{outcome['decision']}: {'; '.join(outcome['reasons'])}"
    return Completed(name=STATES[outcome["decision"]], message=message, data=outcome)


def _retrain(
    name: str, spec: RetrainSpec, claim: str, now: datetime, root_url: str
) -> dict[str, Any]:
    for late in end_what_was_cut_short(name, root_url):
        announce(late, root_url)
    collect_leftovers(root_url)
    news = detect_new_data(name, spec, now, root_url)
    if news["waiting"]:
        return _nothing_new(name, news["waiting"], root_url)
    store = open_root(root_url)
    with staging(store, f"retraining-{name}") as folder, staging(store, f"model-{name}") as bench:
        seen = inspect_rows(news, spec, folder, root_url)
        challenger = verdict = None
        if seen["resting"] is None:
            dataset = choose_rows(news, spec, root_url)
            training = training_of(news["champion"], spec, root_url)
            split_rows(dataset, training, bench, root_url)
            train(dataset, training, bench, root_url)
            evaluate(dataset, training, bench, root_url)
            verdict = evaluate_challenger(news, seen, dataset, training, spec, bench, root_url)
            write_report(dataset, bench, root_url)
            challenger = register(dataset, training, bench, name, root_url)
            verdict = with_approval(verdict, spec)
        outcome = apply_decision(
            news, seen, challenger, verdict, spec, folder, claim, now, root_url
        )
    refresh_catalogue(root_url, news["champion"], news["latest"])
    return outcome


def _nothing_new(name: str, reason: str, root_url: str) -> dict[str, Any]:
    champion = open_model(open_root(root_url), name).ref
    return {
        "model": champion,
        "decision": NOTHING_NEW,
        "reasons": [reason],
        "champion": champion,
        "challenger": None,
    }
