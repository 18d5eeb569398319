"""Agreement of the seeds of one recipe, score by score and row by row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.metrics import SCORES, score_intervals


class Spread(TypedDict):
    """The spread of a score over seeds.

    mean, min, max: over the seeds. sd: the standard deviation, null for a single seed.
    """

    mean: float
    min: float
    max: float
    sd: float | None


class WorstCase(TypedDict):
    """The seed with the most errors, counted from 0, and the intervals of its scores."""

    position: int
    intervals: dict[str, list[float]]


def spread_of(seeds: Sequence[Mapping[str, Any]]) -> dict[str, Spread]:
    """Return mean, lowest, highest and standard deviation of each score over seeds."""
    return {name: spread_of_values([seed[name] for seed in seeds]) for name in SCORES}


def spread_of_values(values: Sequence[float]) -> Spread:
    """Return mean, lowest, highest and standard deviation, which is None for a single value."""
    return {
        "mean": float(np.mean(values)),
        "min": float(min(values)),
        "max": float(max(values)),
        "sd": float(np.std(values, ddof=1)) if len(values) > 1 else None,
    }


def worst_case(
    answers: np.ndarray, y: np.ndarray, n_classes: int, seed: int, groups: np.ndarray | None = None
) -> WorstCase:
    """Return the position of the seed with the most errors and the 95% intervals of its scores.

    answers: class codes ``(seeds, n)``; y: true codes ``(n,)``; groups: as for
    ``score_intervals``.
    """
    worst = int((answers != y).sum(axis=1).argmax())
    return {
        "position": worst,
        "intervals": score_intervals(answers[worst], y, n_classes, seed, groups),
    }


def flips(answers: np.ndarray) -> np.ndarray:
    """Return, for each row, the share of seeds that do not answer as most of them do.

    answers: class codes ``(seeds, n)``.
    """
    n_seeds = len(answers)
    votes = np.stack([(answers == code).sum(axis=0) for code in np.unique(answers)])
    return 1 - votes.max(axis=0) / n_seeds
