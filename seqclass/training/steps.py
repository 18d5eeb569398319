"""Each step of a series on its own scale, for series whose steps have the same meaning.

This is so if series are a day, a cycle or an experiment.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from seqclass.networks.layers import pool_steps, series_views
from seqclass.networks.outputs import predict_all
from seqclass.networks.scaling import Scaling, inverse_spread

MAX_INPUTS = 4096
"""Most numbers that a series is compared by; if there are more, steps are averaged."""


class Steps(NamedTuple):
    """A network from raw series to standardised steps ``(B, p)``, and those of training rows."""

    network: keras.Model
    rows: np.ndarray


def fit_steps(x: np.ndarray, n_steps: int, scaling: Scaling) -> Steps:
    """Standardise each step of ``x (n, steps, channels)`` over its rows.

    n_steps: later steps are left out. A missing value counts as the mean of its step.
    """
    raw = keras.Input((None, len(scaling.center)), name="series")
    views = series_views(raw, scaling)
    values = ops.concatenate([views.level, views.within], axis=-1)
    observed = ops.concatenate([views.observed] * 2, axis=-1)
    pooling = -(-n_steps * values.shape[-1] // MAX_INPUTS)
    size = -(-n_steps // pooling)
    pooled = (pool_steps(part, views.inside, pooling)[0] for part in (values, observed))
    flat = [_flattened(part, size) for part in pooled]
    sums, seen = predict_all(keras.Model(raw, flat), x)
    count = np.maximum(seen.sum(axis=0), 1)
    center = sums.sum(axis=0) / count
    variance = (np.square(sums - center) * (seen > 0)).sum(axis=0) / count
    factor = inverse_spread(np.sqrt(variance))
    scaled = layers.Rescaling(factor.tolist(), offset=(-center * factor).tolist())(flat[0])
    network = keras.Model(raw, scaled * ops.cast(flat[1] > 0, "float32"), name="steps")
    return Steps(network, np.where(seen > 0, sums * factor - center * factor, 0))


def _flattened(x: keras.KerasTensor, n_steps: int) -> keras.KerasTensor:
    """Return ``(B, T, F)`` as ``(B, n_steps * F)``, cut or filled up with 0."""
    x = layers.ZeroPadding1D((0, n_steps))(x)[:, :n_steps]
    return layers.Reshape((n_steps * x.shape[-1],))(x)
