"""The learning curve of many training rows, which is fitted before all of them are trained on."""

import contextlib
from dataclasses import replace

from prefect import get_run_logger, task

from seqclass.evaluation.learning_curve import LearningCurve, curve_line, learning_curve
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.progress import followed, trainings
from seqclass.pipeline.replicas import fit_parts, folds_of
from seqclass.pipeline.train import check_validation
from seqclass.store.split import Split, write_split
from seqclass.training.row_order import PARTS, part_of
from seqclass.workers import log, workers
from tasks.compute.retries import AGAIN


def add_curve(candidate: Candidate) -> Candidate:
    """Return the candidate with the learning curve of its rows, if they are many.

    With a time budget and a flat curve, a third of the rows is what it trains on: the rest of them
    is taken out of its split, and every later step of the candidate reads that.
    """
    chosen, spec = candidate.split, candidate.training
    if not spec.has_curve(len(chosen.train)):
        return candidate
    check_validation(chosen, spec)
    fewer, more, every = _sizes(chosen, spec.split_seed)
    if not fewer < more < every:  # so many classes that both parts hold the rows of rare ones alone
        return candidate
    curve = fit_curve(candidate)
    if curve is None:
        log("learning curve: no time for it within the budget")
        return candidate
    third = _larger_part(chosen, spec.split_seed)
    with contextlib.suppress(ValueError):  # too few of a class, or of its groups, to hold some back
        if spec.budget_s is not None and curve["is_flat"]:
            check_validation(third, spec)
            names = candidate.dataset.labels()["series_id"]
            write_split(candidate.root, candidate.workspace, third, names)
            candidate = replace(candidate, split=third)
            curve = {**curve, "is_enough": True}
    log(curve_line(curve))
    return replace(candidate, curve=curve)


@task(name="learning curve", **AGAIN)
def fit_curve(candidate: Candidate) -> LearningCurve | None:
    """Fit an LSTM to a tenth and to a third of the training rows, and extend the curve to all.

    The test rows are not read. None if a fifth of the time budget does not suffice.
    """
    dataset, chosen, spec = candidate.dataset, candidate.split, candidate.training
    with trainings(1, "learning curve"), followed("learning curve") as watch:
        losses = workers().call(fit_parts, dataset, chosen, spec, watch=watch)
        if losses is None:
            return None
        groups, held = chosen.train_groups, folds_of(chosen, spec)[0][1]
        owners = None if groups is None else groups[held]
        curve = learning_curve(_sizes(chosen, spec.split_seed), losses, owners)
        get_run_logger().info(curve_line(curve))
    return curve


def _sizes(chosen: Split, seed: int) -> list[int]:
    """Return the number of rows of each part, and of all training rows."""
    y = chosen.codes[chosen.train]
    return [*(len(part_of(y, part, seed)) for part in PARTS), len(y)]


def _larger_part(chosen: Split, seed: int) -> Split:
    """Return the split with the larger part of the training rows alone."""
    rows = part_of(chosen.codes[chosen.train], PARTS[-1], seed)
    return replace(chosen, train=chosen.train[rows])
