"""The classifier: convolutional stem, LSTM, masked pooling over time."""

import keras
import numpy as np
from keras import layers

from tasks.learning.layers import masked_conv, masked_pool, pool_steps, series_features
from tasks.learning.scaling import Scaling
from tasks.learning.spec import Architecture


def pooling_factor(n_steps: int, longest_recurrence: int) -> int:
    """How many steps to pool into one, so that ``n_steps`` become at most the longest allowed."""
    return max(1, -(-n_steps // longest_recurrence))


def build_network(
    n_classes: int, scaling: Scaling, pooling: int, arch: Architecture, seed: int
) -> keras.Model:
    """Build a network from raw series ``(B, T, channels)`` with NaN to logits ``(B, classes)``.

    Every initial weight and every dropout mask follows from ``seed``.
    """
    stem, deeper, ahead, back, dropped, head = np.random.SeedSequence(seed).generate_state(6)
    raw = keras.Input((None, len(scaling.center)), name="series")
    x, inside = series_features(raw, scaling)
    x = masked_conv(x, inside, arch.filters, arch.widths[0], int(stem))
    x, inside = pool_steps(x, pooling), pool_steps(inside, pooling)
    x = masked_conv(x, inside, arch.filters, arch.widths[1], int(deeper))
    x = layers.Bidirectional(
        _lstm(arch.units, int(ahead)),
        backward_layer=_lstm(arch.units, int(back), backwards=True),
    )(x, mask=inside[..., 0] > 0)
    x = masked_pool(layers.LayerNormalization()(x), inside)
    x = layers.Dropout(arch.dropout, seed=int(dropped))(x)
    init = keras.initializers.GlorotUniform(seed=int(head))
    logits = layers.Dense(n_classes, kernel_initializer=init, name="logits")(x)
    return keras.Model(raw, logits, name="network")


def _lstm(units: int, seed: int, backwards: bool = False) -> layers.LSTM:
    kernel, recurrent = np.random.SeedSequence(seed).generate_state(2)
    return layers.LSTM(
        units,
        return_sequences=True,
        go_backwards=backwards,
        kernel_initializer=keras.initializers.GlorotUniform(seed=int(kernel)),
        recurrent_initializer=keras.initializers.Orthogonal(seed=int(recurrent)),
    )
