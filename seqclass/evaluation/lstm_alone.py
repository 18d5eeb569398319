"""The LSTM alone on the test rows: every seed's precision, recall and F1, and their spread."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.agreement import Spread, spread_of_values
from seqclass.evaluation.metrics import ClassScores, class_scores, log_loss

MACRO = ("macro_precision", "macro_recall", "macro_f1", "accuracy", "log_loss")
OF_CLASS = ("precision", "recall", "f1")


class LstmScores(TypedDict):
    """Scores of a seed's LSTM alone on the test rows; macro scores are of classes with test rows.

    per_class: scores of each class.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    log_loss: float
    per_class: dict[str, ClassScores]


class LstmSpread(TypedDict):
    """The spread of the LSTM's scores over seeds.

    spread: by score. per_class: the spread of precision, recall and F1 of each class.
    """

    spread: dict[str, Spread]
    per_class: dict[str, dict[str, Spread]]


def lstm_scores(probabilities: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> LstmScores:
    """Return the scores of an LSTM's probabilities ``(n, classes)`` for class codes ``(n,)``.

    The answer is the most probable class.
    """
    per_class = class_scores(probabilities.argmax(axis=1), y, classes)
    tested = [of_class for of_class in per_class.values() if of_class["support"]]
    return {
        "accuracy": float((probabilities.argmax(axis=1) == y).mean()),
        "macro_precision": float(np.mean([of_class["precision"] for of_class in tested])),
        "macro_recall": float(np.mean([of_class["recall"] for of_class in tested])),
        "macro_f1": float(np.mean([of_class["f1"] for of_class in tested])),
        "log_loss": log_loss(probabilities, y),
        "per_class": per_class,
    }


def lstm_spread(seeds: Sequence[Mapping[str, Any]]) -> LstmSpread | None:
    """Return the spread of the LSTM's scores over records of seeds; None without an LSTM."""
    scores: list[LstmScores] = [seed["lstm"] for seed in seeds if seed.get("lstm")]
    if not scores:
        return None
    classes = scores[0]["per_class"]
    return {
        "spread": _spreads(scores, MACRO),
        "per_class": {
            label: _spreads([of_seed["per_class"][label] for of_seed in scores], OF_CLASS)
            for label in classes
        },
    }


def _spreads(scores: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Spread]:
    return {name: spread_of_values([record[name] for record in scores]) for name in names}
