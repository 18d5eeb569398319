"""One seed replica: hold rows back, fit, calibrate, and fit again on all rows of a small set."""

import time
from dataclasses import dataclass

import keras
import numpy as np

from tasks.learning.calibration import fit_temperature, soften
from tasks.learning.classifier import build_network, pooling_factor
from tasks.learning.fitting import Fit, Rows, Watch, fit, predict_logits
from tasks.learning.metrics import log_loss, scores
from tasks.learning.scaling import fit_scaling
from tasks.learning.spec import TrainingSpec
from tasks.learning.splits import hold_back


@dataclass
class Replica:
    """A trained seed: its classifier (raw series to probabilities) and how it came about."""

    seed: int
    classifier: keras.Model
    fits: list[Fit]
    temperature: float
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

    def build(weight_seed: int) -> keras.Model:
        return build_network(n_classes, scaling, pooling, spec.architecture, weight_seed)

    kept, held = hold_back(rows.y, groups, spec.validation_fraction, spec.split_seed)
    validation = rows.take(held)
    fits = [fit(build, rows.take(kept), validation, spec.recipe, seed, watch)]
    logits = predict_logits(fits[0].network, validation.x)
    trusted = len(held) >= spec.recipe.trusted_validation
    temperature = fit_temperature(logits, validation.y) if trusted else 1.0
    probabilities = soften(logits, temperature)
    if len(rows) < spec.refit_below:
        again = fits[0].updates
        fits.append(fit(build, rows, None, spec.recipe, seed, watch, updates=again))
    return Replica(
        seed,
        finished_classifier(fits[-1].network, temperature),
        fits,
        temperature,
        {"log_loss": log_loss(probabilities, validation.y), **scores(probabilities, validation.y)},
        logits,
        time.monotonic() - began,
    )


def typical_steps(x: np.ndarray) -> int:
    """Length that 95 of 100 series do not exceed; trailing NaN does not count."""
    seen = np.isfinite(x).any(axis=-1)
    lengths = x.shape[1] - seen[:, ::-1].argmax(axis=1)
    return int(np.ceil(np.percentile(lengths, 95)))


def finished_classifier(network: keras.Model, temperature: float) -> keras.Model:
    """Divide the logits by the temperature, inside the last layer, and end in probabilities."""
    head = network.get_layer("logits")
    head.set_weights([weight / temperature for weight in head.get_weights()])
    probabilities = keras.layers.Softmax(name="probabilities")(network.output)
    return keras.Model(network.input, probabilities, name="classifier")
