"""Pitch of a recording's leading voice, by the tracker swift-f0, and its windows of cents."""

from typing import Any

import numpy as np

from seqclass.ragas.recordings.sound_files import audio_packages

FRAMES_PER_S = 62.5
"""Rate of the tracker's frames: 256 samples at 16 kHz."""
LOW_HZ, HIGH_HZ = 70.0, 900.0
CONFIDENT = 0.5
SHORTEST_S = 0.1
"""Shorter stretches of pitch are dropped: they are mostly drums and consonants."""
SOFTER_DB = 7.0
DRONE_CENTS = np.array([0.0, 498.0, 702.0])
THREADS = 2
PAUSE_S, KEPT_S = 1.0, 0.4
"""Seconds from which on a rest is left out, and what is kept of it: as long as a breath."""


class PitchTrack:
    """The pitch of samples at 16 kHz that are added block by block, of any lengths."""

    def __init__(self) -> None:
        _, _, swift_f0 = audio_packages()
        self._rate = swift_f0.SAMPLE_RATE
        self._stream: Any = swift_f0.SwiftF0(threads=THREADS, spin=False).stream(LOW_HZ, HIGH_HZ)
        self._parts: list[np.ndarray] = []
        self._levels: list[np.ndarray] = []

    def add(self, samples: np.ndarray) -> None:
        """Track the next samples."""
        self._keep(self._stream.push(samples, self._rate))

    def end(self) -> tuple[np.ndarray, np.ndarray]:
        """End the track; returns Hz, NaN where unvoiced, and dB, ``(frames,)`` float32."""
        self._keep(self._stream.flush())
        return without_islands(np.concatenate(self._parts)), np.concatenate(self._levels)

    def _keep(self, frames: Any) -> None:
        hz = frames.pitch_hz
        is_sure = (frames.confidence >= CONFIDENT) & (hz >= LOW_HZ) & (hz <= HIGH_HZ)
        self._parts.append(np.where(is_sure, hz, np.nan).astype(np.float32))
        self._levels.append(frames.loudness_db.astype(np.float32))


def stretches(marked: np.ndarray) -> np.ndarray:
    """Return first and end of each run of True, ``(runs, 2)``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8)))
    return edges.reshape(-1, 2)


def without_islands(hz: np.ndarray) -> np.ndarray:
    """Return a track in which voiced stretches shorter than ``SHORTEST_S`` are NaN."""
    kept = hz.copy()
    for start, stop in stretches(np.isfinite(hz)):
        if stop - start < SHORTEST_S * FRAMES_PER_S:
            kept[start:stop] = np.nan
    return kept


def without_drone(hz: np.ndarray, level_db: np.ndarray, tonic_hz: float) -> np.ndarray:
    """Return a track without frames in which the drone is heard while the voice rests.

    They lie on Sa, Ma or Pa, and are much softer than most of the voice.
    """
    voiced = np.isfinite(hz)
    if not voiced.any():
        return hz
    folded = np.mod(1200 * np.log2(hz / tonic_hz), 1200)
    beside = np.abs((folded[:, None] - DRONE_CENTS + 600) % 1200 - 600).min(axis=1)
    soft = level_db < np.quantile(level_db[voiced], 0.7) - SOFTER_DB
    return without_islands(np.where(soft & (beside < 30), np.nan, hz))


def level_share(hz: np.ndarray) -> float:
    """Return the share of voiced frames in level stretches: within 20 cents for 64 ms."""
    cents = 1200 * np.log2(hz / LOW_HZ)
    if len(cents) < 4 or not np.isfinite(cents).any():
        return 0.0
    parts = np.lib.stride_tricks.sliding_window_view(cents, 4)
    level = np.flatnonzero(np.ptp(parts, axis=1) < 20)
    return len(np.unique(level[:, None] + np.arange(4))) / int(np.isfinite(cents).sum())


def contour(hz: np.ndarray, tonic_hz: float, rate_hz: float) -> np.ndarray:
    """Return cents above the tonic ``(steps,)`` at a rate, NaN where unvoiced, without long rests.

    A step is the pitch at its middle.
    """
    steps = max(int(len(hz) / FRAMES_PER_S * rate_hz), 1)
    place = (np.arange(steps) + 0.5) / rate_hz * FRAMES_PER_S
    voiced = np.flatnonzero(np.isfinite(hz))
    if not len(voiced):
        return np.zeros(0, np.float32)
    line = np.interp(place, voiced, 1200 * np.log2(hz[voiced] / tonic_hz))
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
