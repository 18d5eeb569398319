"""How far the seeds of one recipe agree, score by score and row by row."""

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from seqclass.evaluation.metrics import score_intervals

SPREAD_SCORES = ("accuracy", "macro_f1", "balanced_accuracy")


def spread_of(seeds: list[dict[str, float]]) -> dict[str, dict[str, Any]]:
    """Mean, lowest, highest and standard deviation of each score over seeds.

    One seed says nothing about the deviation, which is None then.
    """
    found = {}
    for name in SPREAD_SCORES:
        values = np.array([seed[name] for seed in seeds])
        found[name] = {
            "mean": float(values.mean()),
            "min": float(values.min()),
            "max": float(values.max()),
            "sd": float(values.std(ddof=1)) if len(values) > 1 else None,
        }
    return found


def worst_case(answers: np.ndarray, y: np.ndarray, n_classes: int, seed: int) -> dict[str, Any]:
    """Position of the seed with the most errors and the 95% intervals of its scores.

    answers: class codes ``(seeds, n)``; y: true codes ``(n,)``.
    """
    worst = int((answers != y).sum(axis=1).argmax())
    table = confusion_matrix(y, answers[worst], labels=np.arange(n_classes))
    return {"position": worst, "intervals": score_intervals(table, seed)}


def flips(answers: np.ndarray) -> np.ndarray:
    """For each row, the share of seeds ``(seeds, n)`` that do not answer as most of them do."""
    n_seeds = len(answers)
    votes = np.stack([(answers == code).sum(axis=0) for code in np.unique(answers)])
    return 1 - votes.max(axis=0) / n_seeds
