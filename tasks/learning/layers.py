"""Symbolic building blocks out of stock Keras layers and ``keras.ops``.

Everything here ends inside one ``.keras`` file that plain Keras loads in safe mode.
Shapes: B series, T steps, C channels, F features. Masks are float32, 1 inside a series.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers, ops

from tasks.learning.scaling import Profile, Scaling

CLIP = 1e6
"""Scaled values beyond this are cut, so that squares stay finite in float32."""


def series_features(
    raw: keras.KerasTensor,
    scaling: Scaling,
    change_dropout: float = 0.0,
    seed: int = 0,
    profile: Profile | None = None,
) -> tuple:
    """Turn raw series ``(B, T, C)`` with NaN into features ``(B, T, 5C)`` and a mask ``(B, T, 1)``.

    A step is inside a series up to the last step with any observed value. Each channel
    gives five features: its value on the scale of the training rows, compressed by asinh;
    its value standardised within the series; how that differs from the step before, in units of
    the series' typical difference and compressed too; whether the value is the same as in the step
    before, bit by bit; and whether it was observed. Beside a missing value there is no difference.
    In training, differences and repeats of a channel are dropped, each by itself, from a share
    ``change_dropout`` of the series (Tompson et al. 2015, "Efficient Object Localization", 3.2).
    With a profile there is a sixth feature: the value on the scale of the same step of the training
    rows, compressed by asinh; past the profile's steps on the channel's scale.
    """
    observed = ops.cast(ops.logical_not(ops.isnan(raw)), "float32")
    inside = _up_to_last_observation(ops.max(observed, axis=-1, keepdims=True))
    scaled = layers.Rescaling(1.0, offset=[-c for c in scaling.center])(raw)
    scaled = layers.Rescaling([1 / s for s in scaling.scale])(scaled)
    scaled = ops.clip(ops.where(ops.isnan(scaled), 0.0, scaled), -CLIP, CLIP)
    level = ops.arcsinh(scaled) * observed
    within = _standardised(scaled, observed)
    both = observed * _step_before(observed)
    values = ops.where(ops.isnan(raw), 0.0, raw)
    repeated = ops.cast(ops.equal(values, _step_before(values)), "float32") * both
    difference = _in_own_units((within - _step_before(within)) * both, both)
    changes = ops.concatenate([difference, repeated], axis=-1)
    if change_dropout:
        changes = layers.SpatialDropout1D(change_dropout, seed=seed)(changes)
    found = [level, within, changes, observed]
    if profile:
        found.append(_by_step(raw, scaling, profile) * observed)
    return ops.concatenate(found, axis=-1), inside


def _by_step(raw: keras.KerasTensor, scaling: Scaling, profile: Profile) -> keras.KerasTensor:
    center = np.array([*profile.center, scaling.center])
    table = np.concatenate([center, 1 / np.array([*profile.scale, scaling.scale])], axis=1)
    lookup = layers.Embedding(*table.shape, embeddings_initializer="zeros", trainable=False)
    step = ops.cumsum(ops.ones_like(raw[:1, :, 0], dtype="int32"), axis=1) - 1
    usual = lookup(ops.minimum(step, len(profile.center)))
    lookup.set_weights([table])
    middle, steepness = ops.split(usual, 2, axis=-1)
    found = (raw - middle) * steepness
    return ops.arcsinh(ops.clip(ops.where(ops.isnan(found), 0.0, found), -CLIP, CLIP))


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


def masked_conv(
    x: keras.KerasTensor, inside: keras.KerasTensor, filters: int, width: int, seed: int
) -> keras.KerasTensor:
    """Convolve, normalise and rectify ``(B, T, F)``; steps outside stay exactly 0."""
    init = keras.initializers.HeNormal(seed=seed)
    x = layers.Conv1D(filters, width, padding="same", kernel_initializer=init)(x)
    return layers.ReLU()(_normalised(x, inside))


def spread_conv(
    x: keras.KerasTensor,
    inside: keras.KerasTensor,
    filters: int,
    widths: Sequence[int],
    seed: int,
) -> keras.KerasTensor:
    """Convolutions of these widths side by side, ``filters`` in all (Szegedy et al. 2015, "Going
    deeper with convolutions", section 4; for series Fawaz et al. 2020, "InceptionTime")."""
    if len(widths) == 1:
        return masked_conv(x, inside, filters, widths[0], seed)
    seeds = np.random.SeedSequence(seed).generate_state(len(widths))
    shares = [len(part) for part in np.array_split(range(filters), len(widths))]
    found = [
        masked_conv(x, inside, share, width, int(own))
        for share, width, own in zip(shares, widths, seeds, strict=True)
        if share
    ]
    return ops.concatenate(found, axis=-1)


def residual_block(
    x: keras.KerasTensor, inside: keras.KerasTensor, widths: Sequence[int], seeds: Sequence[int]
) -> keras.KerasTensor:
    """Add to ``(B, T, F)`` what convolutions of these widths, one after the other, make of it.

    He et al. 2016, "Deep residual learning for image recognition", equation 1; for series Wang et
    al. 2017, "Time series classification from scratch", section II.C.
    """
    found = x
    for width, seed in zip(widths, seeds, strict=True):
        found = masked_conv(found, inside, x.shape[-1], width, seed)
    return x + found


def _normalised(x: keras.KerasTensor, inside: keras.KerasTensor) -> keras.KerasTensor:
    """Over steps and features together, so that quiet steps stay quiet beside loud ones.

    Group normalisation of one group (Wu & He 2018, "Group Normalization", equation 7), without
    its gains and offsets: the convolution before has them for each feature. 0 outside a series.
    """
    count = ops.maximum(ops.sum(inside, axis=1, keepdims=True), 1.0) * x.shape[-1]
    centred = (x - _total(x * inside) / count) * inside
    return centred / ops.sqrt(_total(ops.square(centred)) / count + 1e-3)


def _total(x: keras.KerasTensor) -> keras.KerasTensor:
    return ops.sum(x, axis=(1, 2), keepdims=True)


def pool_steps(x: keras.KerasTensor, inside: keras.KerasTensor, factor: int) -> tuple:
    """Mean of every ``factor`` steps of ``(B, T, F)``, of those inside a series; and the new mask.

    Windows begin at step 0 however long the padding is, which ``padding="same"`` does not
    promise. Steps outside stay exactly 0.
    """
    if factor == 1:
        return x, inside
    pad, mean = layers.ZeroPadding1D((0, factor - 1)), layers.AveragePooling1D(factor)
    share = mean(pad(inside))
    return mean(pad(x)) / ops.maximum(share, 1 / factor), ops.cast(share > 0, "float32")


def masked_mean(x: keras.KerasTensor, inside: keras.KerasTensor) -> keras.KerasTensor:
    """Mean over the steps inside a series: ``(B, T, F)`` to ``(B, F)``."""
    return ops.sum(x * inside, axis=1) / ops.maximum(ops.sum(inside, axis=1), 1.0)


def masked_pool(x: keras.KerasTensor, inside: keras.KerasTensor) -> keras.KerasTensor:
    """Mean and maximum over the steps inside a series: ``(B, T, F)`` to ``(B, 2F)``."""
    largest = ops.max(ops.where(inside > 0, x, -CLIP), axis=1)
    seen = ops.sum(inside, axis=1) > 0
    return ops.concatenate([masked_mean(x, inside), ops.where(seen, largest, 0.0)], axis=-1)
