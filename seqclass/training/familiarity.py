"""Distance of a series from all training series, to find series of a class that none of them has.

Confidence does not show this, since a classifier may be sure of its answer to a series unlike any
that it has seen. Distances in fixed features do ("k nearest neighbours", Sun et al. 2022,
"Out-of-Distribution Detection with Deep Nearest Neighbors"). The p-value is conformal (Vovk et al.
2005; Bates et al. 2023, "Testing for Outliers with Conformal p-values"): for series like the
training rows it is uniformly distributed.
"""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

from seqclass.networks.convolutions import Convolutions
from seqclass.networks.layers import CLIP, masked_mean, series_views
from seqclass.networks.outputs import Predictor, predict_all
from seqclass.networks.pooling import Pooling
from seqclass.networks.scaling import Scaling, inverse_spread
from seqclass.training.kernel_ridge import distances
from seqclass.training.learnt_rows import Rows
from seqclass.training.ridge import RidgeConfig, fit_ridge

NEIGHBOURS = 3
BINS = 16
"""Equal parts of a series whose means are compared."""
SCORE_WEIGHT = 2.0
"""Spread of the training rows' scores, as a multiple of the spread of their features."""
MAX_REFERENCES = 1000
"""Most training rows that series are compared with."""


@dataclass(frozen=True)
class Familiarity:
    """Training rows that series are compared with, and the distance of each from the others.

    convolutions: raw series to pooled features. embed: raw series and pooled features to a place
    ``(B, d)``. rows: numbers ``(n,)`` of the training rows. places: ``(n, d)``. distances:
    ``(n,)``, ascending.
    """

    convolutions: keras.Model
    embed: keras.Model
    rows: np.ndarray
    places: np.ndarray
    distances: np.ndarray


def fit_familiarity(
    rows: Rows, n_classes: int, drawn: Convolutions, convolutions: Pooling | Predictor, seed: int
) -> Familiarity:
    """Place training rows by their features and scores, and measure their distances.

    convolutions: the network of ``drawn``. Each of its views counts as much as the summaries of the
    level, and as the means of the parts. The scores are those that a row gets when it is left out,
    since a new row takes no part in the fit.
    """
    numbers = np.sort(np.random.default_rng(seed).permutation(len(rows))[:MAX_REFERENCES])
    references = rows.take(numbers)
    network = convolutions.network
    pooled = keras.Input(network.output_shape[1:], name="convolutions")
    raw = keras.Input(network.input_shape[1:], name="series")
    levels, parts = _summaries(raw, drawn.scaling)
    seen, n_levels = convolutions(references.x), levels.shape[-1]
    summarise = keras.Model(raw, ops.concatenate([levels, parts], axis=-1))
    summaries = predict_all(summarise, references.x)
    blocks = [
        *(seen[:, view] for view in drawn.views),
        summaries[:, :n_levels],
        summaries[:, n_levels:],
    ]
    standard = [_standard(block) for block in blocks]
    mean, factor = (np.concatenate(values) for values in zip(*standard, strict=True))
    z = (np.concatenate(blocks, axis=1) - mean) * factor
    head = fit_ridge(z, references.y, n_classes, RidgeConfig(standardise=False))
    spread = np.sqrt(np.square(head.left_out - head.left_out.mean(axis=0)).sum(axis=1).mean())
    weight = float(SCORE_WEIGHT * np.sqrt(len(blocks)) / max(float(spread), 1e-6))
    scaled = layers.Rescaling(factor.tolist(), offset=(-mean * factor).tolist())
    looks = scaled(ops.concatenate([pooled, levels, parts], axis=-1))
    place = ops.concatenate([looks, head.layer(looks) * weight], axis=-1)
    embed = keras.Model([raw, pooled], place, name="place")
    places = np.concatenate([z, head.left_out * weight], axis=1)
    apart = np.sqrt(distances(places, places))
    np.fill_diagonal(apart, np.inf)
    return Familiarity(network, embed, numbers, places, np.sort(_mean_nearest(apart)))


def _summaries(raw: keras.KerasTensor, scaling: Scaling) -> list[keras.KerasTensor]:
    """Return summaries of each channel's level, and the views' means in ``BINS`` parts of a series.

    The summaries are mean, spread, maximum and minimum.
    """
    series = series_views(raw, scaling)
    level, inside = series.level, series.inside
    mean = masked_mean(level, inside)
    spread = ops.sqrt(masked_mean(ops.square(level - mean[:, None]), inside) + 1e-12)
    limits = [ops.max(ops.where(inside > 0, s * level, -CLIP), axis=1) for s in (1.0, -1.0)]
    levels = ops.clip(ops.concatenate([mean, spread, *limits], axis=-1), -CLIP, CLIP)
    views = ops.concatenate([level, series.within, series.difference], axis=-1)
    steps = ops.cumsum(inside, axis=1) - 1
    part = ops.floor(BINS * steps / ops.maximum(ops.sum(inside, axis=1, keepdims=True), 1.0))
    member = ops.one_hot(ops.cast(part[..., 0], "int32"), BINS) * inside
    count = ops.maximum(ops.sum(member, axis=1), 1.0)[..., None]
    means = ops.matmul(ops.transpose(member, (0, 2, 1)), views) / count
    return [levels, layers.Reshape((BINS * views.shape[-1],))(means)]


def _standard(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means and factors of columns that give a block a total variance of one."""
    factor = inverse_spread(block.std(axis=0))
    return block.mean(axis=0), factor / np.sqrt(max((factor > 0).sum(), 1))


def _mean_nearest(apart: np.ndarray) -> np.ndarray:
    nearest = min(NEIGHBOURS, apart.shape[1] - 1)
    return np.sort(apart, axis=1)[:, :nearest].mean(axis=1)


def familiarity_outputs(
    place: keras.KerasTensor, fitted: Familiarity
) -> dict[str, keras.KerasTensor]:
    """Return outputs for a place, in stock layers.

    ``p_value (B,)``: that a series as far away is like the training rows; ``nearest (B, 3)``:
    indices into ``rows`` of the nearest training rows, the nearest first; ``distance (B,)``: the
    mean distance from these.
    """
    compare = layers.Dense(len(fitted.rows), trainable=False, name="references")
    # The order matters: if B rows are compared with B references, Keras takes a second operand of
    # one column for a bias, and adds it along the wrong axis.
    products = ops.sum(ops.square(place), axis=-1, keepdims=True) + compare(place)
    compare.set_weights([-2 * fitted.places.T, np.square(fitted.places).sum(axis=1)])
    count = min(NEIGHBOURS, len(fitted.rows) - 1)
    squares, nearest = ops.top_k(-products, count)
    distance = ops.mean(ops.sqrt(ops.maximum(-squares, 0.0)), axis=-1)
    farther = layers.Rescaling(-1.0, offset=fitted.distances.tolist())(
        ops.repeat(distance[:, None], len(fitted.rows), axis=-1)
    )
    p_value = (ops.sum(ops.cast(farther >= 0, "float32"), axis=-1) + 1) / (len(fitted.rows) + 1)
    return {"p_value": p_value, "nearest": nearest, "distance": distance}
