"""How the network sees symbols: one input for every symbol of a channel, with stock Keras alone.

A letter or a pitch is a name, not an amount: to the convolution that follows, "this symbol, then
that one" is then one product, whatever their numbers are. Shapes as in ``layers``.
"""

import keras
from keras import ops

from tasks.learning.symbols import MISSING, Alphabet, Alphabets


def symbol_features(raw: keras.KerasTensor, alphabets: Alphabets) -> list[keras.KerasTensor]:
    """One-hot symbols ``(B, T, size)`` for each channel of ``(B, T, C)`` that has an alphabet.

    All 0 where a value is missing or outside the alphabet.
    """
    return [
        one_hot(raw[..., channel], alphabet)
        for channel, alphabet in enumerate(alphabets)
        if alphabet is not None
    ]


def one_hot(values: keras.KerasTensor, alphabet: Alphabet) -> keras.KerasTensor:
    """``(B, T)`` to ``(B, T, size)``: 1 at the nearest symbol."""
    place = values / alphabet.width - float(alphabet.low)
    place = ops.where(ops.isnan(values), float(MISSING), place)
    nearest = ops.cast(ops.round(ops.clip(place, MISSING, alphabet.size)), "int32")
    return ops.one_hot(nearest, alphabet.size)
