"""From a classifier's outputs to its answers: classes, confidence, reasons to answer unknown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqclass.evaluation.decisions import Decision, confidence_of, predict_labels, reasons_of


@dataclass(frozen=True)
class Answers:
    """A classifier's answers to ``n`` series.

    probabilities ``(n, classes)``; codes ``(n,)`` of the most likely classes; confidence ``(n,)``;
    reasons to answer unknown, None where there is none; p_value ``(n,)`` of being like the training
    series and nearest ``(n, k)``, numbers of the nearest of them: None of older models.
    """

    probabilities: np.ndarray
    codes: np.ndarray
    confidence: np.ndarray
    reasons: Sequence[str | None]
    p_value: np.ndarray | None
    nearest: np.ndarray | None


def answers_of(outputs: Mapping[str, np.ndarray], decision: Decision) -> Answers:
    """Return the answers that a decision makes of a classifier's outputs by name."""
    probabilities, p_value = outputs["probabilities"], outputs.get("p_value")
    confidence = confidence_of(probabilities, decision.offsets)
    return Answers(
        probabilities,
        predict_labels(probabilities, decision.offsets),
        confidence,
        reasons_of(confidence, p_value, decision),
        p_value,
        outputs.get("nearest"),
    )


def possible_classes(probabilities: np.ndarray, possible: Sequence[float]) -> np.ndarray:
    """Return which classes ``(n, classes)`` are possible: those that reach their own probability.

    The most probable class is always possible, so that no set is empty.
    """
    inside = probabilities >= np.array(possible, dtype=np.float32)
    inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
    return inside


def answers_between(found: Answers, start: int, stop: int) -> Answers:
    """Return the answers to the series ``start <= row < stop``."""
    own = slice(start, stop)
    return Answers(
        found.probabilities[own],
        found.codes[own],
        found.confidence[own],
        found.reasons[own],
        None if found.p_value is None else found.p_value[own],
        None if found.nearest is None else found.nearest[own],
    )
