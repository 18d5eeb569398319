"""Symbolic building blocks made of stock Keras layers and ``keras.ops``.

Everything here ends up in one ``.keras`` file that plain Keras loads in safe mode.
Shapes: B series, T steps, C channels, F features. Masks are float32, 1 inside a series.
"""

from typing import NamedTuple

import keras
from keras import layers, ops

from seqclass.networks.scaling import Scaling

CLIP = 1e6
"""Limit of scaled values, either side of 0; larger ones are cut, so that squares fit float32."""


Masked = tuple[keras.KerasTensor, keras.KerasTensor]
"""Features ``(B, T, F)`` and the mask ``(B, T, 1)`` of the steps inside a series."""


class Views(NamedTuple):
    """Views of a series at each step, ``(B, T, C)`` each, and the mask ``inside (B, T, 1)``."""

    level: keras.KerasTensor
    within: keras.KerasTensor
    difference: keras.KerasTensor
    repeated: keras.KerasTensor
    observed: keras.KerasTensor
    inside: keras.KerasTensor


def series_views(raw: keras.KerasTensor, scaling: Scaling) -> Views:
    """Return the views of raw series ``(B, T, C)``, NaN where missing.

    A step is inside a series up to the last step with any observed value. Each channel has five
    views. ``level``: its value on the scale of the training rows, compressed by asinh. ``within``:
    its value standardised within the series. ``difference``: the change of ``within`` since the
    step before, in units of the series' typical difference, compressed too; 0 beside a missing
    value. ``repeated``: 1 if the value is the same as in the step before, bit by bit. ``observed``:
    1 if there is a value.
    """
    observed = ops.cast(ops.logical_not(ops.isnan(raw)), "float32")
    inside = _up_to_last_observation(ops.max(observed, axis=-1, keepdims=True))
    scaled = layers.Rescaling(1.0, offset=[-c for c in scaling.center])(raw)
    scaled = layers.Rescaling([1 / s for s in scaling.scale])(scaled)
    scaled = ops.clip(ops.where(ops.isnan(scaled), 0.0, scaled), -CLIP, CLIP)
    within = _standardised(scaled, observed)
    both = observed * _step_before(observed)
    values = ops.where(ops.isnan(raw), 0.0, raw)
    repeated = ops.cast(ops.equal(values, _step_before(values)), "float32") * both
    difference = _in_own_units((within - _step_before(within)) * both, both)
    return Views(ops.arcsinh(scaled) * observed, within, difference, repeated, observed, inside)


def series_features(raw: keras.KerasTensor, scaling: Scaling) -> Masked:
    """Return all views of raw series side by side ``(B, T, 5C)``, and the mask ``(B, T, 1)``."""
    *views, inside = series_views(raw, scaling)
    return ops.concatenate(views, axis=-1), inside


def _up_to_last_observation(any_observed: keras.KerasTensor) -> keras.KerasTensor:
    from_the_end = ops.cumsum(ops.flip(any_observed, axis=1), axis=1)
    return ops.cast(ops.flip(from_the_end, axis=1) > 0, "float32")


def _standardised(scaled: keras.KerasTensor, observed: keras.KerasTensor) -> keras.KerasTensor:
    count = ops.maximum(ops.sum(observed, axis=1, keepdims=True), 1.0)
    mean = ops.sum(scaled * observed, axis=1, keepdims=True) / count
    centred = (scaled - mean) * observed
    return centred / (_root_mean_square(centred, count) + 1e-3)


def _root_mean_square(x: keras.KerasTensor, count: keras.KerasTensor) -> keras.KerasTensor:
    return ops.sqrt(ops.sum(ops.square(x), axis=1, keepdims=True) / count)


def _step_before(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ZeroPadding1D((1, 0))(x)[:, :-1]


def _in_own_units(difference: keras.KerasTensor, both: keras.KerasTensor) -> keras.KerasTensor:
    count = ops.maximum(ops.sum(both, axis=1, keepdims=True), 1.0)
    return ops.arcsinh(difference / (_root_mean_square(difference, count) + 1e-3))


class Kernels(NamedTuple):
    """Kernels of a convolution: their number, their width in steps, the seed of their weights.

    Every ``stride``-th step is kept.
    """

    filters: int
    width: int
    seed: int
    stride: int = 1


def masked_conv(x: keras.KerasTensor, inside: keras.KerasTensor, kernels: Kernels) -> Masked:
    """Convolve, normalise and rectify ``(B, T, F)``; also return the mask of the kept steps.

    The first kept step is step 0, however long the padding is. Steps outside stay exactly 0.
    """
    width, stride = kernels.width, kernels.stride
    before = (width - 1) // 2
    x = layers.ZeroPadding1D((before, width - 1 - before))(x)
    init = keras.initializers.HeNormal(seed=kernels.seed)
    x = layers.Conv1D(kernels.filters, width, stride, kernel_initializer=init)(x)
    inside = inside[:, ::stride]
    return layers.ReLU()(_normalised(x, inside)), inside


def _normalised(x: keras.KerasTensor, inside: keras.KerasTensor) -> keras.KerasTensor:
    """Normalise over steps and features together, so that quiet steps stay quiet beside loud ones.

    Group normalisation with one group (Wu & He 2018, "Group Normalization", equation 7), without
    its gains and offsets, since the convolution before has them for each feature. The result is 0
    outside a series.
    """
    count = ops.maximum(ops.sum(inside, axis=1, keepdims=True), 1.0) * x.shape[-1]
    centred = (x - _total(x * inside) / count) * inside
    return centred / ops.sqrt(_total(ops.square(centred)) / count + 1e-3)


def _total(x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.sum(x, axis=(1, 2), keepdims=True)


def pool_steps(x: keras.KerasTensor, inside: keras.KerasTensor, factor: int) -> Masked:
    """Return the mean of every ``factor`` steps of ``(B, T, F)``, and the new mask.

    Only steps inside a series count. Windows begin at step 0 however long the padding is, which
    ``padding="same"`` does not promise. Steps outside stay exactly 0.
    """
    if factor == 1:
        return x, inside
    pad, mean = layers.ZeroPadding1D((0, factor - 1)), layers.AveragePooling1D(factor)
    share = mean(pad(inside))
    return mean(pad(x)) / ops.maximum(share, 1 / factor), ops.cast(share > 0, "float32")


def masked_mean(x: keras.KerasTensor, inside: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean over the steps inside a series: ``(B, T, F)`` to ``(B, F)``."""
    total = ops.matmul(ops.transpose(inside, (0, 2, 1)), x)[:, 0]
    return total / ops.maximum(ops.sum(inside, axis=1), 1.0)


def masked_pool(x: keras.KerasTensor, inside: keras.KerasTensor) -> keras.KerasTensor:
    """Return the mean and maximum over the steps inside a series: ``(B, T, F)`` to ``(B, 2F)``."""
    largest = ops.max(ops.where(inside > 0, x, -CLIP), axis=1)
    seen = ops.sum(inside, axis=1) > 0
    return ops.concatenate([masked_mean(x, inside), ops.where(seen, largest, 0.0)], axis=-1)
