"""One seed replica: hold rows back, fit, calibrate, and fit again on all rows of a small set."""

import time
from dataclasses import dataclass

import keras
import numpy as np

from tasks.learning.calibration import fit_temperature, soften
from tasks.learning.classifier import Blueprint, pooling_factor
from tasks.learning.decisions import Decision, decide, log_prior_of
from tasks.learning.fitting import Fit, Rows, Watch, fit
from tasks.learning.metrics import seed_scores
from tasks.learning.scaling import fit_scaling
from tasks.learning.spec import Recipe, TrainingSpec
from tasks.learning.splits import hold_back


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
    seconds: float


def train_replica(
    rows: Rows,
    groups: np.ndarray | None,
    n_classes: int,
    spec: TrainingSpec,
    seed: int,
    watch: Watch,
) -> Replica:
    """Train one replica on training rows alone; everything follows from ``seed``."""
    began = time.monotonic()
    keras.utils.set_random_seed(seed)
    scaling = fit_scaling(rows.x)
    pooling = pooling_factor(typical_steps(rows.x), spec.architecture.longest_recurrence)

    build = Blueprint(n_classes, scaling, pooling, spec.architecture)
    kept, held = hold_back(rows.y, groups, spec.validation_fraction, spec.split_seed)
    validation = rows.take(held)
    prior = log_prior(rows.y, n_classes, spec.recipe)
    fits = [fit(build, rows.take(kept), validation, spec.recipe, seed, watch, log_prior=prior)]
    logits = fits[0].held_back_logits + (0.0 if prior is None else prior)
    trusted = len(held) >= spec.recipe.trusted_validation
    temperature = fit_temperature(logits, validation.y) if trusted else 1.0
    probabilities = soften(logits, temperature)
    if len(rows) < spec.refit_below:
        again = fits[0].updates
        fits.append(fit(build, rows, None, spec.recipe, seed, watch, again, prior))
    decision = decide(probabilities, validation.y, prior, spec.abstention)
    return Replica(
        seed,
        finished_classifier(fits[-1].network, temperature, prior),
        fits,
        temperature,
        decision,
        seed_scores(probabilities, validation.y, decision.offsets),
        logits,
        time.monotonic() - began,
    )


def log_prior(y: np.ndarray, n_classes: int, recipe: Recipe) -> np.ndarray | None:
    """The classes' log shares where the recipe wants rare ones balanced, else None."""
    rows_per_class = np.bincount(y, minlength=n_classes)
    return log_prior_of(y, n_classes) if recipe.balances(rows_per_class.tolist()) else None


def typical_steps(x: np.ndarray) -> int:
    """Length that 95 of 100 series do not exceed; trailing NaN does not count."""
    seen = np.isfinite(x).any(axis=-1)
    lengths = x.shape[1] - seen[:, ::-1].argmax(axis=1)
    return int(np.ceil(np.percentile(lengths, 95)))


def finished_classifier(
    network: keras.Model, temperature: float, prior: np.ndarray | None = None
) -> keras.Model:
    """Add the classes' log shares and divide by the temperature, inside the last layer.

    The outcome is a probability per class where classes are as frequent as in training.
    """
    head = network.get_layer("logits")
    kernel, bias = head.get_weights()
    bias = bias if prior is None else bias + prior
    head.set_weights([kernel / temperature, bias / temperature])
    probabilities = keras.layers.Softmax(name="probabilities")(network.output)
    return keras.Model(network.input, probabilities, name="classifier")
