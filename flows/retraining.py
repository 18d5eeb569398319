"""Flow: keep a model's champion up to date with the rows that arrive."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.dispatch import hand_over
from flows.place import check_present, label_run, resolve_root
from flows.training import train_split
from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.store.leases import run_exclusive
from seqclass.store.references import DatasetRef, ModelRef
from seqclass.store.registry import need_champion, open_model
from seqclass.store.root import open_root, printable
from seqclass.store.staging import staging
from seqclass.training.spec import TrainingSpec
from tasks.compute.assets import materializing
from tasks.compute.runner import task_runner
from tasks.data.leftovers import collect_leftovers
from tasks.data.split_rows import split_rows
from tasks.evaluation.report import write_report
from tasks.registry.apply_policy import apply_policy
from tasks.registry.refresh import refresh_catalogue
from tasks.registry.register import register
from tasks.retraining.announce import announce
from tasks.retraining.challenge import (
    choose_rows,
    evaluate_challenger,
    registered_before,
)
from tasks.retraining.decision import (
    AWAITS,
    NOTHING_NEW,
    Challenge,
    Outcome,
    apply_decision,
    note_failure,
    resume_interrupted,
)
from tasks.retraining.detection import NewData, RetrainRun, begin_try, detect_new_data
from tasks.retraining.inspect_rows import inspect_rows
from tasks.training.train import forget_finished

STATES = {
    "promoted": "Promoted",
    "refused": "Refused",
    AWAITS: "AwaitsApproval",
    NOTHING_NEW: "NothingNew",
}

MET_ANOTHER = "another retraining of this model is running, and looks again when it ends"


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
        return _ended(_nothing_new(name, f"it goes on in the queue {queue}", store.url))

    def turn(claim: str) -> Outcome:
        replay_decisions(name, store.url)
        own = apply_policy(name, spec, store.url)
        outcome = _retrain(RetrainRun(name, own, claim, now or datetime.now(UTC), store.url, now))
        announce(outcome, store.url)
        return outcome

    turns = run_exclusive(store, "retraining", ("models", name), turn)
    outcomes = turns or [_nothing_new(name, MET_ANOTHER, store.url)]
    decided = [outcome for outcome in outcomes if outcome["decision"] != NOTHING_NEW]
    return _ended((decided or outcomes)[-1])


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


def _retrain(turn: RetrainRun) -> Outcome:
    root_url = turn.root_url
    collect_leftovers(root_url)
    new_data = detect_new_data(turn.model, turn.spec, turn.now, root_url)
    if new_data.waiting:
        return _nothing_new(turn.model, new_data.waiting, root_url)
    try:
        begin_try(new_data, turn)
        return _challenge(new_data, turn)
    except Exception as error:
        words = printable(" ".join(str(error).split()) or type(error).__name__)
        if failed := note_failure(new_data, words, turn):
            announce(failed, root_url)
            refresh_catalogue(root_url, failed["model"])
        raise


def replay_decisions(name: str, root_url: str) -> None:
    """Carry out sealed decisions of runs that were killed before they moved the champion."""
    for late in resume_interrupted(name, root_url):
        announce(late, root_url)
        refresh_catalogue(root_url, late["model"])


def _challenge(new_data: NewData, turn: RetrainRun) -> Outcome:
    name, spec, root_url = turn.model, turn.spec, turn.root_url
    store = open_root(root_url)
    with staging(store, f"retraining-{name}") as folder, staging(store, f"model-{name}") as bench:
        seen = inspect_rows(new_data, spec, folder, root_url)
        challenge = None
        if seen["resting"] is None:
            dataset = choose_rows(new_data, spec, root_url)
            warm = new_data.champion if spec.start == "warm" else None
            training = replace(spec.training or TrainingSpec(), warm_start=warm)
            candidate = split_rows(dataset, training, bench, root_url)
            evaluated = train_split(candidate)
            verdict = evaluate_challenger(new_data, seen, candidate, evaluated, spec)
            write_report(candidate)
            made = materializing(register, ModelRef(name), root_url, DatasetRef.parse(dataset))
            challenger = registered_before(candidate, name) or made(candidate, evaluated, name)
            challenge = Challenge(challenger, verdict)
        outcome = apply_decision(new_data, seen, challenge, folder, turn)
    if challenge:
        forget_finished(challenge.challenger, root_url)
    refresh_catalogue(root_url, new_data.champion, new_data.latest)
    return outcome


def _nothing_new(name: str, reason: str, root_url: str) -> Outcome:
    champion = open_model(open_root(root_url), name).ref
    return {
        "model": champion,
        "decision": NOTHING_NEW,
        "reasons": [reason],
        "champion": champion,
        "challenger": None,
    }
