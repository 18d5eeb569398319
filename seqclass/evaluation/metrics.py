"""Scores of probabilities against class codes, with bootstrap intervals."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import bootstrap
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from typing_extensions import TypedDict

from seqclass.evaluation.calibration import calibration_error, reliability_table
from seqclass.evaluation.decisions import predict_labels

Offsets = np.ndarray | Sequence[float] | None
FLOOR = 1e-7
N_RESAMPLES, AT_ONCE = 1000, 50
"""Draws of a bootstrap, and those of them that are held at once."""


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
    """Return row numbers, ascending, of the ``n`` highest losses; of equal ones the earlier row."""
    return np.sort(np.argsort(-row_losses(probabilities, y), kind="stable")[:n])


def scores(probabilities: np.ndarray, y: np.ndarray, offsets: Offsets = None) -> dict[str, float]:
    """Return accuracy, macro F1 and balanced accuracy of the answers, each in [0, 1]."""
    return label_scores(predict_labels(probabilities, offsets), y, probabilities.shape[1])


def seed_scores(
    probabilities: np.ndarray, y: np.ndarray, offsets: Offsets = None
) -> dict[str, float]:
    """Return the scores that are kept of every seed, with log-loss (nats) and calibration error."""
    return {
        **scores(probabilities, y, offsets),
        "log_loss": log_loss(probabilities, y),
        "ece": calibration_error(probabilities, y),
    }


def label_scores(guessed: np.ndarray, y: np.ndarray, n_classes: int) -> dict[str, float]:
    """Return accuracy, macro F1 and balanced accuracy of guessed class codes ``(n,)``."""
    table = confusion_matrix(y, guessed, labels=np.arange(n_classes))
    return {name: float(value[0]) for name, value in table_scores(table[None]).items()}


def evaluate(
    probabilities: np.ndarray,
    y: np.ndarray,
    classes: list[str],
    seed: int,
    offsets: Offsets = None,
) -> FullScores:
    """Return all scores of ``probabilities (n, classes)``, with 95% intervals bootstrapped over
    rows."""
    codes = np.arange(len(classes))
    guessed = predict_labels(probabilities, offsets)
    table = confusion_matrix(y, guessed, labels=codes)
    per_class = class_scores(guessed, y, classes)
    tested = [own for own in per_class.values() if own["support"]]
    own = seed_scores(probabilities, y, offsets)
    return {
        "accuracy": own["accuracy"],
        "macro_f1": own["macro_f1"],
        "balanced_accuracy": own["balanced_accuracy"],
        "log_loss": own["log_loss"],
        "ece": own["ece"],
        "brier": brier(probabilities, y),
        "macro_precision": float(np.mean([of["precision"] for of in tested])),
        "macro_recall": float(np.mean([of["recall"] for of in tested])),
        "per_class": per_class,
        "confusion": table.tolist(),
        "reliability": reliability_table(probabilities, y),
        "intervals": {
            **score_intervals(table, seed),
            "log_loss": _mean_interval(row_losses(probabilities, y), seed),
        },
    }


def class_scores(
    guessed: np.ndarray, y: np.ndarray, classes: Sequence[str]
) -> dict[str, ClassScores]:
    """Return precision, recall and F1 of each class, by guessed and true class codes ``(n,)``."""
    found = precision_recall_fscore_support(
        y, guessed, labels=np.arange(len(classes)), zero_division=0.0
    )
    columns = (column.tolist() for column in found)
    return {
        name: {"precision": p, "recall": r, "f1": f, "support": n}
        for name, p, r, f, n in zip(classes, *columns, strict=True)
    }


def score_intervals(table: np.ndarray, seed: int) -> dict[str, list[float]]:
    """Return 95% percentile intervals of the scores of a confusion matrix ``(classes, classes)``.

    Resampling rows with replacement only changes the counts in the cells, which are then
    multinomial, so the rows themselves are not drawn. Without any error, all draws are the same;
    the lower end is then the lowest value at which no error in so many rows still has a chance of
    0.025 (Clopper and Pearson 1934): ``0.025 ** (1 / n)`` for the accuracy. For the mean over
    classes it is lowest if all errors are of the smallest class.
    """
    n, sizes = int(table.sum()), table.sum(axis=1)
    if np.trace(table) == n:
        sizes = sizes[sizes > 0]
        by_class = 1 - (1 - 0.025 ** (1 / sizes.min())) / len(sizes)
        lows = {"accuracy": 0.025 ** (1 / n)}
        return {name: [float(lows.get(name, by_class)), 1.0] for name in table_scores(table[None])}
    rng = np.random.default_rng(seed)
    parts = [
        table_scores(rng.multinomial(n, table.ravel() / n, AT_ONCE).reshape(-1, *table.shape))
        for _ in range(N_RESAMPLES // AT_ONCE)
    ]
    return {
        name: np.percentile([part[name] for part in parts], [2.5, 97.5]).tolist()
        for name in parts[0]
    }


def table_scores(tables: np.ndarray) -> dict[str, np.ndarray]:
    """Return scores of confusion matrices ``(k, classes, classes)``, by classes that have rows."""
    right = np.diagonal(tables, axis1=1, axis2=2).astype(float)
    true, guessed = tables.sum(axis=2), tables.sum(axis=1)
    return {
        "accuracy": right.sum(axis=1) / np.maximum(tables.sum(axis=(1, 2)), 1),
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


def _mean_interval(values: np.ndarray, seed: int) -> list[float]:
    if np.ptp(values) == 0:
        return [float(values[0])] * 2
    found = bootstrap(
        (values,), np.mean, n_resamples=N_RESAMPLES, batch=AT_ONCE, method="percentile", rng=seed
    )
    return [float(found.confidence_interval.low), float(found.confidence_interval.high)]
