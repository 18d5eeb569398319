"""Leave each class out of training in turn: how much of it is told apart by its distance?"""

from pathlib import Path
from typing import Any

import numpy as np

from seqclass.training.spec import TrainingSpec
from seqclass.workers import workers

DATA = Path(__file__).parent.parent.parent / "shared" / "data" / "archive"
SETS = (
    "Trace", "BasicMotions", "SyntheticControl", "CBF", "BME", "Libras", "JapaneseVowels",
)  # fmt: skip
TUNED_ON = (
    "Trace", "BasicMotions", "SyntheticControl", "Libras", "JapaneseVowels", "ElectricDevices",
    "ChlorineConcentration", "DodgerLoopDay",
)  # fmt: skip
"""Sets with enough training rows to choose by, of which at most ``MOST`` are taken."""
COVERAGE, MOST = 0.9, 600


def leave_classes_out(on_training_rows: bool = False) -> list[dict[str, Any]]:
    """A row per set, over its classes, and one over all; a seed each.

    Distances depend on no network, so that the committee's cheapest member is trained alone. On
    training rows a third of them is answered, so that a rule can be chosen without test rows.
    """
    sets = TUNED_ON if on_training_rows else SETS
    jobs = [
        (_left_out, (name, number, on_training_rows))
        for name in sets
        for number in range(_n_classes(name))
    ]
    rows = workers().run(jobs)
    groups = {name: [row for row in rows if row["set"] == name] for name in sets}
    return [_summary(name, own) for name, own in (groups | {"all": rows}).items()]


def _n_classes(name: str) -> int:
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as file:
        return len(np.unique(file["y_train"]))


def _summary(name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    found = {key: np.array([row[key] for row in rows]) for key in ("found", "auroc", "promised")}
    return {
        "set": name,
        "classes": len(rows),
        "found_at_90_coverage": float(found["found"].mean()),
        "worst_found": float(found["found"].min()),
        "auroc": float(found["auroc"].mean()),
        "worst_auroc": float(found["auroc"].min()),
        "known_at_p_above_0.1": float(found["promised"].mean()),
    }


def _rows(name: str, number: int, on_training_rows: bool) -> tuple[np.ndarray, ...]:
    """Series and labels to learn from and to answer, and the label that is left out."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as file:
        x, labels, x_test, truth = (file[k] for k in ("X_train", "y_train", "X_test", "y_test"))
    left_out = np.unique(labels)[number]
    if on_training_rows:
        order = np.random.default_rng(5).permutation(len(x))[:MOST]
        x, labels = x[order], labels[order]
        tested = (np.arange(len(x)) % 3 == 0) | (labels == left_out)
        x_test, truth = x[tested], labels[tested]
        x, labels = x[~tested], labels[~tested]
    return x, labels, x_test, truth, left_out


def _left_out(name: str, number: int, on_training_rows: bool) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    from seqclass.runtime import tensorflow

    tensorflow()
    from seqclass.networks.outputs import predict_all
    from seqclass.training.learnt_rows import Rows
    from seqclass.training.replica import TrainingRows, train_replica

    x, labels, x_test, truth, left_out = _rows(name, number, on_training_rows)
    kept = labels != left_out
    classes, y = np.unique(labels[kept], return_inverse=True)
    rows = Rows(x[kept].astype(np.float32), y.astype(np.int32))
    spec = TrainingSpec(members=("convolutions",))
    trained = train_replica(TrainingRows(rows, len(classes)), spec, 0, lambda *_: None)
    found = predict_all(trained.classifier, x_test.astype(np.float32))
    new = truth == left_out
    threshold = np.quantile(found["distance"][~new], COVERAGE)
    return {
        "set": name,
        "found": float((found["distance"][new] > threshold).mean()),
        "auroc": float(roc_auc_score(new, found["distance"])),
        "promised": float((found["p_value"][~new] > 1 - COVERAGE).mean()),
    }
