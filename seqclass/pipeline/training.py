"""A training and a retraining as lists of steps, which run as functions or as tasks of a flow."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from seqclass.monitoring.retrain_spec import RetrainSpec
from seqclass.pages.index_pages import refresh
from seqclass.pipeline.candidates import Candidate, find_trained, split_rows
from seqclass.pipeline.challenge import choose_rows, evaluate_challenger
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
from seqclass.pipeline.train import assemble, forget_older, keep_answers, train_and_answer
from seqclass.policies import apply_policy, apply_training_policy
from seqclass.store.datasets import committed_versions, latest_version, open_dataset
from seqclass.store.garbage import collect_garbage
from seqclass.store.locks import try_lock
from seqclass.store.manifests import known_dataset
from seqclass.store.references import DatasetRef
from seqclass.store.registry import need_champion, open_model
from seqclass.store.retrainings import RETRAINING
from seqclass.store.root import Root, check_name, printable
from seqclass.store.staging import staging
from seqclass.training.spec import TrainingSpec

MET_ANOTHER = "another retraining of this model is running, and looks again when it ends"


class Trained(Promotion):
    """A registered model, and whether it became champion.

    repeated: true if the model was there already, and nothing was trained.
    """

    dataset: str
    model: str
    repeated: bool


F = TypeVar("F", bound=Callable[..., Any])


class AsStep(Protocol):
    """Returns what carries a function out as a step: itself, or in a flow a task for it."""

    def __call__(self, function: F, /) -> F:
        """Return what takes the arguments of the function."""
        ...


def plain(function: F, /) -> F:
    """Return the function itself."""
    return function


def announce(outcome: Outcome, root: Root) -> None:
    """Announce the outcome of a retraining, which in a flow alone has listeners."""


def train(
    root: Root,
    dataset: str,
    name: str | None = None,
    spec: TrainingSpec | None = None,
    again: bool = False,
    step: AsStep = plain,
) -> Trained:
    """Train, evaluate and register a classifier, and promote it if it passes the gate.

    dataset: NAME, whose newest version is meant, or NAME@VERSION. name: of the model; None takes
    that of the dataset. again: train also where a version of the model is this training. step:
    carries each step out. ValueError, before anything is trained, if the rows don't suffice.
    """
    dataset = open_dataset(root, dataset).ref
    name = check_name(name or DatasetRef.parse(dataset).name)
    spec = step(apply_training_policy)(name, spec, root)
    step(collect_garbage)(root)
    with staging(root, f"model-{name}") as workspace:
        candidate = step(split_rows)(dataset, spec, workspace, root)
        trained = None if again else step(find_trained)(candidate, name)
        model = trained or _registered(candidate, name, step)
    outcome = step(promote)(model, spec, root)
    step(refresh)(root, [model])
    step(forget_older)(model, root)
    return {"dataset": dataset, "model": model, "repeated": trained is not None, **outcome}


def _registered(candidate: Candidate, name: str, step: AsStep) -> str:
    evaluated = _evaluated(candidate, step)
    step(compare)(candidate, evaluated, name)
    step(write_report)(candidate)
    return step(register)(candidate, evaluated, name)


def _evaluated(candidate: Candidate, step: AsStep) -> Evaluated:
    seeds, answers = step(train_and_answer)(candidate)
    evaluated = step(evaluate)(candidate, step(assemble)(candidate, seeds), answers)
    step(keep_answers)(candidate, seeds)
    return evaluated


def retrain(
    root: Root,
    name: str,
    spec: RetrainSpec | None = None,
    step: AsStep = plain,
    now: datetime | None = None,
) -> Outcome:
    """Look at new rows, train a challenger, and promote it or say why not; one run at a time.

    A run that finds another one at work ends, and the other looks at new rows again when it is
    done. spec: how to retrain; None goes by the model's policy, or the defaults. now: a simulated
    time. step: carries each step out.
    """
    need_champion(root, name)

    def turn() -> Outcome:
        within = step(apply_policy)(name, spec, root)
        run = RetrainRun(name, within, now or datetime.now(UTC), root, now)
        outcome = _retrain(run, step)
        step(announce)(outcome, root)
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


def _retrain(run: RetrainRun, step: AsStep) -> Outcome:
    step(collect_garbage)(run.root)
    new_data = step(detect_new_data)(run.model, run.spec, run.now, run.root)
    if new_data.waiting:
        return nothing_new(run.root, run.model, new_data.waiting)
    try:
        step(begin_try)(new_data, run)
        return _challenge(new_data, run, step)
    except Exception as error:
        words = printable(" ".join(str(error).split()) or type(error).__name__)
        if failed := step(note_failure)(new_data, words, run):
            step(announce)(failed, run.root)
            step(refresh)(run.root, [failed["model"]])
        raise


def _challenge(new_data: NewData, run: RetrainRun, step: AsStep) -> Outcome:
    name, spec, root = run.model, run.spec, run.root
    with staging(root, f"retraining-{name}") as folder, staging(root, f"model-{name}") as bench:
        seen = step(inspect_rows)(new_data, spec, folder, root)
        challenge = None
        if seen["resting"] is None:
            dataset = step(choose_rows)(new_data, spec, root)
            warm = new_data.champion if spec.start == "warm" else None
            training = replace(spec.training or TrainingSpec(), warm_start=warm)
            candidate = step(split_rows)(dataset, training, bench, root)
            evaluated = _evaluated(candidate, step)
            verdict = step(evaluate_challenger)(new_data, seen, candidate, evaluated, spec)
            step(write_report)(candidate)
            challenger = step(register)(candidate, evaluated, name)
            challenge = Challenge(challenger, verdict)
        outcome = step(apply_decision)(new_data, seen, challenge, folder, run)
    if challenge:
        step(forget_older)(challenge.challenger, root)
    step(refresh)(root, [new_data.champion, new_data.latest])
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
