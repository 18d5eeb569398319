"""Answers of a committee to rows that took no part in it: in no member or weight."""

from dataclasses import replace

import numpy as np

from seqclass.evaluation.decisions import LARGEST, rule_scores
from seqclass.training.members import Trained, Training
from seqclass.training.mixing import mix, select_registered
from seqclass.training.splits import nested_folds


def nested_scores(trained: list[Trained], training: Training) -> np.ndarray:
    """Return log-probabilities ``(folds, n, classes)`` of held-back rows, without each fold.

    For each fold, members are mixed and tempered by the rows of all other folds, and answer all n
    rows (Varma and Simon 2006, "Bias in error estimation when using cross-validation"). So the
    other folds may choose the rule by which the fold's own rows are answered. The rows are those of
    the folds that every member has answered. There are none if there is a single fold, if rows are
    many, or if networks began with weights that may have seen these rows.
    """
    n = min(len(one.scores) for one in trained)
    ends = np.cumsum([len(held) for held in training.held_by_fold])
    answered = training.folds[: int((ends <= n).sum())]
    folds = [] if training.initial else nested_folds(answered, len(training.own))
    if not folds:
        return np.empty((0, 0, training.n_classes))
    ends = ends[: len(folds)]
    known = replace(training, folds=folds)
    own = [
        one._replace(scores=(one.scores if one.unseen is None else one.unseen)[: ends[-1]])
        for one in trained
    ]
    parts = [slice(end - len(held), end) for end, (_, held) in zip(ends, folds, strict=True)]
    return np.stack([_without(k, part, own, known) for k, part in enumerate(parts)])


def _without(k: int, part: slice, trained: list[Trained], training: Training) -> np.ndarray:
    """Return log-probabilities of all rows, with members mixed without fold ``k``, ``part``."""
    others = replace(training, folds=[*training.folds[:k], *training.folds[k + 1 :]])
    rest = [one._replace(scores=np.delete(one.scores, part, axis=0)) for one in trained]
    mixture = select_registered(rest, mix(rest, others), others)
    return rule_scores(mixture.probabilities([one.scores for one in trained]), LARGEST)
