"""A network that sees a series as a whole: dense layers over all its steps at once."""

import keras
import numpy as np
from keras import layers

from tasks.learning.layers import pool_steps, series_features
from tasks.learning.scaling import Profile, Scaling

DEPTH = 3
MOST_INPUTS = 4096
"""Numbers that the first dense layer sees at most; where there are more, steps are averaged."""


def build_dense(
    n_classes: int,
    scaling: Scaling,
    profile: Profile,
    units: int,
    seed: int,
    change_dropout: float = 0.0,
) -> keras.Model:
    """Build a network from raw series ``(B, T, channels)`` with NaN to logits ``(B, classes)``.

    Wang et al. 2017, "Time series classification from scratch", section II.A, with layer
    normalisation (Ba et al. 2016) instead of dropout. Steps past the profile's are left out.
    Every initial weight and every dropout mask follows from ``seed``.
    """
    head, unseen, *hidden = map(int, np.random.SeedSequence(seed).generate_state(2 + DEPTH))
    raw = keras.Input((None, len(scaling.center)), name="series")
    x, inside = series_features(raw, scaling, change_dropout, unseen, profile)
    n_steps, n_features = len(profile.center), x.shape[-1]
    factor = -(-n_steps * n_features // MOST_INPUTS)
    x, _ = pool_steps(x, inside, factor)
    n_steps = -(-n_steps // factor)
    x = layers.ZeroPadding1D((0, n_steps))(x)[:, :n_steps]
    x = layers.Reshape((n_steps * n_features,))(x)
    for own in hidden:
        init = keras.initializers.HeNormal(seed=own)
        x = layers.Dense(units, activation="relu", kernel_initializer=init)(x)
        x = layers.LayerNormalization()(x)
    init = keras.initializers.GlorotUniform(seed=head)
    logits = layers.Dense(n_classes, kernel_initializer=init, name="logits")(x)
    return keras.Model(raw, logits, name="network")
