"""The choice of the rule from probabilities to answers, on rows that no network was fitted to."""

import math
from dataclasses import replace

import numpy as np

from seqclass.evaluation.decisions import (
    LARGEST,
    Decision,
    are_doubtful,
    confidence_of,
    predict_labels,
)
from seqclass.evaluation.goals import (
    SCORE_GOALS,
    Abstention,
    Goal,
    GoalScores,
    costs_of,
    goal_name,
)
from seqclass.evaluation.intervals import count_kinds, shares_of_draws
from seqclass.evaluation.metrics import Truth, class_counts, count_scores, label_scores

STRENGTHS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the offsets that cancel the classes' shares."""
MIN_ROWS = 10
"""Fewest held-back rows of a class with an offset."""
CONFIDENCE = 0.9
"""Confidence with which answers keep the asked share of errors."""


def choose_rule(
    probabilities: np.ndarray, truth: Truth, goal: Goal, limits: Abstention
) -> Decision:
    """Return the rule for a goal, chosen on the held-back rows ``probabilities (n, classes)``."""
    rule = rule_for(probabilities, truth, goal)
    right = predict_labels(probabilities, rule) == truth.y
    if rule.costs is None:
        draws = shares_of_draws(truth.y, truth.groups)
        confidence = confidence_of(probabilities, rule)
        rule = replace(rule, threshold=fit_threshold(confidence, right, draws, limits.max_error))
    kept = ~are_doubtful(probabilities, rule)
    return replace(
        rule,
        coverage=float(kept.mean()),
        risk=float(1 - right[kept].mean()) if kept.any() else 0.0,
        unfamiliar=limits.unfamiliar,
        possible=possible_from(probabilities, truth.y, limits.set_coverage),
    )


def rule_for(probabilities: np.ndarray, truth: Truth, goal: Goal) -> Decision:
    """Return the rule for a goal that answers every row.

    Offsets cancel the classes' shares, or a part of them, relative to the largest class. The
    smallest part is taken that the best one does not exceed by more than one standard error of
    the paired differences (the rule of Breiman et al. 1984, "Classification and Regression Trees",
    section 3.4.3), so that it is often none. A class of fewer than ``MIN_ROWS`` rows has no offset.
    The accuracy needs no offsets.
    """
    if not isinstance(goal, str):
        return replace(LARGEST, costs=costs_of(goal, truth.classes))
    rows = np.bincount(truth.y, minlength=len(truth.classes))
    if goal == "accuracy" or rows.max() < MIN_ROWS:
        return LARGEST
    full = np.where(rows < MIN_ROWS, 0.0, np.log(rows.max() / np.maximum(rows, 1)))
    offsets = [tuple((part * full).tolist()) for part in STRENGTHS]
    rules = [LARGEST, *(replace(LARGEST, offsets=vector) for vector in offsets)]
    answers = [predict_labels(probabilities, rule) for rule in rules]
    reached = [label_scores(codes, truth.y, len(rows))[goal] for codes in answers]
    best = answers[int(np.argmax(reached))]
    return next(
        rule
        for rule, codes, score in zip(rules, answers, reached, strict=True)
        if max(reached) - score <= error_of_gain(best, codes, truth, goal)
    )


def error_of_gain(answers: np.ndarray, others: np.ndarray, truth: Truth, goal: str) -> float:
    """Return the standard error of the gain in a score of answers ``(n,)`` over others.

    It is that of the jackknife (Efron 1982), which leaves out one row, or one group, at a time.
    """
    y, classes, groups = truth
    kinds, rows, by_group = count_kinds(
        (y * len(classes) + answers) * len(classes) + others, groups
    )
    y, answers, others = np.unravel_index(kinds, (len(classes),) * 3)

    def without_each(guessed: np.ndarray) -> np.ndarray:
        counts = class_counts(y, guessed, len(classes))
        total, left_out = rows @ counts, counts if by_group is None else by_group @ counts
        return count_scores(*np.split(total - left_out.toarray(), 3, axis=1))[goal]

    gains = without_each(answers) - without_each(others)
    times = rows if by_group is None else np.ones(len(gains))
    n = times.sum()
    off = np.square(gains - times @ gains / n)
    return math.sqrt((n - 1) / n * times @ off) if n > 1 else math.inf


def fit_threshold(
    confidence: np.ndarray, right: np.ndarray, draws: np.ndarray, max_error: float
) -> float:
    """Return the lowest confidence with which rows are answered.

    It is the lowest at which the answered rows show, with a confidence of ``CONFIDENCE``, that at
    most a share ``max_error`` of further answers is wrong (Clopper and Pearson 1934); 0 if all rows
    show it. Where no threshold shows it, only what is surer than every mistake is answered.
    confidence: ``(n,)``; right: True for the right answers ``(n,)``; draws: the share of an
    independent draw ``(n,)`` that each row is.
    """
    from scipy.stats import beta

    order = np.argsort(-confidence, kind="stable")
    values, wrong = confidence[order], ~right[order]
    errors, answered = np.cumsum(draws[order] * wrong), np.cumsum(draws[order])
    correct = np.maximum(answered - errors, 0)
    bound = np.where(correct > 0, beta.ppf(CONFIDENCE, errors + 1, np.maximum(correct, 1e-9)), 1.0)
    is_last_of_its_value = np.append(np.diff(values) < 0, True)
    kept = is_last_of_its_value & (bound <= max_error)
    if not kept.any():
        kept = values > np.max(values[wrong], initial=-1.0)
    if kept[-1]:
        return 0.0
    return float(values[kept][-1]) if kept.any() else float(np.nextafter(values[0], 2.0))


def possible_from(probabilities: np.ndarray, y: np.ndarray, coverage: float) -> tuple[float, ...]:
    """Return per class the probability that a share ``coverage`` of its held-back rows reaches.

    Class-conditional split conformal prediction (Vovk et al. 2005, section 4.5): of n rows of a
    class, the probability at place ``floor((n + 1) (1 - coverage))`` from below; 0 if that place is
    0.
    """
    thresholds = []
    for code in range(probabilities.shape[1]):
        of_class = np.sort(probabilities[y == code, code])
        place = int((len(of_class) + 1) * (1 - coverage) + 1e-9)
        thresholds.append(float(of_class[place - 1]) if place else 0.0)
    return tuple(thresholds)


def scores_by_goal(
    held: tuple[np.ndarray, Truth], tested: tuple[np.ndarray, Truth], goal: Goal, limits: Abstention
) -> dict[str, GoalScores]:
    """Return scores on tested rows by the rule for each goal, chosen on held-back rows, by name.

    held, tested: probabilities ``(n, classes)`` and their truth. Costs are a goal only if ``goal``
    is.
    """
    probabilities, truth = tested
    matrix = costs_of(goal, truth.classes)
    goals: tuple[Goal, ...] = SCORE_GOALS if matrix is None else (*SCORE_GOALS, goal)
    by_goal: dict[str, GoalScores] = {}
    for candidate in goals:
        rule = choose_rule(*held, candidate, limits)
        codes, n_classes = predict_labels(probabilities, rule), len(truth.classes)
        scores = label_scores(codes, truth.y, n_classes)
        cost = expected = None
        if matrix is not None:
            costs = np.array(matrix)
            if costs.shape[1] > n_classes:
                codes = np.where(are_doubtful(probabilities, rule), n_classes, codes)
            cost = float(costs[truth.y, codes].mean())
            expected = float((probabilities * costs[:, codes].T).sum(axis=1).mean())
        by_goal[goal_name(candidate)] = {
            "accuracy": scores["accuracy"],
            "macro_f1": scores["macro_f1"],
            "balanced_accuracy": scores["balanced_accuracy"],
            "cost": cost,
            "expected_cost": expected,
        }
    return by_goal
