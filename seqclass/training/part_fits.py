"""Short fits of the LSTM to parts of many training rows, for their learning curve."""

from dataclasses import replace

import numpy as np

from seqclass.evaluation.calibration import fit_temperature, soften
from seqclass.evaluation.metrics import row_losses
from seqclass.training.members import LstmMember, MemberProgress, Training
from seqclass.training.recipe import CURVE_SHARE
from seqclass.training.replica import TrainingRows, begin_training
from seqclass.training.row_order import PARTS, part_of
from seqclass.training.spec import TrainingSpec


def part_losses(
    known: TrainingRows, spec: TrainingSpec, seed: int, watch: MemberProgress
) -> list[np.ndarray] | None:
    """Return losses (nats) ``(n,)`` of the rows of the first fold, by an LSTM after each part.

    The parts hold the same rows for every seed, the larger one all rows of the smaller. None if the
    time budget does not suffice.
    """
    timed = replace(spec, budget_s=spec.budget_s and CURVE_SHARE * spec.budget_s)
    training, found = begin_training(known, timed, seed, watch), []
    for part in PARTS:
        member = LstmMember(_restricted(training, part))
        member.next_fold()
        if training.is_late(0.0):
            return None
        scores, y = member.trained().scores, training.rows.y[training.held_by_fold[0]]
        found.append(row_losses(soften(scores, fit_temperature(scores, y)), y))
    return found


def _restricted(training: Training, part: int) -> Training:
    """Return a training that learns from a part of the rows, in fewer passes over them."""
    many, spec, [kept, held] = training.many, training.spec, training.folds[0]
    every = many.y if many else training.rows.y
    rows = part_of(every, part, spec.split_seed)
    recipe = spec.recipe.brief(many.counted if many else len(every), part)
    training = replace(training, spec=replace(spec, recipe=recipe, lstm_updates=None))
    if many:
        return replace(training, many=replace(many, rows=rows))
    return replace(training, folds=[(np.intersect1d(kept, rows), held)])
