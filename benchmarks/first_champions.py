"""Trains on noise, on shuffled labels and on rows that can be learnt: which become a champion?

``python -m benchmarks.first_champions [CASE …] [--draws 50] [--closed] [--seconds 3600]`` goes on
where it stopped: a draw is a line of ``benchmarks/results/first_champions.jsonl``. A case is what
is drawn and how many series (``noise-40``; ``iot4``: four of IoT's twelve classes), or the name of
an archive set, which is one draw. One seed is trained a draw: of several, the worst has to pass.
``--closed`` trains members in closed form alone, which is twenty times as fast.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.tables import as_table
from seqclass.evaluation.contribution import LSTM
from seqclass.synthesis.random_series import Block
from seqclass.training.spec import MEMBERS, Member, TrainingSpec

HERE = Path(__file__).parent
ARCHIVE = HERE.parent.parent / "shared" / "data" / "archive"
RESULTS = HERE / "results" / "first_champions.jsonl"
N_STEPS = 64
CASES = (
    "noise-40", "noise-200", "noise-2000", "shuffled-40", "shuffled-200", "shuffled-2000",
    "author-300", "hard-1000", "iot-1000", "Trace", "SyntheticControl", "BasicMotions",
    "noise-60", "noise-80", "shuffled-60", "shuffled-80",
    "author-40", "author-60", "author-80", "iot-40", "iot-60", "iot-80", "iot4-40", "iot4-60",
    "iot4-80", "BME-40", "BME-60", "BME-80", "Trace-40", "Trace-60", "Trace-80",
)  # fmt: skip
IOT4 = ("normal", "upward_trend", "upward_shift", "stuck")  # fmt: skip
Rows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Series ``(n, steps, channels)``, class codes, and the rows that train and test."""


def drawn(case: str, draw: int) -> Rows:
    """The rows of a draw."""
    kind, _, size = case.partition("-")
    if not size:
        return _archived(case)
    x, y = MAKERS[kind](int(size), draw)
    from seqclass.training.splits import assign_test
    from tests.support.series import keys_of

    ids = np.array([f"{case}-{draw}-{row}" for row in range(len(y))])
    return (x, y, *assign_test(keys_of(ids), y, 0.2, 0))


def _noise(n: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(draw)
    x = rng.standard_normal((n, N_STEPS, 1), dtype=np.float32)
    return x, rng.permutation(np.arange(n, dtype=np.int32) % 2)


def _signals(preset: str, n: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
    from seqclass.synthesis.signals import PRESETS, SignalSpec, generate_signals

    blocks = list(generate_signals(SignalSpec(n_series=n, seed=draw, **PRESETS[preset])))
    return _joined(blocks)


def _shuffled(n: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = _signals("author", n, draw)
    return x, np.random.default_rng(draw).permutation(y)


def _iot(
    n: int, draw: int, classes: tuple[str, ...] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    from seqclass.synthesis.iot import FAMILIES, IotSpec, generate_iot

    spec = IotSpec(n_series=n, seed=draw, classes=classes or FAMILIES)
    return _joined(list(generate_iot(spec)))


def _sampled(name: str, n: int, draw: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of an archive set, drawn from both of its halves."""
    x, y, *_ = _archived(name)
    rows = np.sort(np.random.default_rng(draw).permutation(len(y))[:n])
    return x[rows], y[rows]


def _joined(blocks: list[Block]) -> tuple[np.ndarray, np.ndarray]:
    x = np.concatenate([block.values for block in blocks])
    return x, np.concatenate([block.codes for block in blocks]).astype(np.int32)


MAKERS: dict[str, Callable[[int, int], tuple[np.ndarray, np.ndarray]]] = {
    "noise": _noise,
    "shuffled": _shuffled,
    "author": lambda n, draw: _signals("author", n, draw),
    "hard": lambda n, draw: _signals("hard", n, draw),
    "iot": _iot,
    "iot4": partial(_iot, classes=IOT4),
    "BME": partial(_sampled, "BME"),
    "Trace": partial(_sampled, "Trace"),
}


def _archived(name: str) -> Rows:
    with np.load(ARCHIVE / f"{name}.npz", allow_pickle=False) as file:
        parts = [file["X_train"].astype(np.float32), file["X_test"].astype(np.float32)]
        labels = np.concatenate([file["y_train"], file["y_test"]])
        n_train = len(file["y_train"])
    longest = max(part.shape[1] for part in parts)
    x = np.concatenate([_padded(part, longest) for part in parts])
    y = np.unique(labels, return_inverse=True)[1].astype(np.int32)
    return x, y, np.arange(n_train), np.arange(n_train, len(y))


def _padded(x: np.ndarray, n_steps: int) -> np.ndarray:
    return np.pad(x, ((0, 0), (0, n_steps - x.shape[1]), (0, 0)), constant_values=np.nan)


def gate_failures(case: str, draw: int, members: tuple[Member, ...]) -> dict[str, Any]:
    """What speaks against the model of a draw as a first champion; nothing, if it becomes one."""
    from seqclass.runtime import tensorflow

    tensorflow()
    from seqclass.evaluation.decisions import predict_labels
    from seqclass.evaluation.metrics import Truth
    from seqclass.evaluation.rule_choice import rule_for
    from seqclass.monitoring.first_champion import (
        JudgedRows,
        champion_evidence,
        first_champion_failures,
    )
    from seqclass.monitoring.seed_spread import unstable
    from seqclass.networks.outputs import predict_all
    from seqclass.networks.recurrence import accelerate
    from seqclass.training.baselines import baseline_predictions
    from seqclass.training.learnt_rows import Rows
    from seqclass.training.replica import TrainingRows, train_replica

    began, spec = time.monotonic(), TrainingSpec(seeds=1, members=members)
    x, y, kept, held = drawn(case, draw)
    known = TrainingRows(Rows(x[kept], y[kept]), int(y.max()) + 1)
    made = train_replica(known, spec, draw, lambda *_: None)
    said = predict_all(accelerate(made.classifier), x[held])["probabilities"]
    truth = Truth(known.rows.y, [str(code) for code in range(known.n_classes)]).take(made.held)
    rule = rule_for(made.held_probabilities, truth, spec.goal)
    answers = predict_labels(said, rule)
    baselines = baseline_predictions(x[kept], y[kept], x[held], spec.split_seed)
    tested = JudgedRows(y[held], answers, baselines, [answers], np.ones(len(held)))
    evidence = champion_evidence(
        tested,
        _held_back(known, truth, spec, made.nested),
        spec.limits,
        known.n_classes,
        spec.split_seed,
    )
    restarts = [sum(fit.restarts for fit in made.fits)]
    reasons = unstable(
        **evidence["seeds"], restarts=restarts, n_classes=known.n_classes, limits=spec.limits
    )
    return {
        "case": case,
        "draw": draw,
        "members": ", ".join(members),
        "reasons": [*reasons, *first_champion_failures(evidence, spec.limits)],
        "balanced_accuracy": evidence["balanced_accuracy"],
        "rows": evidence["rows"],
        "test_rows": len(held),
        "test_accuracy": float((answers == y[held]).mean()),
        "seconds": round(time.monotonic() - began, 1),
    }


def _held_back(known: Any, held: Any, spec: TrainingSpec, nested: np.ndarray) -> Any:
    """The training rows that decided nothing of their answers ``nested``; None without any."""
    from seqclass.monitoring.first_champion import JudgedRows, worth_of_held_rows
    from seqclass.pipeline.held_rows import answers_by_fold
    from seqclass.training.baselines import held_back_predictions
    from seqclass.training.splits import holdout_folds

    y = known.rows.y
    folds = holdout_folds(y, None, spec.validation_fraction, spec.split_seed)
    if not len(nested):
        return None
    folds, n = folds[: len(nested)], nested.shape[1]
    truth = held.take(np.arange(n))
    answers = answers_by_fold(nested, truth, [len(own) for _, own in folds], spec.goal)
    rivals = held_back_predictions((known.rows.x, y), folds, spec.split_seed, ())
    worth = np.full(n, worth_of_held_rows(len(folds)))
    return JudgedRows(truth.y, answers, rivals, [answers], worth)


def summary(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per case: champions among its draws, with the 95% interval of their share."""
    from seqclass.evaluation.intervals import wilson

    rows = []
    for case, members in dict.fromkeys((run["case"], run["members"]) for run in runs):
        own = [run for run in runs if (run["case"], run["members"]) == (case, members)]
        champions = sum(not run["reasons"] for run in own)
        rows.append({
            "case": case, "members": members, "draws": len(own), "champions": champions,
            "95% interval of the share": list(wilson(champions / len(own), len(own))),
            "balanced accuracy": float(np.mean([run["balanced_accuracy"] for run in own])),
            "s per draw": float(np.mean([run["seconds"] for run in own])),
        })  # fmt: skip
    return rows


def main() -> None:
    """Train what is missing while there is time, and print what all draws show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="CASE")
    parser.add_argument("--draws", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--closed", action="store_true")
    chosen = parser.parse_args()
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.touch()
    runs = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    closed = tuple(name for name in MEMBERS if name != LSTM)
    members, began = closed if chosen.closed else MEMBERS, time.monotonic()
    done = {(run["case"], run["draw"], run["members"]) for run in runs}
    with RESULTS.open("a") as file:
        for draw, case in product(range(chosen.draws), chosen.cases):
            missing = (case, draw, ", ".join(members)) not in done and (draw == 0 or "-" in case)
            if missing and time.monotonic() - began < chosen.seconds:
                runs.append(gate_failures(case, draw, members))
                file.write(json.dumps(runs[-1]) + "\n")
                file.flush()
    Console(width=None if sys.stdout.isatty() else 200).print(
        as_table("first champions", summary([run for run in runs if run["case"] in chosen.cases]))
    )


if __name__ == "__main__":
    main()
