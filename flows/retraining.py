"""Flow: keep a model's champion up to date with the rows that arrive."""

from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.approval import with_approval
from storage.registry import open_model
from storage.root import claimed, open_root, staging
from tasks.announce import announce
from tasks.catalogue import refresh_catalogue
from tasks.challenge import choose_rows, judge, training_of
from tasks.evaluate import evaluate
from tasks.inspect_rows import inspect_rows
from tasks.monitoring.retraining import RetrainSpec
from tasks.news import look_for_news
from tasks.register import register
from tasks.report import write_report
from tasks.settle import NOTHING_NEW, settle
from tasks.sweep import sweep_leftovers
from tasks.train import train

STATES = {"promoted": "Promoted", "refused": "Refused", NOTHING_NEW: "NothingNew"}


@flow(name="retrain-model")
def retrain_model(
    model: str,
    spec: RetrainSpec | None = None,
    root: str | None = None,
    now: datetime | None = None,
) -> Any:
    """Look at new rows, train a challenger, and promote it or say why not; one run at a time.

    Ends in a state named Promoted, Refused or NothingNew, with the outcome.
    """
    spec, root_url, now = spec or RetrainSpec(), open_root(root).url, now or datetime.now(UTC)
    name = open_model(open_root(root_url), model.partition("@")[0]).name
    with claimed(open_root(root_url), "retraining", "models", name) as is_free:
        if is_free:
            outcome = _retrain(name, spec, now, root_url)
        else:
            outcome = _nothing_new(name, "another retraining of this model is running", root_url)
    announce(outcome, root_url)
    message = f"{outcome['decision']}: {'; '.join(outcome['reasons'])}"
    return Completed(name=STATES[outcome["decision"]], message=message, data=outcome)


def _retrain(name: str, spec: RetrainSpec, now: datetime, root_url: str) -> dict[str, Any]:
    sweep_leftovers(root_url)
    news = look_for_news(name, spec, now, root_url)
    if news["waiting"]:
        return _nothing_new(name, news["waiting"], root_url)
    store = open_root(root_url)
    with staging(store, f"retraining-{name}") as folder, staging(store, f"model-{name}") as bench:
        seen = inspect_rows(news, spec, folder, root_url)
        challenger = verdict = None
        if seen["resting"] is None:
            dataset = choose_rows(news, spec, root_url)
            training = training_of(news["champion"], spec, root_url)
            train(dataset, training, bench, root_url)
            evaluate(dataset, training, bench, root_url)
            verdict = judge(news, seen, dataset, training, spec, bench, root_url)
            write_report(dataset, training, bench, name, root_url)
            challenger = register(dataset, training, bench, name, root_url)
            verdict = with_approval(verdict, spec)
        outcome = settle(news, seen, challenger, verdict, spec, folder, now, root_url)
    refresh_catalogue(root_url)
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
