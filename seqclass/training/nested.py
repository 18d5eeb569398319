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
    n = min(len(member.scores) for member in trained)
    ends = np.cumsum([len(held) for held in training.held_by_fold])
    answered = training.folds[: int((ends <= n).sum())]
    folds = [] if training.initial else nested_folds(answered, len(training.primary))
    if not folds:
        return np.empty((0, 0, training.n_classes))
    ends = ends[: len(folds)]
    training = replace(training, folds=folds)
    scores = [m.scores if m.unseen is None else m.unseen for m in trained]
    members = [m._replace(scores=part[: ends[-1]]) for m, part in zip(trained, scores, strict=True)]
    parts = [slice(end - len(held), end) for end, (_, held) in zip(ends, folds, strict=True)]
    return np.stack([_without(k, part, members, training) for k, part in enumerate(parts)])


def _without(k: int, part: slice, trained: list[Trained], training: Training) -> np.ndarray:
    """Return log-probabilities of all rows, with members mixed without fold ``k``, ``part``."""
    others = replace(training, folds=[*training.folds[:k], *training.folds[k + 1 :]])
    rest = [member._replace(scores=np.delete(member.scores, part, axis=0)) for member in trained]
    mixture = select_registered(rest, mix(rest, others), others)
    return rule_scores(mixture.probabilities([member.scores for member in trained]), LARGEST)
