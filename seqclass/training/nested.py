"""What a committee answers to rows that decided nothing of it: no member, weight or offset."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from seqclass.evaluation.calibration import soften
from seqclass.evaluation.decisions import fit_offsets, with_offsets
from seqclass.training.committee import Mixture
from seqclass.training.members import Trained, Training
from seqclass.training.splits import nested_folds

Choose = Callable[[list[Trained], Training], Mixture]
"""Mixes members by the rows of all folds of a training, as what is registered is mixed."""


def nested_scores(trained: list[Trained], training: Training, choose: Choose) -> np.ndarray:
    """Log-probabilities ``(n, classes)``, offsets counted in, of rows held back, in the folds'
    order: members are mixed, tempered and offset by all other folds and then answer this one
    (Varma and Simon 2006, "Bias in error estimation when using cross-validation").

    Of the folds that every member has answered; none of a single fold, of many rows, or where
    networks began with weights that may have seen them.
    """
    n = min(len(one.scores) for one in trained)
    ends = np.cumsum([len(held) for held in training.held_by_fold])
    answered = training.folds[: int((ends <= n).sum())]
    folds = [] if training.initial else nested_folds(answered, len(training.rows))
    if not folds:
        return np.empty((0, training.n_classes))
    ends = ends[: len(folds)]
    known = replace(training, folds=folds)
    own = [
        one._replace(scores=(one.scores if one.unseen is None else one.unseen)[: ends[-1]])
        for one in trained
    ]
    parts = [slice(end - len(held), end) for end, (_, held) in zip(ends, folds, strict=True)]
    return np.concatenate([_fold(k, part, own, known, choose) for k, part in enumerate(parts)])


def _fold(
    k: int, part: slice, trained: list[Trained], training: Training, choose: Choose
) -> np.ndarray:
    """Scores of the rows ``part`` of fold ``k``, by what the other folds say of the members."""
    others = replace(training, folds=[*training.folds[:k], *training.folds[k + 1 :]])
    rest = [one._replace(scores=np.delete(one.scores, part, axis=0)) for one in trained]
    mixture = choose(rest, others)

    def answered(by: list[Trained]) -> np.ndarray:
        return soften(mixture.logits([one.scores for one in by]), mixture.temperature)

    y, prior = training.rows.y[others.held], training.prior
    offsets = None if prior is None else fit_offsets(answered(rest), y, prior)
    return with_offsets(
        answered([one._replace(scores=one.scores[part]) for one in trained]), offsets
    )
