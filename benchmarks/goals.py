"""Scores of answers by goal, and the share of errors that they keep when it is asked for.

``python -m benchmarks.goals [SET …]`` trains a seed, as the estimator does, of each archive set, of
five draws of rare classes (``rare-0`` to ``rare-4``) and of twelve machine states (``iot``), and
keeps their answers in ``benchmarks/results/goals``. It prints what the rules, chosen on held-back
rows, make of them.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.archive import BARS, DATA
from benchmarks.tables import as_markdown

KEPT = Path(__file__).parent / "results" / "goals"
SETS = (*BARS, *(f"rare-{draw}" for draw in range(5)), "iot")
ERRORS, DRAWS = (0.01, 0.05, 0.1), 100


def rows_of(name: str) -> tuple[np.ndarray, ...]:
    """Series and labels of the training rows and of the test rows."""
    if name in BARS:
        with np.load(DATA / f"{name}.npz") as kept:
            return tuple(kept[key] for key in ("X_train", "y_train", "X_test", "y_test"))
    from seqclass.synthesis.iot import IotSpec, generate_iot
    from seqclass.synthesis.signals import PRESETS, SignalSpec, generate_signals

    if name == "iot":
        blocks = [*generate_iot(IotSpec(n_series=2400, seed=11))]
    else:
        rare = {"weights": (100.0, 1.0, 1.0), "seed": int(name[5:]), **PRESETS["hard"]}
        blocks = [*generate_signals(SignalSpec(n_series=4000, **rare))]
    n_series, steps = sum(len(b.codes) for b in blocks), max(b.values.shape[1] for b in blocks)
    x = np.full((n_series, steps, blocks[0].values.shape[2]), np.nan, np.float32)
    for block in blocks:
        rows = slice(block.start, block.start + len(block.codes))
        x[rows, : block.values.shape[1]] = block.values
    y = np.concatenate([block.codes for block in blocks])
    half = len(x) // 2
    return x[:half], y[:half], x[half:], y[half:]


def train(name: str) -> None:
    """Train seed 0 of a set, and keep its answers to held-back rows and to test rows."""
    from seqclass.runtime import tensorflow

    tensorflow()
    from seqclass.networks.classifier import probabilities_of
    from seqclass.networks.outputs import predict_all
    from seqclass.networks.recurrence import accelerate
    from seqclass.training.learnt_rows import Rows
    from seqclass.training.replica import TrainingRows, train_replica
    from seqclass.training.spec import TrainingSpec

    x, labels, x_test, labels_test = rows_of(name)
    classes, y = np.unique(labels, return_inverse=True)
    training = TrainingRows(Rows(x, y.astype(np.int32)), len(classes))
    replica = train_replica(training, TrainingSpec(), 0, lambda *_: None)
    KEPT.mkdir(parents=True, exist_ok=True)
    np.savez(
        KEPT / f"{name}.npz", held=replica.held_probabilities, y_held=y[replica.held],
        tested=predict_all(accelerate(probabilities_of(replica.classifier)), x_test),
        y_tested=np.searchsorted(classes, labels_test),
    )  # fmt: skip


def goals_row(name: str) -> dict[str, Any]:
    """Each goal's own score, less that of the largest probability, with its standard error."""
    from seqclass.evaluation.decisions import predict_labels
    from seqclass.evaluation.metrics import label_scores
    from seqclass.evaluation.rule_choice import error_of_gain, rule_for

    held, truth, tested, test_truth = kept_answers(name)
    plain = predict_labels(tested)
    row: dict[str, Any] = {"set": name, "held back": len(held), "tested": len(tested)}
    for goal in ("macro_f1", "balanced_accuracy"):
        answers = predict_labels(tested, rule_for(held, truth, goal))
        before, after = (
            label_scores(codes, test_truth.y, held.shape[1])[goal] for codes in (plain, answers)
        )
        error = error_of_gain(answers, plain, test_truth, goal)
        row |= {goal: after, f"gain in {goal}": after - before, f"error of {goal}": error}
    return row


def errors_row(name: str) -> dict[str, Any]:
    """Of draws of the held-back rows, those whose threshold keeps the asked error on test rows."""
    from seqclass.evaluation.decisions import are_doubtful, predict_labels
    from seqclass.evaluation.goals import Abstention
    from seqclass.evaluation.rule_choice import choose_rule

    held, truth, tested, test_truth = kept_answers(name)
    right = predict_labels(tested) == test_truth.y
    row: dict[str, Any] = {"set": name, "accuracy": float(right.mean())}
    for asked in ERRORS:
        kept, answered = [], []
        for draw in range(DRAWS):
            rows = np.random.default_rng(draw).integers(0, len(held), len(held))
            rule = choose_rule(held[rows], truth.take(rows), "accuracy", Abstention(asked))
            sure = ~are_doubtful(tested, rule)
            kept.append(not sure.any() or 1 - right[sure].mean() <= asked)
            answered.append(sure.mean())
        row |= {f"{asked:.0%} kept": sum(kept), f"{asked:.0%} answered": float(np.mean(answered))}
    return row


def kept_answers(name: str) -> tuple[Any, ...]:
    """Probabilities and truth of the held-back rows and of the test rows."""
    from seqclass.evaluation.metrics import Truth

    with np.load(KEPT / f"{name}.npz") as kept:
        arrays = dict(kept)
    classes = [str(code) for code in range(arrays["held"].shape[1])]
    truth, test_truth = (Truth(arrays[key], classes) for key in ("y_held", "y_tested"))
    return arrays["held"], truth, arrays["tested"], test_truth


def costs_rows(name: str) -> list[dict[str, Any]]:
    """Expected and realised cost by goal, if the first class is dear to miss.

    Beside them those of the likeliest class, of which an error of 99% is asked: it answers all.
    """
    from seqclass.evaluation.goals import Abstention
    from seqclass.evaluation.rule_choice import scores_by_goal

    held, truth, tested, test_truth = kept_answers(name)
    names = truth.classes
    costs = {
        label: {answer: 10.0 if label == names[0] else 1.0 for answer in names if answer != label}
        | {"unknown": 0.4}
        for label in names
    }
    rows = (held, truth), (tested, test_truth), costs
    by_goal = scores_by_goal(*rows, Abstention())
    by_goal["accuracy, all answered"] = scores_by_goal(*rows, Abstention(0.99))["accuracy"]
    return [{"set": name, "goal": goal, **scores} for goal, scores in by_goal.items()]


def main() -> None:
    for name in sys.argv[1:]:
        if not (KEPT / f"{name}.npz").exists():
            train(name)
    names = [name for name in SETS if (KEPT / f"{name}.npz").exists()]
    print(as_markdown([goals_row(name) for name in names]))
    print(as_markdown([errors_row(name) for name in names]))
    print(as_markdown([row for name in names if name == "iot" for row in costs_rows(name)]))


if __name__ == "__main__":
    main()
