"""Windows of a recording: its pitch as series of cents above the tonic, at a steady rate."""

import numpy as np

from seqclass.recordings.pitch import FRAMES_PER_S, stretches

PAUSE_S, KEPT_S = 1.0, 0.4
"""Seconds from which on a rest is left out, and what is kept of it: as long as a breath."""


def contour(hz: np.ndarray, tonic_hz: float, rate_hz: float) -> np.ndarray:
    """Return cents above the tonic ``(steps,)`` at a rate, NaN where unvoiced, without long rests.

    A step is the pitch at its middle.
    """
    steps = max(int(len(hz) / FRAMES_PER_S * rate_hz), 1)
    place = (np.arange(steps) + 0.5) / rate_hz * FRAMES_PER_S
    known = np.flatnonzero(np.isfinite(hz))
    if not len(known):
        return np.zeros(0, np.float32)
    line = np.interp(place, known, 1200 * np.log2(hz[known] / tonic_hz))
    nearest = np.clip(np.rint(place).astype(int), 0, len(hz) - 1)
    cents = np.where(np.isfinite(hz)[nearest], line, np.nan).astype(np.float32)
    return without_rests(cents, rate_hz)


def without_rests(cents: np.ndarray, rate_hz: float) -> np.ndarray:
    """Return a contour whose rests are at most a breath long; none begins or ends it."""
    kept = np.ones(len(cents), bool)
    for start, stop in stretches(np.isnan(cents)):
        if start == 0 or stop == len(cents):
            kept[start:stop] = False
        elif stop - start > PAUSE_S * rate_hz:
            kept[start + max(int(KEPT_S * rate_hz), 1) : stop] = False
    return cents[kept]


def cut(cents: np.ndarray, longest: int) -> list[np.ndarray]:
    """Cut a contour into windows of about equal length, each of at most so many steps."""
    return np.array_split(cents, -(-len(cents) // longest)) if len(cents) else []
