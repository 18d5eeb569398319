"""The mixtures that held-back rows choose: of all members, and the one that a seed registers."""

from seqclass.evaluation.calibration import half_a_row
from seqclass.evaluation.contribution import LSTM
from seqclass.training.committee import Mixture, fit_mixture
from seqclass.training.members import Trained, Training

MIN_ROWS = 100
"""Fewest held-back rows that can show a gain; an accuracy on them has a standard error of 0.05."""


def mix(trained: list[Trained], training: Training) -> Mixture:
    """Mix members by the rows that they were not fitted to.

    A member without a gain gets weight 0, except the LSTM.
    """
    scores = [member.scores for member in trained]
    y = training.rows.y[training.held[: max(map(len, scores))]]
    return fit_mixture(scores, y, [k for k, member in enumerate(trained) if member.name == LSTM])


def select_registered(trained: list[Trained], committee: Mixture, training: Training) -> Mixture:
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
