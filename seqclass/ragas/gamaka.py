"""Pitch contours of melodies as a pitch tracker sees them, with gamakas, breaths and faults.

A svara is reached by a glide, dwelt on, and ornamented. Glides and ornaments keep their length when
the tempo changes; only held notes stretch (Subramanian et al., arXiv 1711.02318). Kampita swings to
a neighbour or between both, jaru glides over several svaras, sphurita touches the svara below when
one is repeated, nokku comes from above, orikkai flicks up before a descent, ravai turns around the
svara. Svaras held over half a second are hit within 10 cents, shorter ones within 23, the turning
points of gamakas within 45.
"""

from typing import NamedTuple

import numpy as np

from seqclass.ragas.chains import HEIGHTS, NAMES
from seqclass.ragas.definitions import Raga
from seqclass.ragas.melodies import Melodies, RagaRows

PLAIN, KAMPITA, DEEP_KAMPITA, SPHURITA, NOKKU, ORIKKAI, RAVAI = range(7)
GAMAKAS = ("plain", "kampita", "deep kampita", "sphurita", "nokku", "orikkai", "ravai")
GLIDE_S, JARU_S = (0.05, 0.11), (0.2, 0.4)
"""Shortest and longest glide between neighbours, and over several svaras."""
SWING_HZ = (4.0, 6.5)
TREMOR = (25.0, 60.0)
"""Weakest and strongest tremor of a held svara, in cents."""
TOUCH_S = 0.14
"""Seconds that a touch of another svara lasts."""
HELD_S, HELD_SD, SHORT_SD, TURNING_SD = 0.5, 10.0, 23.0, 45.0
SWUNG = ("R1", "G2", "D1", "N2", "M1")
"""Svaras that swing between both neighbours where a raga dwells on them."""


class Ornaments(NamedTuple):
    """Ornaments of every svara of the melodies, ``(rows, notes)`` each.

    kind: an index of ``GAMAKAS``; cents: the sung pitch above Sa; below, above: the svara's
    neighbours, in cents from it; glide: seconds until it is reached; swing: cycles in a second.
    """

    kind: np.ndarray
    cents: np.ndarray
    below: np.ndarray
    above: np.ndarray
    glide: np.ndarray
    swing: np.ndarray
    tremor: np.ndarray


def ornaments(
    of: RagaRows,
    melodies: Melodies,
    seconds: np.ndarray,
    with_gamaka: bool,
    rng: np.random.Generator,
) -> Ornaments:
    """Choose how each svara is sung; seconds: ``(rows, notes)`` lengths of the svaras.

    The choice depends only on the lines and the jiva svaras.
    """
    shape, at = melodies.svara.shape, (of.codes[:, None], melodies.svara)
    height = melodies.height.astype(float)
    move = np.diff(height, axis=1, prepend=height[:, :1])
    after = np.diff(height, axis=1, append=height[:, -1:])
    below, above, swung, jiva = (table[at] for table in _neighbourhood(of.ragas))
    fixed = np.isin(melodies.svara, [NAMES.index("S"), NAMES.index("P")])
    often = np.where(jiva, 0.95, np.where(fixed, 0.2, 0.75)) * (seconds > 0.2)
    chance, touch = rng.random(shape), rng.random(shape)
    kind = np.full(shape, PLAIN)
    kind = np.where(touch < 0.12, RAVAI, kind)
    kind = np.where((after < 0) & (touch > 0.75), ORIKKAI, kind)
    kind = np.where((move < 0) & (np.abs(touch - 0.5) < 0.12), NOKKU, kind)
    kind = np.where(chance < often, np.where(swung, DEEP_KAMPITA, KAMPITA), kind)
    kind = np.where((move == 0) & (chance < 0.8), SPHURITA, kind)
    kind[:, 0] = np.where(kind[:, 0] == SPHURITA, PLAIN, kind[:, 0])
    turning = 1 + rng.normal(0, TURNING_SD / 200, (2, *shape)).clip(-0.6, 0.6)
    spread = np.where(seconds > HELD_S, HELD_SD, SHORT_SD)
    jaru = (np.abs(move) >= 5) & (rng.random(shape) < 0.6)
    quick, slow = rng.uniform(*GLIDE_S, shape), rng.uniform(*JARU_S, shape)
    glide = np.minimum(np.where(jaru, slow, quick), 0.6 * seconds)
    met = 100 * height + rng.normal(0, 1, shape) * spread
    if not with_gamaka:
        kind[:], glide, met = PLAIN, quick / 5, 100 * height
    swing, tremor = rng.uniform(*SWING_HZ, shape), rng.uniform(*TREMOR, shape) * with_gamaka
    return Ornaments(kind, met, below * turning[0], above * turning[1], glide, swing, tremor)


def _neighbourhood(ragas: tuple[Raga, ...]) -> list[np.ndarray]:
    """Return the surroundings of every svara in each raga, ``(ragas, 16)`` each.

    They are cents to the next below and above, at most 300; whether it swings to both sides;
    whether it is dwelt on.
    """
    below, above = np.zeros((len(ragas), 16)), np.zeros((len(ragas), 16))
    swung, jiva = np.zeros((len(ragas), 16), bool), np.zeros((len(ragas), 16), bool)
    for r, raga in enumerate(ragas):
        places = np.unique([HEIGHTS[NAMES.index(name)] for name in raga.scale])
        for name in raga.svaras:
            code = NAMES.index(name)
            steps = (places - HEIGHTS[code]) % 12
            around = steps[steps > 0]
            above[r, code] = min(around.min(), 3) * 100
            below[r, code] = -min(12 - around.max(), 3) * 100
            jiva[r, code] = name in raga.jiva.split()
            swung[r, code] = jiva[r, code] and name in SWUNG
    return [below, above, swung, jiva]


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
    wave = np.sin(phase)
    deep = np.where(wave > 0, above, -below) * np.sign(wave) * np.sqrt(np.abs(wave))
    touch = np.minimum(TOUCH_S, 0.7 * length)
    shapes = {
        KAMPITA: 0.8 * above * (0.5 - 0.5 * np.cos(phase)),
        DEEP_KAMPITA: 0.9 * deep,
        SPHURITA: below * _bump(since / touch),
        NOKKU: above * _bump(since / touch) * 0.8,
        ORIKKAI: above * _bump((since - length + touch) / touch),
        RAVAI: 0.5 * (above * _bump(since / touch) + below * _bump(since / touch - 1)),
    }
    unrest = at(sung.tremor) * np.sin(1.3 * phase) * np.minimum(8 * share * (1 - share), 1)
    return unrest + np.select([kind == k for k in shapes], list(shapes.values()), 0.0)


class Tracker(NamedTuple):
    """A pitch tracker: frames in a second, and the share of them that it loses."""

    rate_hz: float
    lost: float


def silences(
    note: np.ndarray,
    ends: np.ndarray,
    seconds: np.ndarray,
    tracker: Tracker,
    rng: np.random.Generator,
) -> np.ndarray:
    """Mark frames without pitch ``(rows, n_frames)``: breaths, consonants, lost frames."""
    rows, n_frames = note.shape
    at = np.take_along_axis
    stop = np.cumsum(seconds, axis=1)
    time = (np.arange(n_frames) + 0.5) / tracker.rate_hz
    breath = rng.uniform(0.15, 0.45, seconds.shape) * (ends & (rng.random(seconds.shape) < 0.7))
    breath = np.minimum(breath, 0.5 * seconds)
    consonant = rng.uniform(0.02, 0.06, seconds.shape) * (rng.random(seconds.shape) < 0.2)
    until_end = at(stop, note, axis=1) - time
    since = time - at(stop - seconds, note, axis=1)
    silent = (until_end < at(breath, note, axis=1)) | (since < at(consonant, note, axis=1))
    return silent | (rng.random((rows, n_frames)) < tracker.lost)
