"""Channels of symbols: letters, states or pitches, written as whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

FAR = 1e6
"""A symbol that is in no alphabet."""


MAX_SYMBOLS = 64
"""Whole numbers from a channel's lowest to its highest value, beyond which it is a measurement."""
CENTS, PITCH = "cents", "pitch"
UNITS = {CENTS: 100.0, PITCH: 1.0}
"""Channels that may be rounded, and how much of them makes a symbol, here a semitone. Cents are a
unit by their name, 100 to an equal-tempered one. A pitch may be counted in anything: it is taken
for semitones where each series has whole ones between its values."""
WHOLE = 1e-3
"""How far from a whole number a float32 may lie that is one."""
SAMPLED = (CENTS,)
"""Units of contours, in which a symbol lasts for many steps."""
MISSING = -1


@dataclass(frozen=True)
class Alphabet:
    """The symbols ``low .. low + size - 1`` of a channel.

    width: how much of the channel's unit makes a symbol; values are rounded to the nearest.
    """

    low: int
    size: int
    width: float = 1.0

    @property
    def limits(self) -> list[int]:
        """Lowest and highest symbol, both included."""
        return [self.low, self.low + self.size - 1]


Alphabets = tuple[Alphabet | None, ...]
"""For each channel its alphabet, or None where it holds no symbols."""


def find_alphabets(x: np.ndarray, channels: Sequence[str] = ()) -> Alphabets:
    """What the values of training rows ``(n, steps, channels)`` say of each channel.

    A channel holds symbols where all its values are whole, not all alike, and from the lowest to
    the highest there are ``MAX_SYMBOLS`` at most. NaN is left out. Channels of a known unit are
    rounded before.
    """
    values = quantised(x, channels)
    names = channels or [""] * x.shape[-1]
    return tuple(
        _alphabet(values[..., c], UNITS.get(name, 1.0))
        if name != PITCH or counts_semitones(x[..., c])
        else None
        for c, name in enumerate(names)
    )


def counts_semitones(pitch: np.ndarray) -> bool:
    """Whether there are whole numbers between the values of each series ``(n, steps)``.

    So it is with semitones above any reference, such as a fixed tone where Sa is not known.
    """
    seen = np.isfinite(pitch)
    some = seen.any(axis=1)
    first = np.take_along_axis(pitch[some], seen[some].argmax(axis=1)[:, None], axis=1)
    apart = (pitch[some] - first)[seen[some]]
    return bool((np.abs(apart - np.rint(apart)) < WHOLE).all())


def _alphabet(values: np.ndarray, width: float) -> Alphabet | None:
    seen = values[np.isfinite(values)]
    if not len(seen):
        return None
    low, high = float(seen.min()), float(seen.max())
    if not 0 < high - low < MAX_SYMBOLS or (seen != np.rint(seen)).any():
        return None
    return Alphabet(int(low), int(high - low) + 1, width)


def quantised(x: np.ndarray, channels: Sequence[str]) -> np.ndarray:
    """``(n, steps, channels)`` with channels of a known unit rounded to the nearest symbol.

    Those that have no alphabet are rounded too, and count for nothing.
    """
    widths = np.array([UNITS.get(name, 0.0) for name in channels], dtype=np.float32)
    if not widths.any():
        return x
    return np.where(widths > 0, np.rint(x / np.where(widths > 0, widths, 1)), x)


def tokens_of(x: np.ndarray, alphabets: Alphabets) -> np.ndarray:
    """One number per step, ``(n, steps)`` int64, for what all channels of symbols say there.

    x: as ``quantised`` gives it. ``MISSING`` where any channel of symbols has no value, or one
    outside its alphabet.
    """
    tokens = np.zeros(x.shape[:2], dtype=np.int64)
    known = np.ones(x.shape[:2], dtype=bool)
    for channel, alphabet in enumerate(alphabets):
        if alphabet is None:
            continue
        place = np.where(np.isfinite(x[..., channel]), x[..., channel] - alphabet.low, MISSING)
        known &= (place >= 0) & (place < alphabet.size) & (place == np.rint(place))
        tokens = tokens * alphabet.size + np.where(known, place, 0).astype(np.int64)
    return np.where(known, tokens, MISSING)


def folded(x: np.ndarray, period: int) -> np.ndarray:
    """Symbols of ``(n, steps, channels)`` taken modulo a period, as octaves are by 12 semitones."""
    return np.mod(x, period)


def without_repeats(tokens: np.ndarray) -> np.ndarray:
    """Runs of one token ``(n, steps)`` as a single step; rows filled up with ``MISSING``.

    What is missing between two tokens stays, as one step.
    """
    begins = np.ones(tokens.shape, dtype=bool)
    begins[:, 1:] = tokens[:, 1:] != tokens[:, :-1]
    longest = int(begins.sum(axis=1).max())
    out = np.full((len(tokens), longest), MISSING, dtype=np.int64)
    rows, steps = np.nonzero(begins)
    place = np.cumsum(begins, axis=1)[rows, steps] - 1
    out[rows, place] = tokens[rows, steps]
    return out


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
