"""Goals of answers: a score to raise, or costs to lower, and how many errors are allowed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.series import check_ranges

SCORE_GOALS = ("macro_f1", "accuracy", "balanced_accuracy")
Costs = Mapping[str, Mapping[str, float]]
Goal = str | Costs
"""A score to raise, or costs to lower: by true class, the cost of each answer."""
COSTS = "costs"


@dataclass(frozen=True)
class Abstention:
    """Limits for the answer ``unknown``.

    max_error: largest share of wrong answers among those that are not unknown, in [0, 1).
    unfamiliar: share of series like the training rows that are taken for unlike them, in [0, 1).
    set_coverage: share of each class's series whose set of possible classes contains it, in (0, 1).
    """

    max_error: float = 0.05
    unfamiliar: float = 0.01
    set_coverage: float = 0.9

    def __post_init__(self) -> None:
        check_ranges(self, [("max_error unfamiliar", 0, 1), ("set_coverage", 1e-9, 1)])


class GoalScores(TypedDict):
    """Scores of answers by one goal.

    cost: the mean cost of an answer. expected_cost: the same by the calibrated probabilities; both
    are null without costs.
    """

    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    cost: float | None
    expected_cost: float | None


def check_goal(goal: Goal) -> None:
    """Raise ValueError if a goal is neither a score nor costs."""
    rows = goal.values() if isinstance(goal, Mapping) else [None]
    is_score = isinstance(goal, str) and goal in SCORE_GOALS
    if not is_score and not all(isinstance(row, Mapping) for row in rows):
        raise ValueError(
            f"goal: expected {', '.join(SCORE_GOALS)}, or costs by true class and answer (for "
            f"--goal in a .csv file), got {' '.join(repr(goal).split())[:80]}; correct it"
        )


def goal_name(goal: Goal) -> str:
    """Return the name of a goal: that of the score, or ``costs``."""
    return goal if isinstance(goal, str) else COSTS


def costs_of(goal: Goal, classes: Sequence[str]) -> tuple[tuple[float, ...], ...] | None:
    """Return the cost by true class of each answer, in the order of the classes; None for a score.

    If the costs name ``unknown``, it is a last answer. The right answer costs 0 unless the costs
    name it. ValueError if a cost is missing, is no number of at least 0, or is of another class.
    """
    if isinstance(goal, str):
        return None
    given = {str(truth): {str(a): cost for a, cost in row.items()} for truth, row in goal.items()}
    named = {answer for row in given.values() for answer in row}
    answers = [*classes, UNKNOWN] if UNKNOWN in named else list(classes)
    if strangers := sorted(named.union(given) - set(answers)):
        raise ValueError(
            f"goal: expected costs of the classes {', '.join(classes)}, got {strangers[0]!r}; "
            "correct it"
        )
    rows = [{truth: 0.0, **given.get(truth, {})} for truth in classes]
    for truth, row in zip(classes, rows, strict=True):
        for answer in answers:
            cost = row.get(answer)
            if not isinstance(cost, Real) or not 0 <= cost < np.inf:
                raise ValueError(
                    f"goal: expected a cost of at least 0 of the answer {answer!r} where {truth!r} "
                    f"is true, got {'none' if cost is None else cost}; correct it"
                )
    return tuple(tuple(float(row[answer]) for answer in answers) for row in rows)
