"""Channels of symbols: letters, states or pitches, written as whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

MAX_SYMBOLS = 64
"""Most whole numbers from a channel's lowest to highest value; a measurement has more."""
CENTS, PITCH = "cents", "pitch"
UNITS = {CENTS: 100.0, PITCH: 1.0}
"""Names of channels that may be rounded, and the amount that makes one symbol, here a semitone.
Cents are always a unit, 100 to an equal-tempered semitone. A pitch may be counted in anything; it
is taken as semitones if the differences between the values of each series are whole numbers."""
WHOLE = 1e-3
"""Distance up to which a float32 counts as a whole number."""
SAMPLED = (CENTS,)
"""Units of sampled contours, in which one symbol lasts for many steps."""
MISSING = -1


@dataclass(frozen=True)
class Alphabet:
    """The symbols ``low .. low + size - 1`` of a channel.

    width: amount of the channel's unit that makes one symbol; values are rounded to the nearest.
    """

    low: int
    size: int
    width: float = 1.0

    @property
    def limits(self) -> list[int]:
        """Lowest and highest symbol, both included."""
        return [self.low, self.low + self.size - 1]


Alphabets = tuple[Alphabet | None, ...]
"""The alphabet of each channel, or None where the channel holds no symbols."""


def find_alphabets(x: np.ndarray, channels: Sequence[str] = ()) -> Alphabets:
    """Return the alphabet of each channel of training rows ``(n, steps, channels)``, or None.

    A channel holds symbols if all its values are whole, not all are equal, and there are at most
    ``MAX_SYMBOLS`` whole numbers from the lowest to the highest. NaN is left out. Channels of a
    known unit are rounded before.
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
    """Check whether the values of each series ``(n, steps)`` are whole numbers apart.

    Semitones are whole numbers apart above any reference, such as a fixed tone where Sa is not
    known.
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
    """Return ``(n, steps, channels)`` with channels of a known unit rounded to the nearest symbol.

    Channels that have no alphabet are rounded too; ``tokens_of`` ignores them.
    """
    widths = np.array([UNITS.get(name, 0.0) for name in channels], dtype=np.float32)
    if not widths.any():
        return x
    return np.where(widths > 0, np.rint(x / np.where(widths > 0, widths, 1)), x)


def tokens_of(x: np.ndarray, alphabets: Alphabets) -> np.ndarray:
    """Return one number per step, ``(n, steps)`` int64, for the symbols of all channels together.

    x: as ``quantised`` returns it. A step is ``MISSING`` if any channel of symbols has no value
    there, or one outside its alphabet.
    """
    tokens = np.zeros(x.shape[:2], dtype=np.int64)
    is_symbol = np.ones(x.shape[:2], dtype=bool)
    for channel, alphabet in enumerate(alphabets):
        if alphabet is None:
            continue
        place = np.where(np.isfinite(x[..., channel]), x[..., channel] - alphabet.low, MISSING)
        is_symbol &= (place >= 0) & (place < alphabet.size) & (place == np.rint(place))
        tokens = tokens * alphabet.size + np.where(is_symbol, place, 0).astype(np.int64)
    return np.where(is_symbol, tokens, MISSING)


def folded_symbols(x: np.ndarray, period: int) -> np.ndarray:
    """Return symbols ``(n, steps, channels)`` modulo a period, such as 12 semitones (an octave)."""
    return np.mod(x, period)


def without_repeats(tokens: np.ndarray) -> np.ndarray:
    """Return tokens ``(n, steps)`` with runs of one token as a single step.

    Rows are filled up with ``MISSING``. Missing steps between two tokens stay as one step.
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
    """Return ``soft_one_hot (B, T, size)`` of each channel of ``(B, T, C)`` with an alphabet."""
    return [
        soft_one_hot(raw[..., channel : channel + 1], alphabet)
        for channel, alphabet in enumerate(alphabets)
        if alphabet is not None
    ]


def soft_one_hot(values: keras.KerasTensor, alphabet: Alphabet) -> keras.KerasTensor:
    """Return ``(B, T, size)`` for ``(B, T, 1)``: 1 at the symbol, shared between two neighbours.

    All are 0 if a value is missing or outside the alphabet. The features are linear between
    symbols, so that gradients pass, which ``find_attributions`` needs.
    """
    below = (alphabet.low - MAX_SYMBOLS) * alphabet.width
    place = ops.where(ops.isnan(values), below, values) / alphabet.width
    symbols = range(alphabet.low, alphabet.low + alphabet.size)
    apart = layers.Rescaling(1.0, offset=[-float(symbol) for symbol in symbols])(
        ops.repeat(place, alphabet.size, axis=-1)
    )
    return ops.relu(1.0 - ops.abs(apart))
