"""MiniRocket, MultiRocket-Hydra and QUANT of aeon on the archive sets, official splits.

Run by ``make bench-peers`` in an environment of its own: ``python benchmarks/peer_classifiers.py
[SET …] [--methods METHOD …] [--data FOLDER] [--out FILE]``. A JSON line per finished set and
method is appended to the file, so that a run that was stopped goes on where it was; remove the
file to measure anew.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

HERE = Path(__file__).parent
DATA = HERE.parent.parent / "shared" / "data" / "archive"
RESULTS = HERE / "peers.jsonl"
SETS = (
    "CBF", "BME", "BasicMotions", "ItalyPowerDemand", "DodgerLoopDay", "Trace",
    "FreezerRegularTrain", "Libras", "JapaneseVowels", "SyntheticControl", "ChlorineConcentration",
    "FordA", "ElectricDevices",
)  # fmt: skip
METHODS = ("MiniRocket", "QUANT", "MultiRocket-Hydra")
"""The slowest last."""
LIBRARIES = ("aeon", "numba", "numpy", "scikit-learn", "torch")
CLIP = 1e-15
"""Least probability of the true class that the log-loss knows; costs 34.5 nats."""
SEED, FOLDS, BINS = 0, 5, 15
TEMPERATURES = np.geomspace(0.02, 20, 300)
"""Ridge scores of a sure row differ by 1 or 2: at 0.02 the softmax is certain to within e⁻⁵⁰."""


class Split(NamedTuple):
    """Series ``(n, channels, steps)`` without holes, and codes of their classes ``(n,)``."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def fill(values: np.ndarray, n_steps: int) -> np.ndarray:
    """Values ``(steps,)`` of one channel, stretched to ``n_steps``, holes interpolated linearly.

    Before the first and after the last value that is there, the nearest is repeated; a channel
    without any is zero.
    """
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros(n_steps, np.float32)
    return np.interp(np.arange(n_steps), known, values[known]).astype(np.float32)


def fill_all(x: np.ndarray, n_steps: int) -> np.ndarray:
    """Series ``(n, steps, channels)`` with NaN as ``(n, channels, n_steps)`` without."""
    return np.array([[fill(channel, n_steps) for channel in series.T] for series in x])


def read_split(path: Path) -> Split:
    """The official split of an archive set, every series as long as its longest."""
    with np.load(path) as arrays:
        n_steps = max(arrays["X_train"].shape[1], arrays["X_test"].shape[1])
        classes, y_train = np.unique(arrays["y_train"], return_inverse=True)
        return Split(
            fill_all(arrays["X_train"], n_steps), y_train,
            fill_all(arrays["X_test"], n_steps), np.searchsorted(classes, arrays["y_test"]),
        )  # fmt: skip


def log_loss(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Mean negative natural logarithm of the true class's probability, clipped at ``CLIP``."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(y)), y], CLIP)).mean()) + 0.0


def calibration_error(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Expected calibration error over ``BINS`` bins of equal width, as in seqclass/evaluation."""
    confidence = probabilities.max(axis=1)
    gap = (probabilities.argmax(axis=1) == y) - confidence
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return float(np.abs(np.bincount(bins, gap)).sum() / len(y))


def softmax(scores: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities ``(n, classes)`` of decision scores, a single column of which means ±score."""
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], axis=1)
    heated = scores / temperature
    raised = np.exp(heated - heated.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def fit_temperature(scores: np.ndarray, y: np.ndarray) -> float:
    """The one of ``TEMPERATURES`` at which the softmax has the least log-loss; the coldest, where
    every row is right."""
    return float(min(TEMPERATURES, key=lambda t: log_loss(softmax(scores, t), y)))


def gram(features: np.ndarray, width: int = 4096) -> np.ndarray:
    """Inner products ``(n, n)`` of rows, in double precision by blocks of columns."""
    starts = range(0, features.shape[1], width)
    blocks = (features[:, start : start + width].astype(float) for start in starts)
    return sum((block @ block.T for block in blocks), np.zeros((len(features), len(features))))


def out_of_fold_scores(products: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Scores ``(n, classes)`` of a ridge classifier for each row, out of ``FOLDS`` folds, or of as
    many as the largest class has rows.

    In dual form, so that rows of many features are multiplied once for all folds.
    """
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import KernelCenterer

    targets = 2.0 * (y[:, None] == np.unique(y)) - 1
    scores = np.empty_like(targets)
    n_folds = min(FOLDS, int(np.unique_counts(y).counts.max()))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=SEED)
    for train, held in folds.split(products, y):
        inner, middle = products[np.ix_(train, train)], targets[train].mean(axis=0)
        centre = KernelCenterer().fit(inner)
        regularised = centre.transform(inner) + penalty * np.eye(len(train))
        weights = np.linalg.solve(regularised, targets[train] - middle)
        scores[held] = centre.transform(products[np.ix_(held, train)]) @ weights + middle
    return scores


def tempered(classifier: Any, features: Callable, split: Split) -> tuple[np.ndarray, float]:
    """Softmax of a ridge classifier's test scores, and the temperature.

    The temperature suits scores of training rows out of folds, by the penalty that all training
    rows chose; the convolutions, which know no labels, are not drawn again.
    """
    products = gram(features(split.x_train))
    out_of_fold = out_of_fold_scores(products, split.y_train, float(classifier.alpha_))
    temperature = fit_temperature(out_of_fold, split.y_train)
    scores = classifier.decision_function(features(split.x_test))
    return softmax(scores, temperature), temperature


def ridge_of(method: str, fitted: Any) -> tuple[Any, Callable] | None:
    """The ridge classifier at the end of a peer and what makes its features; None for QUANT."""
    if method == "MiniRocket":
        return fitted.estimator_, fitted.pipeline_[:-1].transform
    if method == "QUANT":
        return None

    def features(x: np.ndarray) -> np.ndarray:
        hydra = fitted._scale_hydra.transform(fitted._transform_hydra.transform(x))
        rocket = fitted._scale_multirocket.transform(fitted._transform_multirocket.transform(x))
        return np.concatenate([hydra, rocket], axis=1)

    return fitted.classifier, features


def new_classifier(method: str) -> Any:
    """A peer at aeon's default settings."""
    from aeon.classification.convolution_based import (
        MiniRocketClassifier,
        MultiRocketHydraClassifier,
    )
    from aeon.classification.interval_based import QUANTClassifier

    if method == "QUANT":
        return QUANTClassifier(random_state=SEED)
    kind = MiniRocketClassifier if method == "MiniRocket" else MultiRocketHydraClassifier
    return kind(random_state=SEED, n_jobs=1)


def warm(method: str) -> None:
    """Compile what a peer runs for one channel and for several, so that no timing holds it."""
    generator = np.random.default_rng(SEED)
    for n_channels in (1, 2):
        x = generator.normal(size=(12, n_channels, 32)).astype(np.float32)
        new_classifier(method).fit(x, np.arange(12) % 2).predict_proba(x)


def timed(work: Callable) -> tuple[Any, float, float]:
    """What the work returns, the processor's seconds and the clock's."""
    clock, processor = time.perf_counter(), time.process_time()
    outcome = work()
    return outcome, time.process_time() - processor, time.perf_counter() - clock


def measure(method: str, split: Split) -> dict[str, Any]:
    """Fit a peer, answer the test rows, and score the answers."""
    peer, y = new_classifier(method), split.y_test
    _, fit_seconds, fit_clock = timed(lambda: peer.fit(split.x_train, split.y_train))
    found, predict_seconds, predict_clock = timed(lambda: peer.predict_proba(split.x_test))
    row: dict[str, Any] = {
        "accuracy": float((found.argmax(axis=1) == y).mean()),
        "log_loss": log_loss(found, y),
        "ece": calibration_error(found, y),
        "clipped": int((found[np.arange(len(y)), y] < CLIP).sum()),
        "hard": bool(np.isin(found, (0, 1)).all()),
        "fit_seconds": fit_seconds,
        "predict_seconds": predict_seconds,
        "clock_seconds": fit_clock + predict_clock,
    }
    if ridge := ridge_of(method, peer):
        softened, temperature = tempered(*ridge, split)
        row["log_loss_tempered"] = log_loss(softened, y)
        row["ece_tempered"] = calibration_error(softened, y)
        row["temperature"] = temperature
    return {key: round(v, 6) if isinstance(v, float) else v for key, v in row.items()}


def read_results(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def machine() -> str:
    """Cores and the processor's name."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    return f"{os.cpu_count()} cores, {names[0] if names else platform.machine()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--out", type=Path, default=RESULTS)
    chosen = parser.parse_args()
    if strange := set(chosen.sets) - set(SETS):
        parser.error(f"SET: expected some of {', '.join(SETS)}, got {strange.pop()!r}; correct it")
    done = {(row["set"], row["method"]) for row in read_results(chosen.out)}
    cells = [(name, method) for name in chosen.sets or SETS for method in chosen.methods]
    missing = [cell for cell in cells if cell not in done]
    if missing and {os.environ.get(f"{kind}_NUM_THREADS") for kind in ("OMP", "NUMBA")} != {"1"}:
        parser.error("expected OMP_NUM_THREADS=1 and NUMBA_NUM_THREADS=1; set both")
    for method in sorted({method for _, method in missing}):
        warm(method)
    origin = {"machine": machine(), "versions": {name: version(name) for name in LIBRARIES}}
    for name, method in missing:
        row = measure(method, read_split(chosen.data / f"{name}.npz"))
        with chosen.out.open("a") as file:
            file.write(json.dumps({"set": name, "method": method, **row, **origin}) + "\n")
        print(f"{name} {method}: {json.dumps(row)}", flush=True)


if __name__ == "__main__":
    main()
