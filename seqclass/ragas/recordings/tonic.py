"""The tonic of a recording: candidates with scores, from its drone and its voice.

The drone sounds all the time, so it is what a low quantile over time leaves of the spectrum. It is
compared with a tanpura's strings: Sa, the Sa below, and Pa or Ma between them.
"""

from dataclasses import dataclass

import numpy as np
from typing_extensions import TypedDict

from seqclass.ragas.recordings.sound_files import SAMPLE_HZ

BIN_CENTS = 10
LOWEST_HZ, N_BINS = 48.0, 5 * 120
"""The spectrum's first bin, and five octaves of bins."""
OCTAVE_BINS, NEAR_BINS = 120, 2
"""Bins of an octave, and how far from a svara a voice may be to be at it."""
TONIC_HZ = 95.0, 260.0
"""Lowest and highest tonic: of low male and of high female voices, and instruments."""
FRAME, HOP = 2**14, 2**13
"""Samples of a spectrum, about a second, and from one spectrum to the next."""
QUANTILE = 0.2
MAX_DB = 24.0
"""Height above its surroundings from which on a partial counts no more."""
FIFTH, FOURTH = 702, 498
WIDTH_CENTS = 15.0
DRONE, VOICE, RANGE = (8.0, 36.0), (1.0, 0.5), 0.8
"""Weights of what is known of a candidate, in nats; of two the second is for a clear drone."""
MIDDLE_CENTS, SPREAD_CENTS = 550.0, 350.0
"""Usual median of a voice above its tonic, and how far it strays."""
HEARD = 0.6
"""Likeness to a tanpura from which on there is a drone: drums and voices alone reach 0.55."""
SURE = 0.75
"""Score of a tonic that is taken without asking."""
APART_CENTS = 60
MAX_CANDIDATES = 5


class TonicCandidate(TypedDict):
    """A tonic, and its share of the belief in all of them."""

    hz: float
    score: float


@dataclass(frozen=True)
class Tonic:
    """The tonic of a recording, with what it was found by.

    candidates: the most likely first; a given tonic is the only one. by: ``given``, ``drone`` (and
    voice) or ``voice``, where no drone is heard.
    """

    candidates: tuple[TonicCandidate, ...]
    by: str

    @property
    def hz(self) -> float:
        """The most likely tonic."""
        return self.candidates[0]["hz"]

    @property
    def is_sure(self) -> bool:
        """True if the tonic need not be asked for; that of a voice alone always is."""
        return self.by != "voice" and self.candidates[0]["score"] >= SURE


def given(hz: float) -> Tonic:
    """Return a tonic that a person has named."""
    return Tonic(({"hz": hz, "score": 1.0},), "given")


class DroneSpectrum:
    """The spectrum of what sounds all the time in samples that are added block by block."""

    def __init__(self) -> None:
        self._left = np.zeros(0, np.float32)
        self._frames: list[np.ndarray] = []
        self._window = np.hanning(FRAME).astype(np.float32)
        hz = LOWEST_HZ * 2 ** (np.arange(N_BINS) * BIN_CENTS / 1200)
        self._place = hz * FRAME / SAMPLE_HZ

    def add(self, samples: np.ndarray) -> None:
        """Take the next samples, of any number."""
        whole = np.concatenate([self._left, samples])
        n = max((len(whole) - FRAME) // HOP + 1, 0)
        for start in range(0, n * HOP, HOP):
            part = whole[start : start + FRAME]
            if np.abs(part).max() > 1e-4:  # a pause says nothing of the drone
                self._frames.append(self._decibels(part))
        self._left = whole[n * HOP :]

    def _decibels(self, part: np.ndarray) -> np.ndarray:
        size = np.abs(np.fft.rfft(part * self._window))
        return (20 * np.log10(np.interp(self._place, np.arange(len(size)), size) + 1e-6)).astype(
            np.float16
        )

    def partials(self) -> np.ndarray:
        """Return dB of each bin ``(N_BINS,)`` above those around it, at least 0."""
        from scipy.ndimage import median_filter  # takes 0.3 s, which readers of tables would pay

        if not self._frames:
            return np.zeros(N_BINS)
        low = np.quantile(np.stack(self._frames).astype(np.float32), QUANTILE, axis=0)
        return np.clip(low - median_filter(low, 41), 0, MAX_DB)


def find_tonic(partials: np.ndarray, hz: np.ndarray) -> Tonic:
    """Return the tonic of a drone's partials ``(N_BINS,)`` and a voice ``(frames,)`` in Hz."""
    start, stop = (round(1200 * np.log2(f / LOWEST_HZ) / BIN_CENTS) for f in TONIC_HZ)
    bins = np.arange(start, stop + 1)
    drone = np.stack([_likeness(partials, bins, string) for string in (FIFTH, FOURTH)])
    tonics = LOWEST_HZ * 2 ** (bins * BIN_CENTS / 1200)
    voice = np.stack([_voice(hz, bins, string) for string in (FIFTH, FOURTH)])
    is_heard = bool(drone.max() >= HEARD)
    belief = (DRONE[is_heard] * drone + VOICE[is_heard] * voice).max(axis=0)
    belief += RANGE * _range(hz, tonics)
    by = "drone" if is_heard else "voice"
    return Tonic(_peaks(tonics, belief, partials if is_heard else None), by)


def _likeness(partials: np.ndarray, bins: np.ndarray, string: int) -> np.ndarray:
    """Return the cosine of the partials and a tanpura's, for a tonic at each of the bins."""
    cents = BIN_CENTS * np.arange(N_BINS)
    likeness = []
    for tonic in bins:
        model = np.zeros(N_BINS)
        for below, loud in ((0, 1.0), (-1200, 0.8), (string - 1200, 0.6)):
            for n in range(1, 9):
                place = BIN_CENTS * tonic + below + 1200 * np.log2(n)
                hill = np.exp(-0.5 * ((cents - place) / WIDTH_CENTS) ** 2)
                model = np.maximum(model, loud / n**0.3 * hill)
        norms = np.linalg.norm(model) * np.linalg.norm(partials)
        likeness.append(model @ partials / (norms + 1e-9))
    return np.array(likeness)


def _voice(hz: np.ndarray, bins: np.ndarray, string: int) -> np.ndarray:
    """Return how much more often than elsewhere the voice is at Sa and the string, in nats."""
    voiced = hz[np.isfinite(hz)]
    if not len(voiced):
        return np.zeros(len(bins))
    place = np.rint(1200 * np.log2(voiced / LOWEST_HZ) / BIN_CENTS).astype(int) % OCTAVE_BINS
    often = np.bincount(place, minlength=OCTAVE_BINS) / len(voiced)
    shifts = range(-NEAR_BINS, NEAR_BINS + 1)
    near = np.sum([np.roll(often, shift) for shift in shifts], axis=0)
    sa, other = (near[(bins + round(at / BIN_CENTS)) % OCTAVE_BINS] for at in (0, string))
    return 2 * np.log(0.03 + sa) + np.log(0.03 + other)


def _range(hz: np.ndarray, tonics: np.ndarray) -> np.ndarray:
    """Return how usual the voice's range is above each tonic, in nats."""
    voiced = hz[np.isfinite(hz)]
    if not len(voiced):
        return np.zeros(len(tonics))
    above = 1200 * np.log2(np.median(voiced) / tonics)
    return -0.5 * ((above - MIDDLE_CENTS) / SPREAD_CENTS) ** 2


def _peaks(
    tonics: np.ndarray, belief: np.ndarray, partials: np.ndarray | None
) -> tuple[TonicCandidate, ...]:
    """Return the highest candidates that are apart, with shares of the belief in them."""
    from scipy.ndimage import maximum_filter1d

    apart = APART_CENTS // BIN_CENTS
    tops = np.flatnonzero(belief >= maximum_filter1d(belief, 2 * apart + 1))
    tops = tops[np.argsort(-belief[tops], kind="stable")][:MAX_CANDIDATES]
    shares = np.exp(belief[tops] - belief[tops].max())
    shares /= shares.sum()
    hz = [tonics[top] if partials is None else _finer(tonics[top], partials) for top in tops]
    return tuple(
        {"hz": round(float(frequency), 2), "score": round(float(share), 4)}
        for frequency, share in zip(hz, shares, strict=True)
    )


def _finer(tonic: float, partials: np.ndarray) -> float:
    """Return the tonic moved to the centre of its own octave partials."""
    bins = np.arange(N_BINS)
    tonic_bin = 1200 * np.log2(tonic / LOWEST_HZ) / BIN_CENTS
    weight, moved = 1e-9, 0.0
    for octave in (-120, 0, 120):
        near = np.abs(bins - tonic_bin - octave) <= 3
        weight += partials[near].sum()
        moved += (partials[near] * (bins[near] - tonic_bin - octave)).sum()
    return float(tonic * 2 ** (BIN_CENTS * moved / weight / 1200))
