"""The stability report: how seeds spread, where they disagree, and the gate's refusal."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.agreement import Spread, flips, spread_of, worst_case
from seqclass.evaluation.lstm_alone import LstmSpread, lstm_spread
from seqclass.monitoring.gate import stability_gate
from seqclass.training.spec import Limits

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
    seeds: Sequence[Mapping[str, Any]], said: SeedAnswers, limits: Limits, bootstrap_seed: int
) -> Agreement:
    """Return the spread over seeds, the worst seed, the rows that flip, and the gate's result.

    seeds: each seed's record with its scores.
    """
    answers, y, names, n_classes, groups = said
    worst = worst_case(answers, y, n_classes, bootstrap_seed, groups)
    share = flips(answers)
    order = np.argsort(-share, kind="stable")[: int((share > 0).sum())]
    columns = ("balanced_accuracy", "macro_f1", "restarts")
    accuracy, f1, restarts = ([seed[name] for seed in seeds] for name in columns)
    return {
        "lstm": lstm_spread(seeds),
        "spread": spread_of(seeds),
        "worst_seed": {"seed": seeds[worst["position"]]["seed"], "intervals": worst["intervals"]},
        "flipping_rows": len(order),
        "most_flipping": [
            {"series_id": names[row], "share_of_seeds_apart": float(share[row])}
            for row in order[:MAX_FLIPPING]
        ],
        "refused": stability_gate(accuracy, f1, restarts, n_classes, limits),
    }
