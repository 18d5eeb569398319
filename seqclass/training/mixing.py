"""The mixtures that held-back rows choose, and their answers to rows that took no part in them."""

from dataclasses import replace

import numpy as np

from seqclass.evaluation.calibration import half_a_row
from seqclass.evaluation.contribution import LSTM
from seqclass.evaluation.decisions import LARGEST, rule_scores
from seqclass.training.committee import Mixture, fit_mixture
from seqclass.training.members import TrainedMember, Training
from seqclass.training.splits import nested_folds

MIN_ROWS = 100
"""Fewest held-back rows that can show a gain; an accuracy on them has a standard error of 0.05."""


def mix(trained: list[TrainedMember], training: Training) -> Mixture:
    """Mix members by the rows that they were not fitted to.

    A member without a gain gets weight 0, except the LSTM.
    """
    scores = [member.scores for member in trained]
    y = training.rows.y[training.held[: max(map(len, scores))]]
    return fit_mixture(scores, y, [k for k, member in enumerate(trained) if member.name == LSTM])


def select_registered(
    trained: list[TrainedMember], committee: Mixture, training: Training
) -> Mixture:
    """Choose the mixture that a seed registers: the LSTM alone, or the committee with it.

    The LSTM alone is chosen if at least ``MIN_ROWS`` held-back rows can't tell it from the
    committee. This is so if its log-loss is higher by no more than one standard error of the paired
    differences (the rule of Breiman et al. 1984, "Classification and Regression Trees", section
    3.4.3), or by no more than half a row in doubt costs, since rows without an error have next to
    no standard error. Both are fitted to the rows that the LSTM has answered.
    """
    names = [member.name for member in trained]
    n = len(trained[names.index(LSTM)].scores) if LSTM in names else 0
    if n < MIN_ROWS:
        return committee
    alone = Mixture(tuple(float(name == LSTM) for name in names), committee.temperatures, 1.0)
    same_rows = [member._replace(scores=member.scores[:n]) for member in trained]
    y, scores = training.rows.y[training.held[:n]], [member.scores for member in same_rows]
    gap = alone.losses(scores, y) - mix(same_rows, training).losses(scores, y)
    error, freedom = training.error_of_mean(gap)
    return alone if freedom and gap.mean() <= max(error, half_a_row(n)) else committee


def nested_scores(trained: list[TrainedMember], training: Training) -> np.ndarray:
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


def _without(k: int, part: slice, trained: list[TrainedMember], training: Training) -> np.ndarray:
    """Return log-probabilities of all rows, with members mixed without fold ``k``, ``part``."""
    others = replace(training, folds=[*training.folds[:k], *training.folds[k + 1 :]])
    rest = [member._replace(scores=np.delete(member.scores, part, axis=0)) for member in trained]
    mixture = select_registered(rest, mix(rest, others), others)
    return rule_scores(mixture.probabilities([member.scores for member in trained]), LARGEST)
