"""Answers of a committee to rows that took no part in it: in no member, weight or offset."""

from dataclasses import replace

import numpy as np

from seqclass.evaluation.decisions import fit_offsets, with_offsets
from seqclass.training.members import Trained, Training
from seqclass.training.mixing import mix, select_registered
from seqclass.training.splits import nested_folds


def nested_scores(trained: list[Trained], training: Training) -> np.ndarray:
    """Return log-probabilities ``(n, classes)``, with offsets, of held-back rows by fold.

    For each fold, members are mixed, tempered and offset by all other folds and then answer this
    one (Varma and Simon 2006, "Bias in error estimation when using cross-validation"). The rows are
    those of the folds that every member has answered. There are none if there is a single fold, if
    rows are many, or if networks began with weights that may have seen these rows.
    """
    n = min(len(one.scores) for one in trained)
    ends = np.cumsum([len(held) for held in training.held_by_fold])
    answered = training.folds[: int((ends <= n).sum())]
    folds = [] if training.initial else nested_folds(answered, len(training.own))
    if not folds:
        return np.empty((0, training.n_classes))
    ends = ends[: len(folds)]
    known = replace(training, folds=folds)
    own = [
        one._replace(scores=(one.scores if one.unseen is None else one.unseen)[: ends[-1]])
        for one in trained
    ]
    parts = [slice(end - len(held), end) for end, (_, held) in zip(ends, folds, strict=True)]
    return np.concatenate([_fold(k, part, own, known) for k, part in enumerate(parts)])


def _fold(k: int, part: slice, trained: list[Trained], training: Training) -> np.ndarray:
    """Return scores of the rows ``part`` of fold ``k``, with members mixed by the other folds."""
    others = replace(training, folds=[*training.folds[:k], *training.folds[k + 1 :]])
    rest = [one._replace(scores=np.delete(one.scores, part, axis=0)) for one in trained]
    mixture = select_registered(rest, mix(rest, others), others)
    y, prior = training.rows.y[others.held], training.prior
    offsets = None
    if prior is not None:
        offsets = fit_offsets(mixture.probabilities([one.scores for one in rest]), y, prior)
    answered = mixture.probabilities([one.scores[part] for one in trained])
    return with_offsets(answered, offsets)
