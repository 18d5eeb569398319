"""Pitch contours of melodies as a pitch tracker sees them, with gamakas, breaths and faults.

A svara is reached by a glide, dwelt on, and ornamented. Glides and ornaments keep their length when
the tempo changes; only held notes stretch (Subramanian et al., arXiv 1711.02318). Kampita swings to
a neighbour or between both, as often as singers do it (``seqclass.ragas.singing``); jaru glides
over several svaras, sphurita touches the svara below when one is repeated, nokku comes from above,
orikkai flicks up before a descent, ravai turns around the svara. Svaras held over half a second are
hit within 10 cents, shorter ones within 23, the turning points of gamakas within 45.
"""

from typing import NamedTuple

import numpy as np

from seqclass.ragas.chains import HEIGHTS, NAMES
from seqclass.ragas.definitions import Raga
from seqclass.ragas.melodies import Melodies, RagaRows
from seqclass.ragas.singing import Voices, by_note

PLAIN, UP, DOWN, BOTH, SPHURITA, NOKKU, ORIKKAI, RAVAI = range(8)
GAMAKAS = (
    "plain", "kampita up", "kampita down", "kampita both ways", "sphurita", "nokku", "orikkai",
    "ravai",
)  # fmt: skip
GLIDE_S, JARU_S = (0.05, 0.11), (0.2, 0.4)
"""Shortest and longest glide between neighbours, and over several svaras."""
SWING_HZ = (4.0, 6.5)
TREMOR = (4.0, 20.0)
"""Weakest and strongest tremor of a held svara, in cents."""
TOUCH_S = 0.14
"""Seconds that a touch of another svara lasts."""
HELD_S, HELD_SD, SHORT_SD, TURNING_SD = 0.5, 10.0, 23.0, 45.0
SWING_REACH = 0.8
"""Share of the way to a neighbour that a swing goes."""
SHORTEST_SWING_S = 0.2
"""Seconds of the shortest svara that swings."""


class Ornaments(NamedTuple):
    """Ornaments of every svara of the melodies, ``(rows, notes)`` each.

    kind: an index of ``GAMAKAS``; cents: the sung pitch above Sa; below, above: the svara's
    neighbours, in cents from it; glide: seconds until it is reached; swing: cycles in a second;
    upward: whether the first cycle of those that go both ways is upward.
    """

    kind: np.ndarray
    cents: np.ndarray
    below: np.ndarray
    above: np.ndarray
    glide: np.ndarray
    swing: np.ndarray
    upward: np.ndarray
    tremor: np.ndarray


def ornaments(
    of: RagaRows,
    melodies: Melodies,
    seconds: np.ndarray,
    voices: Voices | None,
    rng: np.random.Generator,
) -> Ornaments:
    """Choose how each svara is sung; seconds: ``(rows, notes)`` lengths of the svaras.

    Without voices each svara is plain and exactly on its place.
    """
    shape = melodies.svara.shape
    height = melodies.height.astype(float)
    below, above = (table[of.codes[:, None], melodies.svara] for table in _neighbours(of.ragas))
    turning = 1 + rng.normal(0, TURNING_SD / 200, (2, *shape)).clip(-0.6, 0.6)
    spread = np.where(seconds > HELD_S, HELD_SD, SHORT_SD)
    move = np.abs(np.diff(height, axis=1, prepend=height[:, :1]))
    jaru = (move >= 5) & (rng.random(shape) < 0.6)
    quick, slow = rng.uniform(*GLIDE_S, shape), rng.uniform(*JARU_S, shape)
    glide = np.minimum(np.where(jaru, slow, quick), 0.6 * seconds)
    kind, met = np.full(shape, PLAIN), 100 * height
    swing, tremor = rng.uniform(*SWING_HZ, shape), rng.uniform(*TREMOR, shape)
    upward = rng.random(shape) < 0.5
    if voices is None:
        glide, tremor = quick / 5, np.zeros(shape)
    else:
        kind = _kinds(melodies, seconds, voices, rng)
        met = met + by_note(voices.cents, melodies.svara) + rng.normal(0, 1, shape) * spread
    around = below * turning[0], above * turning[1]
    return Ornaments(kind, met, *around, glide, swing, upward, tremor)


def _kinds(
    melodies: Melodies, seconds: np.ndarray, voices: Voices, rng: np.random.Generator
) -> np.ndarray:
    """Draw the ornament of every note: touches by its moves, swings by its voice's numbers."""
    shape, height = melodies.svara.shape, melodies.height
    move = np.diff(height, axis=1, prepend=height[:, :1])
    after = np.diff(height, axis=1, append=height[:, -1:])
    chance, touch = rng.random((2, *shape))
    kind = np.where(touch < 0.12, RAVAI, PLAIN)
    kind = np.where((after < 0) & (touch > 0.75), ORIKKAI, kind)
    kind = np.where((move < 0) & (np.abs(touch - 0.5) < 0.12), NOKKU, kind)
    kind = np.where((move == 0) & (touch < 0.5), SPHURITA, kind)
    kind[:, 0] = np.where(kind[:, 0] == SPHURITA, PLAIN, kind[:, 0])
    up, down = (by_note(shares, melodies.svara) for shares in (voices.up, voices.down))
    both = np.minimum(up, down)
    way = np.select([chance < 2 * both, chance < up + both, chance < up + down], [BOTH, UP, DOWN])
    return np.where((way != PLAIN) & (seconds > SHORTEST_SWING_S), way, kind)


def _neighbours(ragas: tuple[Raga, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return cents from every svara to the next below and above, at most 300: ``(ragas, 16)``."""
    below, above = np.zeros((2, len(ragas), len(NAMES)))
    for r, raga in enumerate(ragas):
        places = np.unique([HEIGHTS[NAMES.index(name)] for name in raga.scale])
        for code in map(NAMES.index, raga.svaras):
            steps = (places - HEIGHTS[code]) % 12
            around = steps[steps > 0]
            above[r, code] = min(around.min(), 3) * 100
            below[r, code] = -min(12 - around.max(), 3) * 100
    return below, above


def contours(
    sung: Ornaments, seconds: np.ndarray, n_frames: int, rate_hz: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return cents above Sa ``(rows, n_frames)``, and the svara that sounds at each frame."""
    stop = np.cumsum(seconds, axis=1)
    time = (np.arange(n_frames) + 0.5) / rate_hz
    note = np.stack([np.searchsorted(ends, time, side="right") for ends in stop])
    note = np.minimum(note, seconds.shape[1] - 1)

    def at(values: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, note, axis=1)

    since = time - at(stop - seconds)
    before = np.concatenate([sung.cents[:, :1], sung.cents[:, :-1]], axis=1)
    reached = _smooth(since / at(sung.glide))
    base = at(before) + (at(sung.cents) - at(before)) * reached
    return base + _ornament(sung, at, since, at(seconds)), note


def _smooth(share: np.ndarray) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))


def _bump(share: np.ndarray) -> np.ndarray:
    """Return a bump from 0 to 1 and back over shares 0 to 1; 0 outside."""
    return np.where((share > 0) & (share < 1), np.sin(np.pi * np.clip(share, 0, 1)) ** 2, 0.0)


def _ornament(sung: Ornaments, at, since: np.ndarray, length: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return the cents away from the svara at every frame; 0 at the svara's end."""
    kind, below, above, glide = (at(a) for a in (sung.kind, sung.below, sung.above, sung.glide))
    left = np.maximum(length - glide, 1e-6)
    share = np.clip((since - glide) / left, 0, 1)
    cycles = np.maximum(np.rint(at(sung.swing) * left), 1)
    phase = 2 * np.pi * cycles * share
    swung = SWING_REACH * (0.5 - 0.5 * np.cos(phase))
    upward = (np.floor(phase / (2 * np.pi)) % 2 == 0) == at(sung.upward)
    touch = np.minimum(TOUCH_S, 0.7 * length)
    shapes = {
        UP: swung * above,
        DOWN: swung * below,
        BOTH: swung * np.where(upward, above, below),
        SPHURITA: below * _bump(since / touch),
        NOKKU: above * _bump(since / touch) * 0.8,
        ORIKKAI: above * _bump((since - length + touch) / touch),
        RAVAI: 0.5 * (above * _bump(since / touch) + below * _bump(since / touch - 1)),
    }
    unrest = at(sung.tremor) * np.sin(1.3 * phase) * np.minimum(8 * share * (1 - share), 1)
    return unrest + np.select([kind == k for k in shapes], list(shapes.values()), 0.0)


class Tracker(NamedTuple):
    """A pitch tracker: frames in a second, and its errors.

    lost: share of single frames without pitch; dropouts: share of the time in stretches without;
    octave_errors: share of the time in stretches that are heard an octave off; jitter_cents:
    standard deviation from frame to frame.
    """

    rate_hz: float
    lost: float
    dropouts: float
    octave_errors: float
    jitter_cents: float

    def hear(self, cents: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return the pitch ``(rows, frames)`` with the tracker's errors, NaN where it is lost."""
        heard = cents + rng.normal(0, 1, cents.shape) * self.jitter_cents
        off = self._stretches(self.octave_errors, cents.shape, rng)
        octave = np.where(rng.random((len(cents), 1)) < 0.5, 1200.0, -1200.0)
        heard = np.where(off, heard + octave, heard)
        missed = self._stretches(self.dropouts, cents.shape, rng)
        return np.where(missed | (rng.random(cents.shape) < self.lost), np.nan, heard)

    def _stretches(
        self, share: float, shape: tuple[int, ...], rng: np.random.Generator
    ) -> np.ndarray:
        """Mark stretches that together last a share of the time."""
        if not share:
            return np.zeros(shape, bool)
        frames = rng.uniform(*STRETCH_S, shape) * self.rate_hz
        rate = -np.log1p(-share) / (self.rate_hz * sum(STRETCH_S) / 2)
        time = np.arange(shape[1])
        until = np.where(rng.random(shape) < rate, time + np.maximum(frames, 1), 0)
        return np.maximum.accumulate(until, axis=1) > time


STRETCH_S = (0.08, 0.5)
"""Shortest and longest stretch of a tracker's error, in seconds."""


def silences(
    note: np.ndarray, ends: np.ndarray, seconds: np.ndarray, rate_hz: float,
    rng: np.random.Generator,
) -> np.ndarray:  # fmt: skip
    """Mark frames without voice ``(rows, n_frames)``: breaths and consonants."""
    at = np.take_along_axis
    stop = np.cumsum(seconds, axis=1)
    time = (np.arange(note.shape[1]) + 0.5) / rate_hz
    breath = rng.uniform(0.15, 0.45, seconds.shape) * (ends & (rng.random(seconds.shape) < 0.7))
    breath = np.minimum(breath, 0.5 * seconds)
    consonant = rng.uniform(0.02, 0.06, seconds.shape) * (rng.random(seconds.shape) < 0.2)
    until_end = at(stop, note, axis=1) - time
    since = time - at(stop - seconds, note, axis=1)
    return (until_end < at(breath, note, axis=1)) | (since < at(consonant, note, axis=1))
