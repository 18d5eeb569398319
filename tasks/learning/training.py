"""One seed replica: hold rows back, fit, calibrate; on a small set once for every fold of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from tasks.learning.calibration import fit_temperature, soften
from tasks.learning.classifier import Blueprint, as_classifier, pooling_factor
from tasks.learning.decisions import Decision, decide, log_prior_of
from tasks.learning.evidence import series_lengths
from tasks.learning.fitting import Fit, Rows, Watch, fit
from tasks.learning.metrics import seed_scores
from tasks.learning.scaling import fit_scaling
from tasks.learning.spec import Recipe, TrainingSpec
from tasks.learning.splits import fold_back, hold_back
from tasks.learning.symbols import Alphabets, find_alphabets

FOLD_STRIDE = 1_000_000_007
"""Between the seeds of a replica's networks."""


@dataclass
class Replica:
    """A trained seed: its classifier (raw series to probabilities) and how it came about."""

    seed: int
    classifier: keras.Model
    fits: list[Fit]
    temperature: float
    decision: Decision
    validation: dict[str, float]
    validation_logits: np.ndarray
    alphabets: Alphabets
    seconds: float


def train_replica(
    rows: Rows,
    groups: np.ndarray | None,
    n_classes: int,
    spec: TrainingSpec,
    seed: int,
    watch: Watch,
    channels: Sequence[str] = (),
    initial: list[np.ndarray] | None = None,
) -> Replica:
    """Train one replica on training rows alone; everything follows from ``seed``.

    channels: names, which may be units of symbols. initial: weights of one or more networks to
    begin with; an attempt that fails is begun again with fresh ones.
    """
    began = time.monotonic()
    keras.utils.set_random_seed(seed)
    scaling, alphabets = fit_scaling(rows.x), find_alphabets(rows.x, channels)
    pooling = pooling_factor(*usual_steps(rows.x), spec.architecture.longest_recurrence)

    build = Blueprint(n_classes, scaling, pooling, spec.architecture, alphabets)
    parts = held_back_parts(rows.y, groups, spec)
    prior = log_prior(rows.y, n_classes, spec.recipe)
    fits, logits = [], []
    for number, (kept, held) in enumerate(parts):
        own_seed, validation = seed + FOLD_STRIDE * number, rows.take(held)
        begin = None if initial is None else partial(begin_with, weights=initial, number=number)
        found = fit(
            build, rows.take(kept), validation, spec.recipe, own_seed, watch, None, prior, begin
        )
        fits.append(found)
        logits.append(found.held_back_logits)
    held_back = np.concatenate(logits) + (0.0 if prior is None else prior)
    y = rows.y[np.concatenate([held for _, held in parts])]
    temperature = fit_temperature(held_back, y)
    probabilities = soften(held_back, temperature)
    decision = decide(probabilities, y, prior, spec.abstention)
    return Replica(
        seed,
        finished_classifier([found.network for found in fits], temperature, prior),
        fits,
        temperature,
        decision,
        seed_scores(probabilities, y, decision.offsets),
        held_back,
        alphabets,
        time.monotonic() - began,
    )


def held_back_parts(
    y: np.ndarray, groups: np.ndarray | None, spec: TrainingSpec
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Row numbers that each network of a replica is fitted to, and those that it holds back."""
    arguments = (y, groups, spec.validation_fraction, spec.split_seed)
    return fold_back(*arguments) if len(y) < spec.refit_below else [hold_back(*arguments)]


def begin_with(network: keras.Model, weights: list[np.ndarray], number: int) -> None:
    """Set a network's weights to those of member ``number`` of a classifier of the same form."""
    wanted = [w.shape for w in network.get_weights()]
    n_members, rest = divmod(len(weights), len(wanted))
    start = len(wanted) * (number % max(n_members, 1))
    own = weights[start : start + len(wanted)]
    if rest or [w.shape for w in own] != wanted:
        raise ValueError(
            f"warm_start: expected weights of the same architecture and classes ({len(wanted)} "
            f"arrays a network), got another form ({len(weights)} arrays); start fresh"
        )
    network.set_weights(own)


def log_prior(y: np.ndarray, n_classes: int, recipe: Recipe) -> np.ndarray | None:
    """The classes' log shares where the recipe wants rare ones balanced, else None."""
    rows_per_class = np.bincount(y, minlength=n_classes)
    return log_prior_of(y, n_classes) if recipe.balances(rows_per_class.tolist()) else None


def usual_steps(x: np.ndarray) -> tuple[int, int]:
    """Length that 95 of 100 series do not exceed, and the longest; trailing NaN does not count."""
    lengths = series_lengths(np.isfinite(x).any(axis=-1))
    return int(np.ceil(np.percentile(lengths, 95))), int(lengths.max())


def finished_classifier(
    networks: list[keras.Model], temperature: float, prior: np.ndarray | None = None
) -> keras.Model:
    """Add the classes' log shares and divide by the temperature, inside the last layers.

    The outcome is a probability per class where classes are as frequent as in training; of several
    networks, the one that the mean of their logits gives.
    """
    for network in networks:
        head = network.get_layer("logits")
        kernel, bias = head.get_weights()
        bias = bias if prior is None else bias + prior
        head.set_weights([kernel / temperature, bias / temperature])
    return as_classifier(networks)
