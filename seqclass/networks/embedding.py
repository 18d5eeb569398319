"""How the network sees symbols: one input for every symbol of a channel, with stock Keras alone.

A letter or a pitch is a name, not an amount: to the convolution that follows, "this symbol, then
that one" is then one product, whatever their numbers are. Shapes as in ``layers``.
"""

import keras
from keras import layers, ops

from seqclass.networks.symbols import Alphabet, Alphabets

FAR = 1e6
"""A symbol that is in no alphabet."""


def symbol_features(raw: keras.KerasTensor, alphabets: Alphabets) -> list[keras.KerasTensor]:
    """Symbols ``(B, T, size)`` for each channel of ``(B, T, C)`` that has an alphabet."""
    return [
        soft_one_hot(raw[..., channel : channel + 1], alphabet)
        for channel, alphabet in enumerate(alphabets)
        if alphabet is not None
    ]


def soft_one_hot(values: keras.KerasTensor, alphabet: Alphabet) -> keras.KerasTensor:
    """``(B, T, 1)`` to ``(B, T, size)``: 1 at its symbol, and shared out between two neighbours.

    All 0 where a value is missing or outside the alphabet. Being linear between symbols, it lets a
    gradient pass, which ``find_attributions`` lives by.
    """
    place = ops.where(ops.isnan(values), FAR * alphabet.width, values) / alphabet.width
    symbols = range(alphabet.low, alphabet.low + alphabet.size)
    apart = layers.Rescaling(1.0, offset=[-float(symbol) for symbol in symbols])(
        ops.repeat(place, alphabet.size, axis=-1)
    )
    return ops.relu(1.0 - ops.abs(apart))
