"""Scores of probabilities against class codes, with bootstrap intervals."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.calibration import calibration_error, reliability_table
from seqclass.evaluation.decisions import LARGEST, Decision, predict_labels
from seqclass.evaluation.intervals import (
    AT_ONCE,
    Counted,
    bootstrap_intervals,
    count_kinds,
    outer_ends,
    resampled_sums,
    widened,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FLOOR = 1e-7
HIGHEST = -math.log(FLOOR)
"""The lowest probability that counts, and the highest loss (nats)."""
N_RESAMPLES = 1000
SCORES = ("accuracy", "macro_f1", "balanced_accuracy")


class ClassScores(TypedDict):
    """Scores of one class, each in [0, 1]. support: number of its rows."""

    precision: float
    recall: float
    f1: float
    support: int


class FullScores(TypedDict):
    """All scores of probabilities in a report.

    brier: mean squared error of the probabilities. per_class: scores of each class. confusion:
    number of rows by true class (row) and answer (column). reliability: number of rows, mean
    confidence and accuracy of each bin of confidence.
    """

    accuracy: float
    macro_f1: float
    balanced_accuracy: float
    log_loss: float
    ece: float
    brier: float
    macro_precision: float
    macro_recall: float
    per_class: dict[str, ClassScores]
    confusion: list[list[int]]
    reliability: list[list[float]]
    intervals: dict[str, list[float]]


def log_loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the mean negative log-probability (nats) of the true class.

    probabilities: ``(n, classes)``; y: class codes ``(n,)``.
    """
    return float(row_losses(probabilities, y).mean())


def brier(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the mean squared distance, in [0, 2], of probabilities from the truth (Brier 1950)."""
    return float(np.square(probabilities - np.eye(probabilities.shape[1])[y]).sum(axis=1).mean())


def row_losses(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return each true class's negative log-probability (nats) ``(n,)`` float64, at most 16.2."""
    true = probabilities[np.arange(len(y)), y].astype(np.float64)
    return 0.0 - np.log(np.maximum(true, FLOOR))


def hardest_rows(probabilities: np.ndarray, y: np.ndarray, n: int) -> np.ndarray:
    """Return row numbers of the ``n`` highest losses, the highest first, then the earlier row."""
    return np.argsort(-row_losses(probabilities, y), kind="stable")[:n]


def scores(probabilities: np.ndarray, y: np.ndarray, rule: Decision = LARGEST) -> dict[str, float]:
    """Return accuracy, macro F1 and balanced accuracy of the answers, each in [0, 1]."""
    return label_scores(predict_labels(probabilities, rule), y, probabilities.shape[1])


def seed_scores(
    probabilities: np.ndarray, y: np.ndarray, rule: Decision = LARGEST
) -> dict[str, float]:
    """Return the scores that are kept of every seed, with log-loss (nats) and calibration error."""
    return {
        **scores(probabilities, y, rule),
        "log_loss": log_loss(probabilities, y),
        "ece": calibration_error(probabilities, y),
    }


def label_scores(guessed: np.ndarray, y: np.ndarray, n_classes: int) -> dict[str, float]:
    """Return accuracy, macro F1 and balanced accuracy of guessed class codes ``(n,)``."""
    right, true, predicted = (
        np.bincount(codes, minlength=n_classes)[None] for codes in (y[guessed == y], y, guessed)
    )
    return {name: float(value[0]) for name, value in count_scores(right, true, predicted).items()}


class Truth(NamedTuple):
    """True class codes ``(n,)`` of rows, and their groups ``(n,)``, None if there are none."""

    y: np.ndarray
    classes: list[str]
    groups: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "Truth":
        """Return the truth of these rows."""
        return Truth(self.y[rows], self.classes, None if self.groups is None else self.groups[rows])


def score_predictions(
    probabilities: np.ndarray, truth: Truth, seed: int, rule: Decision = LARGEST
) -> FullScores:
    """Return all scores of ``probabilities (n, classes)``, with bootstrapped 95% intervals."""
    from sklearn.metrics import confusion_matrix

    y, classes, groups = truth
    codes = np.arange(len(classes))
    guessed = predict_labels(probabilities, rule)
    table = confusion_matrix(y, guessed, labels=codes)
    per_class = class_scores(guessed, y, classes)
    tested = [of_class for of_class in per_class.values() if of_class["support"]]
    scored = seed_scores(probabilities, y, rule)
    return {
        "accuracy": scored["accuracy"],
        "macro_f1": scored["macro_f1"],
        "balanced_accuracy": scored["balanced_accuracy"],
        "log_loss": scored["log_loss"],
        "ece": scored["ece"],
        "brier": brier(probabilities, y),
        "macro_precision": float(np.mean([of_class["precision"] for of_class in tested])),
        "macro_recall": float(np.mean([of_class["recall"] for of_class in tested])),
        "per_class": per_class,
        "confusion": table.tolist(),
        "reliability": reliability_table(probabilities, y),
        "intervals": {
            **score_intervals(guessed, y, len(classes), seed, groups),
            "log_loss": _loss_interval(row_losses(probabilities, y), seed, groups),
        },
    }


def class_scores(
    guessed: np.ndarray, y: np.ndarray, classes: Sequence[str]
) -> dict[str, ClassScores]:
    """Return precision, recall and F1 of each class, by guessed and true class codes ``(n,)``."""
    from sklearn.metrics import precision_recall_fscore_support

    arrays = precision_recall_fscore_support(
        y, guessed, labels=np.arange(len(classes)), zero_division=0.0
    )
    columns = (column.tolist() for column in arrays)
    return {
        name: {"precision": p, "recall": r, "f1": f, "support": n}
        for name, p, r, f, n in zip(classes, *columns, strict=True)
    }


def score_intervals(
    guessed: np.ndarray, y: np.ndarray, n_classes: int, seed: int, groups: np.ndarray | None = None
) -> dict[str, list[float]]:
    """Return bootstrapped 95% intervals of the scores of guessed class codes ``(n,)``.

    y: true codes ``(n,)``; groups: ``(n,)``, the group of each row, None if rows are independent.
    Without any error, all draws are the same; the lower end is then the lowest value at which no
    error in so many rows, or groups, still has a chance of 0.025 (Clopper and Pearson 1934):
    ``0.025 ** (1 / n)`` for the accuracy. For the mean over classes it is lowest if all errors are
    of the smallest class.
    """
    if (guessed == y).all():
        units = np.arange(len(y)) if groups is None else np.unique(groups, return_inverse=True)[1]
        sizes = np.bincount(np.unique(units * n_classes + y) % n_classes)
        sizes = sizes[sizes > 0]
        by_class = 1 - (1 - 0.025 ** (1 / sizes.min())) / len(sizes)
        lows = {"accuracy": 0.025 ** (1 / (units.max() + 1))}
        return {name: [float(lows.get(name, by_class)), 1.0] for name in SCORES}
    kinds, rows, by_group = count_kinds(y.astype(np.int64) * n_classes + guessed, groups)
    counted = Counted(class_counts(*np.divmod(kinds, n_classes), n_classes), rows, by_group)

    def scores_of(sums: np.ndarray) -> np.ndarray:
        return np.stack([*count_scores(*np.split(sums, 3, axis=1)).values()])

    intervals = bootstrap_intervals(counted, scores_of, seed, N_RESAMPLES, (0.0, 1.0))
    return dict(zip(SCORES, intervals.tolist(), strict=True))


def class_counts(y: np.ndarray, guessed: np.ndarray, n_classes: int) -> "csr_array":
    """Return what answers ``(n,)`` add to the counts of ``count_scores``, ``(n, 3 classes)``."""
    from scipy.sparse import coo_array

    row, right = np.arange(len(y)), np.flatnonzero(y == guessed)
    rows = np.concatenate([right, row, row])
    columns = np.concatenate([y[right], n_classes + y, 2 * n_classes + guessed])
    shape = (len(y), 3 * n_classes)
    return coo_array((np.ones(len(rows)), (rows, columns)), shape).tocsr()


def count_scores(right: np.ndarray, true: np.ndarray, guessed: np.ndarray) -> dict[str, np.ndarray]:
    """Return scores ``(k,)`` of counts ``(k, classes)``: right answers, rows and answers."""
    return {
        "accuracy": right.sum(axis=1) / np.maximum(true.sum(axis=1), 1),
        "macro_f1": macro_f1(right, true, guessed),
        "balanced_accuracy": _over_present(right / np.maximum(true, 1), true),
    }


def macro_f1(right: np.ndarray, true: np.ndarray, guessed: np.ndarray) -> np.ndarray:
    """Return the macro F1 ``(...,)`` of counts ``(..., classes)``.

    right: right answers of each class; true: its rows; guessed: its answers.
    """
    total = true + guessed
    return _over_present(2 * right / np.where(total > 0, total, 1), true)


def _over_present(values: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return the mean ``(...,)`` over the classes that have rows."""
    present = true > 0
    return (values * present).sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)


def _loss_interval(losses: np.ndarray, seed: int, groups: np.ndarray | None) -> list[float]:
    from scipy.stats import bootstrap

    mean = float(losses.mean())
    if np.ptp(losses) == 0:
        ends = np.array([mean, mean])
    else:
        ends = np.array(bootstrap(
            (losses,), np.mean, n_resamples=N_RESAMPLES, batch=AT_ONCE, method="percentile",
            rng=seed,
        ).confidence_interval)  # fmt: skip
    if groups is not None:
        group = np.unique(groups, return_inverse=True)[1]
        sums = np.stack([np.bincount(group, losses), np.bincount(group)], axis=1)
        drawn = resampled_sums(sums, np.ones(len(sums), np.intp), seed, N_RESAMPLES)
        by_group = np.percentile(drawn[:, 0] / drawn[:, 1], [2.5, 97.5])
        ends = outer_ends(ends, widened(by_group, mean, len(sums)), (0.0, HIGHEST))
    return ends.tolist()
