"""What quality to expect of answers whose truth is not known yet.

Calibrated probabilities say how many of the answers are wrong on average (Guillory et al. 2021,
"Predicting with Confidence on Unseen Distributions"); where rows have become other than those the
model was calibrated on, so have the probabilities, and then this is no more than a hope.
"""

from typing import TypedDict

import numpy as np

from seqclass.evaluation.metrics import macro_f1

Estimate = TypedDict(
    "Estimate",
    {
        "accuracy": float,
        "accuracy_interval": list[float],
        "macro_f1": float,
        "rows": int,
        "is_estimate": bool,
        "from": str,
    },
)
"""What quality to expect, and ``from`` where that is known."""


def estimate(probabilities: np.ndarray, answers: np.ndarray) -> Estimate:
    """Expected accuracy with a 95% interval and macro F1 of class codes ``answers (n,)``.

    probabilities: ``(n, classes)``, calibrated. The interval is that of chance alone: it holds
    where the calibration does.
    """
    own = probabilities[np.arange(len(answers)), answers].astype(np.float64)
    expected = np.stack(
        [
            probabilities[answers == code].sum(axis=0, dtype=np.float64)
            for code in range(probabilities.shape[1])
        ]
    )
    error = 1.96 * float(np.sqrt((own * (1 - own)).sum())) / len(own)
    mean = float(own.mean())
    return {
        "accuracy": mean,
        "accuracy_interval": [max(0.0, mean - error), min(1.0, mean + error)],
        "macro_f1": float(
            macro_f1(np.diagonal(expected), expected.sum(axis=0), expected.sum(axis=1))
        ),
        "rows": len(own),
        "is_estimate": True,
        "from": "calibrated confidence, no labels",
    }
