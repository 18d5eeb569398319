"""The weight of auxiliary rows: how much another dataset counts in a training.

All of its rows get one weight, as in Wu and Dietterich 2004, "Improving SVM Accuracy by Training on
Auxiliary Data Sources". Rows that are held back choose it, by group.
"""

from dataclasses import replace

import numpy as np

from seqclass.evaluation.calibration import fit_temperature, soften
from seqclass.evaluation.metrics import row_losses
from seqclass.training.learnt_rows import Auxiliary, Rows
from seqclass.training.members import Training
from seqclass.training.ridge import RidgeConfig, fit_ridge

RATIOS = (0.0, 1.0, 4.0, 16.0)
"""Total weights of the auxiliary rows that are tried, as multiples of the other training rows."""


def with_auxiliary(training: Training, others: Rows) -> Training:
    """Add auxiliary rows at the weight that held-back rows choose.

    With weight 0 the training is returned as it is.
    """
    first = len(training.rows)
    rows = _joined(training.rows, others)
    numbers = np.arange(first, len(rows))
    folds = [(np.concatenate([kept, numbers]), held) for kept, held in training.folds]
    mixed = replace(training, rows=rows, folds=folds, auxiliary=Auxiliary(first, 1.0))
    weight = choose_weight(mixed)
    return replace(mixed, auxiliary=Auxiliary(first, weight)) if weight else training


def choose_weight(mixed: Training) -> float:
    """Return the weight of its auxiliary rows with which held-back rows are answered well.

    It is 0 if no other is better by more than one standard error of the paired differences (the
    rule of Breiman et al. 1984). Else it is the largest of those that this error can't tell from
    the best, since networks need more rows than the ridge regression that compares weights. Where
    a fold holds back the whole of a class, 0 is not tried: nothing else speaks for the class.
    """
    losses = _losses_by_weight(mixed)
    best = min((w for w in losses if w), key=lambda weight: float(losses[weight].mean()))
    gaps = {weight: loss - losses[best] for weight, loss in losses.items()}
    like = [w for w, gap in gaps.items() if gap.mean() <= mixed.error_of_mean(gap)[0]]
    return 0.0 if 0.0 in like else max(like)


def _losses_by_weight(mixed: Training) -> dict[float, np.ndarray]:
    """Return the log-loss of each held-back row, by the weight of the auxiliary rows."""
    some = mixed.subsample()
    features, y, first = some.pooled, some.rows.y, len(some.primary)
    weights, losses = _weights(first, len(y) - first), {}
    if _is_held_whole(some):
        weights.remove(0.0)
    for weight in weights:
        n = len(y) if weight else first
        auxiliary = Auxiliary(first, weight) if weight else None
        config = RidgeConfig(folds=some.held_by_fold, auxiliary=auxiliary)
        head = fit_ridge(features[:n], y[:n], mixed.n_classes, config)
        scores, truth = np.concatenate(head.held), y[some.held]
        losses[weight] = row_losses(soften(scores, fit_temperature(scores, truth)), truth)
    return losses


def _is_held_whole(mixed: Training) -> bool:
    """Check whether a fold keeps only auxiliary rows of a class."""
    y, n = mixed.primary.y, len(mixed.primary)
    return any(len(np.unique(y[kept[kept < n]])) < len(np.unique(y)) for kept, _ in mixed.folds)


def _weights(n_own: int, n_others: int) -> list[float]:
    """Return the weights to try, ascending; an auxiliary row counts for one at most.

    n_others: auxiliary rows in the sample, which may be none of few.
    """
    return sorted({min(1.0, ratio * n_own / max(n_others, 1)) for ratio in RATIOS})


def _joined(rows: Rows, others: Rows) -> Rows:
    """Return the rows of both, padded to the longest series."""
    n_steps = max(rows.x.shape[1], others.x.shape[1])
    parts = [
        np.pad(x, ((0, 0), (0, n_steps - x.shape[1]), (0, 0)), constant_values=np.nan)
        for x in (rows.x, others.x)
    ]
    return Rows(np.concatenate(parts), np.concatenate([rows.y, others.y]))
