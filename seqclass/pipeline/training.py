"""A training and a retraining as lists of steps, which run as functions or as tasks of a flow."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.apply_policy import apply_policy, apply_training_policy
from seqclass.pipeline.candidates import Assembled, Candidate, MemberAnswers
from seqclass.pipeline.challenge import choose_rows, evaluate_challenger, registered_before
from seqclass.pipeline.compare import compare
from seqclass.pipeline.decision import (
    NOTHING_NEW,
    Challenge,
    Outcome,
    apply_decision,
    note_failure,
)
from seqclass.pipeline.detection import NewData, RetrainRun, begin_try, detect_new_data
from seqclass.pipeline.evaluate import Evaluated, evaluate
from seqclass.pipeline.inspect_rows import inspect_rows
from seqclass.pipeline.promote import Promotion, promote
from seqclass.pipeline.register import register
from seqclass.pipeline.report import write_report
from seqclass.pipeline.split_rows import split_rows
from seqclass.pipeline.train import assemble, forget_older, train_and_answer
from seqclass.store.datasets import committed_versions, latest_version, open_dataset
from seqclass.store.garbage import collect_garbage
from seqclass.store.locks import try_lock
from seqclass.store.manifests import known_dataset
from seqclass.store.references import DatasetRef
from seqclass.store.registry import need_champion, open_model
from seqclass.store.retrainings import RETRAINING
from seqclass.store.root import Root, check_name, printable
from seqclass.store.staging import staging
from seqclass.stored_records import DataReport, SeedRecord, Verdict
from seqclass.training.spec import TrainingSpec

MET_ANOTHER = "another retraining of this model is running, and looks again when it ends"


class Trained(Promotion):
    """A registered model, and whether it became champion."""

    dataset: str
    model: str


def _announce_nothing(outcome: Outcome, root: Root) -> None:
    """Announce nothing, since only a flow in Prefect has listeners."""


@dataclass(frozen=True)
class Steps:
    """The steps of a training and of a retraining; a flow hands over the same steps as tasks."""

    collect_garbage: Callable[[Root], Any] = collect_garbage
    split_rows: Callable[[str, TrainingSpec, str, Root], Candidate] = split_rows
    train_and_answer: Callable[[Candidate], tuple[list[SeedRecord], list[MemberAnswers]]] = (
        train_and_answer
    )
    assemble: Callable[[Candidate, list[SeedRecord]], Assembled] = assemble
    evaluate: Callable[[Candidate, Assembled, list[MemberAnswers]], Evaluated] = evaluate
    compare: Callable[[Candidate, Evaluated, str], Any] = compare
    write_report: Callable[[Candidate], None] = write_report
    register: Callable[[Candidate, Evaluated, str], str] = register
    promote: Callable[[str, TrainingSpec, Root], Promotion] = promote
    forget_older: Callable[[str, Root], None] = forget_older
    refresh: Callable[[Root, list[str]], Any] = refresh
    apply_training_policy: Callable[[str, TrainingSpec | None, Root], TrainingSpec] = (
        apply_training_policy
    )
    apply_policy: Callable[[str, RetrainSpec | None, Root], RetrainSpec] = apply_policy
    detect_new_data: Callable[[str, RetrainSpec, datetime, Root], NewData] = detect_new_data
    begin_try: Callable[[NewData, RetrainRun], int] = begin_try
    note_failure: Callable[[NewData, str, RetrainRun], Outcome | None] = note_failure
    inspect_rows: Callable[[NewData, RetrainSpec, str, Root], DataReport] = inspect_rows
    choose_rows: Callable[[NewData, RetrainSpec, Root], str] = choose_rows
    evaluate_challenger: Callable[
        [NewData, DataReport, Candidate, Evaluated, RetrainSpec], Verdict
    ] = evaluate_challenger
    apply_decision: Callable[[NewData, DataReport, Challenge | None, str, RetrainRun], Outcome] = (
        apply_decision
    )
    announce: Callable[[Outcome, Root], None] = _announce_nothing


PLAIN = Steps()


def train(
    root: Root,
    dataset: str,
    name: str | None = None,
    spec: TrainingSpec | None = None,
    steps: Steps = PLAIN,
) -> Trained:
    """Train, evaluate and register a classifier, and promote it if it passes the gate.

    dataset: NAME, whose newest version is meant, or NAME@VERSION. name: of the model; None takes
    that of the dataset. ValueError, before anything is trained, if the rows don't suffice.
    """
    dataset = open_dataset(root, dataset).ref
    name = check_name(name or DatasetRef.parse(dataset).name)
    spec = steps.apply_training_policy(name, spec, root)
    steps.collect_garbage(root)
    with staging(root, f"model-{name}") as workspace:
        candidate = steps.split_rows(dataset, spec, workspace, root)
        evaluated = _evaluated(candidate, steps)
        steps.compare(candidate, evaluated, name)
        steps.write_report(candidate)
        model = steps.register(candidate, evaluated, name)
    outcome = steps.promote(model, spec, root)
    steps.refresh(root, [model])
    steps.forget_older(model, root)
    return {"dataset": dataset, "model": model, **outcome}


def _evaluated(candidate: Candidate, steps: Steps) -> Evaluated:
    seeds, answers = steps.train_and_answer(candidate)
    return steps.evaluate(candidate, steps.assemble(candidate, seeds), answers)


def retrain(
    root: Root,
    name: str,
    spec: RetrainSpec | None = None,
    steps: Steps = PLAIN,
    now: datetime | None = None,
) -> Outcome:
    """Look at new rows, train a challenger, and promote it or say why not; one run at a time.

    A run that finds another one at work ends, and the other looks at new rows again when it is
    done. spec: how to retrain; None goes by the model's policy, or the defaults. now: a simulated
    time.
    """
    need_champion(root, name)

    def turn() -> Outcome:
        within = steps.apply_policy(name, spec, root)
        run = RetrainRun(name, within, now or datetime.now(UTC), root, now)
        outcome = _retrain(run, steps)
        steps.announce(outcome, root)
        return outcome

    outcomes, seen = list[Outcome](), None
    while (newest := _newest_rows(root, name)) != seen or not outcomes:
        with try_lock(root, RETRAINING, "models", name) as is_free:
            if not is_free:
                outcomes = outcomes or [nothing_new(root, name, MET_ANOTHER)]
                break
            outcomes.append(turn())
        seen = newest
    decided = [outcome for outcome in outcomes if outcome["decision"] != NOTHING_NEW]
    return (decided or outcomes)[-1]


def _newest_rows(root: Root, name: str) -> str | None:
    """Return the newest version of the dataset that a model's champion learns from, if any."""
    dataset = DatasetRef.parse(known_dataset(open_model(root, name).manifest)).name
    versions = committed_versions(root, dataset)
    return latest_version(root, dataset, versions) if versions else None


def _retrain(run: RetrainRun, steps: Steps) -> Outcome:
    steps.collect_garbage(run.root)
    new_data = steps.detect_new_data(run.model, run.spec, run.now, run.root)
    if new_data.waiting:
        return nothing_new(run.root, run.model, new_data.waiting)
    try:
        steps.begin_try(new_data, run)
        return _challenge(new_data, run, steps)
    except Exception as error:
        words = printable(" ".join(str(error).split()) or type(error).__name__)
        if failed := steps.note_failure(new_data, words, run):
            steps.announce(failed, run.root)
            steps.refresh(run.root, [failed["model"]])
        raise


def _challenge(new_data: NewData, run: RetrainRun, steps: Steps) -> Outcome:
    name, spec, root = run.model, run.spec, run.root
    with staging(root, f"retraining-{name}") as folder, staging(root, f"model-{name}") as bench:
        seen = steps.inspect_rows(new_data, spec, folder, root)
        challenge = None
        if seen["resting"] is None:
            dataset = steps.choose_rows(new_data, spec, root)
            warm = new_data.champion if spec.start == "warm" else None
            training = replace(spec.training or TrainingSpec(), warm_start=warm)
            candidate = steps.split_rows(dataset, training, bench, root)
            evaluated = _evaluated(candidate, steps)
            verdict = steps.evaluate_challenger(new_data, seen, candidate, evaluated, spec)
            steps.write_report(candidate)
            challenger = registered_before(candidate, name)
            challenger = challenger or steps.register(candidate, evaluated, name)
            challenge = Challenge(challenger, verdict)
        outcome = steps.apply_decision(new_data, seen, challenge, folder, run)
    if challenge:
        steps.forget_older(challenge.challenger, root)
    steps.refresh(root, [new_data.champion, new_data.latest])
    return outcome


def nothing_new(root: Root, name: str, reason: str) -> Outcome:
    """Return the outcome of a retraining that looks at no rows, and why."""
    champion = open_model(root, name).ref
    return {
        "model": champion,
        "decision": NOTHING_NEW,
        "reasons": [reason],
        "champion": champion,
        "challenger": None,
    }
