"""Channels of symbols: letters, states or pitches, written as whole numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_SYMBOLS = 64
"""Whole numbers from a channel's lowest to its highest value, beyond which it is a measurement."""
UNITS = {"cents": 100.0, "pitch": 1.0}
"""Channels whose name is a unit, and how much of it makes a symbol, here a semitone: an
equal-tempered one has 100 cents, and pitch is counted in semitones."""
SAMPLED = ("cents",)
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
        return [self.low, self.low + self.size - 1]


Alphabets = tuple[Alphabet | None, ...]
"""For each channel its alphabet, or None where it holds no symbols."""


def find_alphabets(x: np.ndarray, channels: Sequence[str] = ()) -> Alphabets:
    """What the values of training rows ``(n, steps, channels)`` say of each channel.

    A channel holds symbols where all its values are whole, not all alike, and from the lowest to
    the highest there are ``MOST_SYMBOLS`` at most. NaN is left out. Channels whose name is a unit
    are rounded before.
    """
    values = quantised(x, channels)
    widths = [UNITS.get(name, 1.0) for name in channels] or [1.0] * x.shape[-1]
    return tuple(_alphabet(values[..., c], width) for c, width in enumerate(widths))


def _alphabet(values: np.ndarray, width: float) -> Alphabet | None:
    seen = values[np.isfinite(values)]
    if not len(seen):
        return None
    low, high = float(seen.min()), float(seen.max())
    if not 0 < high - low < MOST_SYMBOLS or (seen != np.rint(seen)).any():
        return None
    return Alphabet(int(low), int(high - low) + 1, width)


def quantised(x: np.ndarray, channels: Sequence[str]) -> np.ndarray:
    """``(n, steps, channels)`` with channels of a known unit rounded to the nearest symbol."""
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
