"""What series of 1 to 10,000 steps cost: time and memory of training and prediction."""

import resource
import time
from typing import Any

import numpy as np

from seqclass.workers import Workers

SHORTEST, LONGEST, N_SERIES, CHANNELS, UPDATES = 1, 10_000, 600, 2, 100


def train_and_predict() -> list[dict[str, Any]]:
    """A row for lengths spread evenly over the logarithm, and one for a few long series only."""
    return [row for case in CASES for row in Workers(1).run([(_measured, (case,))])]


CASES = ("1 to 10,000 steps", "100 steps, one series in a hundred 10,000")


def lengths_of(case: str, rng: np.random.Generator) -> np.ndarray:
    if case == CASES[0]:
        drawn = np.exp(rng.uniform(np.log(SHORTEST), np.log(LONGEST), N_SERIES)).round()
        return np.clip(drawn, SHORTEST, LONGEST).astype(int)
    return np.where(np.arange(N_SERIES) % 100, 100, LONGEST)


def _measured(case: str) -> dict[str, Any]:
    from seqclass.runtime import tensorflow

    tensorflow()
    from seqclass.networks.architecture import Architecture
    from seqclass.networks.classifier import pooling_factor
    from seqclass.networks.outputs import predict_all
    from seqclass.networks.scaling import fit_scaling
    from seqclass.training.fitting import FitConfig, Learner, fit
    from seqclass.training.learnt_rows import Rows
    from seqclass.training.members import usual_steps
    from seqclass.training.recipe import Recipe
    from tests.support.networks import build_network

    rng = np.random.default_rng(0)
    lengths = lengths_of(case, rng)
    y = (np.arange(N_SERIES) % 2).astype(np.int32)
    x = rng.standard_normal((N_SERIES, LONGEST, CHANNELS), np.float32)
    x *= (1 + y)[:, None, None].astype(np.float32)
    x[np.arange(LONGEST) >= lengths[:, None]] = np.nan
    scaling, architecture = fit_scaling(x), Architecture()
    pooling = pooling_factor(*usual_steps(x), architecture.longest_recurrence)
    began = time.perf_counter()
    trained = fit(
        Learner(lambda seed: build_network(2, scaling, pooling, architecture, seed)),
        Rows(x, y), x[:0],
        FitConfig(Recipe(updates=UPDATES, epochs=0, solved=0.0), 0, lambda *_: None),
    )  # fmt: skip
    fitted = time.perf_counter()
    logits = predict_all(trained.network, x)
    return {
        "lengths": case,
        "series": N_SERIES,
        "pooling": pooling,
        "s_per_update": (fitted - began) / UPDATES,
        "predicted_per_s": round(N_SERIES / (time.perf_counter() - fitted), 1),
        "accuracy": float((logits.argmax(axis=1) == y).mean()),
        "padded_mib": x.nbytes >> 20,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }
