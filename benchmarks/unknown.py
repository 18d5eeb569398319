"""Leave a class out of training: how much of it is told apart by low confidence?"""

from pathlib import Path
from typing import Any

import numpy as np

from tasks.learning.decisions import confidence_of
from tasks.learning.spec import TrainingSpec
from tasks.workers import workers

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "archive"
LEFT_OUT = (("Trace", 0), ("Trace", 2), ("SyntheticControl", 1), ("SyntheticControl", 3),
            ("JapaneseVowels", 4), ("CBF", 1), ("BasicMotions", 2), ("Libras", 7))  # fmt: skip
COVERAGE = 0.9


def leave_classes_out() -> list[dict[str, Any]]:
    """A row per set and class left out, trained with one seed of the default recipe."""
    return workers().run([(_left_out, case) for case in LEFT_OUT])


def _left_out(name: str, number: int) -> dict[str, Any]:
    from tasks.workers import tensorflow

    tensorflow()
    from tasks.learning.fitting import Rows, predict_logits
    from tasks.learning.training import train_replica

    with np.load(DATA / f"{name}.npz", allow_pickle=False) as file:
        x, labels, x_test, truth = (file[k] for k in ("X_train", "y_train", "X_test", "y_test"))
    left_out = np.unique(labels)[number]
    kept = labels != left_out
    classes, y = np.unique(labels[kept], return_inverse=True)
    rows = Rows(x[kept], y.astype(np.int32))
    trained = train_replica(rows, None, len(classes), TrainingSpec(), 0, lambda *_: None)
    probabilities = predict_logits(trained.classifier, x_test)
    confidence, known = confidence_of(probabilities, None), truth != left_out
    threshold = np.quantile(confidence[known], 1 - COVERAGE)
    right = classes[probabilities.argmax(axis=1)] == truth
    return {
        "set": name,
        "left_out": str(left_out),
        "accuracy_known": float(right[known].mean()),
        "unseen_unknown_at_90_coverage": float((confidence[~known] < threshold).mean()),
    }
