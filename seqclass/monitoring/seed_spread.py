"""The spread of seeds: where they disagree, and whether one of them can be trusted (the gate)."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.agreement import Spread, flips, spread_of, worst_case
from seqclass.evaluation.lstm_alone import LstmSpread, lstm_spread
from seqclass.monitoring.first_champion import SeedScores
from seqclass.training.spec import ChampionLimits

MAX_FLIPPING = 20


class SeedAnswers(NamedTuple):
    """Predictions of all seeds for the same test rows.

    answers: class codes ``(seeds, n)``; y: true codes ``(n,)``; names: the rows' ids. groups:
    their groups ``(n,)``, None if there are none.
    """

    answers: np.ndarray
    y: np.ndarray
    names: list[str]
    n_classes: int
    groups: np.ndarray | None = None


class WorstSeed(TypedDict):
    """The seed with the most errors. intervals: 95% intervals of its scores."""

    seed: int
    intervals: dict[str, list[float]]


class FlippingRow(TypedDict):
    """A test row on which seeds disagree.

    series_id: of the row. share_of_seeds_apart: share of the seeds that do not answer as most of
    them do.
    """

    series_id: str
    share_of_seeds_apart: float


class Agreement(TypedDict):
    """Agreement of the seeds of a recipe.

    lstm: the spread of the LSTM alone, null if none was trained; everything else is about the
    models that the seeds register. spread: by score. worst_seed: the seed with the most errors.
    flipping_rows: number of rows on which seeds disagree. most_flipping: those on which they
    disagree most. refused: the stability gate's reason, or null.
    """

    lstm: LstmSpread | None
    spread: dict[str, Spread]
    worst_seed: WorstSeed
    flipping_rows: int
    most_flipping: list[FlippingRow]
    refused: str | None


def agreement_of(
    seeds: Sequence[Mapping[str, Any]],
    predicted: SeedAnswers,
    limits: ChampionLimits,
    bootstrap_seed: int,
    judged: SeedScores | None = None,
) -> Agreement:
    """Return the spread over seeds, the worst seed, the rows that flip, and the gate's result.

    seeds: each seed's record with its scores on the test rows. judged: their scores on the rows by
    which the gate judges; those of the test rows if None.
    """
    answers, y, names, n_classes, groups = predicted
    worst = worst_case(answers, y, n_classes, bootstrap_seed, groups)
    share = flips(answers)
    order = np.argsort(-share, kind="stable")[: int((share > 0).sum())]
    scores: SeedScores = judged or {
        "balanced_accuracy": [seed["balanced_accuracy"] for seed in seeds],
        "macro_f1": [seed["macro_f1"] for seed in seeds],
    }
    restarts = [seed["restarts"] for seed in seeds]
    return {
        "lstm": lstm_spread(seeds),
        "spread": spread_of(seeds),
        "worst_seed": {"seed": seeds[worst["position"]]["seed"], "intervals": worst["intervals"]},
        "flipping_rows": len(order),
        "most_flipping": [
            {"series_id": names[row], "share_of_seeds_apart": float(share[row])}
            for row in order[:MAX_FLIPPING]
        ],
        "refused": refused_by(
            unstable(**scores, restarts=restarts, n_classes=n_classes, limits=limits)
        ),
    }


def unstable(
    balanced_accuracy: Sequence[float],
    macro_f1: Sequence[float],
    restarts: Sequence[int],
    n_classes: int,
    limits: ChampionLimits,
) -> list[str]:
    """Return a sentence on each limit that is broken: by how much, and what to try.

    The first three hold one value per seed, all of them from the same rows.
    """
    n_seeds, floor = len(macro_f1), 1 / n_classes + limits.above_chance
    worst = min(balanced_accuracy)
    spread = float(np.std(macro_f1, ddof=1)) if n_seeds > 1 else 0.0
    mean_restarts = float(np.mean(restarts))
    broken = []
    if not worst >= floor:
        broken.append(
            f"the worst of {n_seeds} seeds has balanced accuracy {worst:.4f}, {floor - worst:.4f} "
            f"below the floor of {floor:.4f} (chance and {limits.above_chance:g}); check the "
            "labels, lower the learning rate, or add rows"
        )
    if not spread <= limits.spread:
        broken.append(
            f"macro F1 spreads over {n_seeds} seeds by a standard deviation of {spread:.4f}, "
            f"{spread - limits.spread:.4f} above the limit of {limits.spread:g}; add rows, or "
            "raise the updates"
        )
    if not mean_restarts <= limits.restarts:
        broken.append(
            f"seeds began again {mean_restarts:.2f} times on average, "
            f"{mean_restarts - limits.restarts:.2f} above the limit of {limits.restarts:g}; lower "
            "the learning rate, or check the labels"
        )
    return broken


def refused_by(reasons: list[str] | None) -> str | None:
    """Return a gate's refusal in one sentence, or None without reasons."""
    return "refused by the gate: " + "; and ".join(reasons) if reasons else None
