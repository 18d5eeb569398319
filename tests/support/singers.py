"""Recordings to test on: contours sung by voices of formants over a drone, a drum and noise.

They share nothing with the flute and the tanpura of ``seqclass listen``.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

RATE = 22_050
STEP = 220
"""Samples from one look at the formants to the next."""
VOWELS = {
    "a": ((730, 90), (1090, 110), (2440, 170)),
    "i": ((300, 60), (2200, 120), (2900, 180)),
    "u": ((330, 60), (870, 90), (2240, 160)),
    "e": ((530, 70), (1840, 110), (2480, 170)),
}
"""Centre and width, in Hz, of three formants."""


@dataclass(frozen=True)
class Singer:
    """A voice and what sounds beside it; levels are relative to the voice."""

    vowels: str = "aeiu"
    size: float = 1.0
    tilt: float = 1.2
    vibrato_cents: float = 15.0
    breath: float = 0.02
    drone: float = 0.25
    string: float = 7.0
    drum: float = 0.4
    noise: float = 0.01


def any_singer(rng: np.random.Generator, string: float) -> Singer:
    """A singer drawn at random, with a drone of Sa and the string so many semitones above it."""
    return Singer(
        vowels="".join(rng.permutation(list(VOWELS))),
        size=rng.uniform(0.85, 1.2),
        tilt=rng.uniform(0.9, 1.5),
        vibrato_cents=rng.uniform(0, 25),
        breath=rng.uniform(0.005, 0.04),
        drone=rng.uniform(0.12, 0.35),
        string=string,
        drum=rng.uniform(0.1, 0.5),
        noise=rng.uniform(0.002, 0.02),
    )


def sung(
    cents: np.ndarray, rate_hz: float, tonic_hz: float, singer: Singer, rng: np.random.Generator
) -> np.ndarray:
    """Samples at ``RATE``, float32, of a contour (NaN: silence) with drone, drum and noise."""
    n = int(len(cents) / rate_hz * RATE)
    voice = _voice(cents, rate_hz, tonic_hz, singer, n)
    level = np.sqrt(np.mean(np.square(voice[np.abs(voice) > 1e-9]))) if voice.any() else 1.0
    parts = [voice / level]
    for share, part in (
        (singer.drone, drone(tonic_hz, singer.string, n, rng)),
        (singer.drum, _drum(n, rng)),
        (singer.noise, rng.standard_normal(n)),
    ):
        parts.append(share * part / max(np.sqrt(np.mean(np.square(part))), 1e-9))
    mixed = sum(parts)
    return (0.7 * mixed / np.abs(mixed).max()).astype(np.float32)


def _voice(
    cents: np.ndarray, rate_hz: float, tonic_hz: float, singer: Singer, n: int
) -> np.ndarray:
    time = np.arange(n) / RATE
    frame = time * rate_hz - 0.5
    voiced = np.flatnonzero(np.isfinite(cents))
    if not len(voiced):
        return np.zeros(n)
    line = np.interp(frame, voiced, cents[voiced])
    line += singer.vibrato_cents * np.sin(2 * np.pi * 5.4 * time)
    hz = tonic_hz * 2 ** (line / 1200)
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    few = np.arange(0, n, STEP)
    vowel = (time[few] / 0.7).astype(int) % len(singer.vowels)
    tone = np.zeros(n)
    for k in range(1, 26):
        loud = np.zeros(len(few))
        for number, name in enumerate(singer.vowels):
            loudness = _formants(k * hz[few] * singer.size, VOWELS[name])
            loud = np.where(vowel == number, loudness, loud)
        loud = np.where(k * hz[few] < RATE / 2, loud * k**-singer.tilt, 0)
        tone += np.interp(np.arange(n), few, loud) * np.sin(k * phase)
    sounding = np.isfinite(cents)[np.clip(np.rint(frame).astype(int), 0, len(cents) - 1)]
    width = int(0.02 * RATE)
    envelope = np.convolve(sounding.astype(float), np.hanning(width) / (width / 2), "same")
    return envelope * (tone + singer.breath * np.random.default_rng(0).standard_normal(n))


def _formants(hz: np.ndarray, vowel: tuple[tuple[int, int], ...]) -> np.ndarray:
    hills = [1 / (1 + ((hz - centre) / (2 * width)) ** 2) for centre, width in vowel]
    return 0.15 + np.sum(hills, axis=0)


def drone(tonic_hz: float, string: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """A tanpura: the string below Sa, Sa twice, and the Sa an octave below, plucked in turn."""
    gap, ring = int(rng.uniform(0.7, 1.2) * RATE), 4 * RATE
    time = np.arange(ring) / RATE
    out = np.zeros(n + 2 * ring)
    strings = [
        _string(tonic_hz * 2 ** ((above - 12 + rng.normal(0, 0.02)) / 12), time, rng)
        for above in (string, 12, 12, 0)
    ]
    for k in range(n // gap + 1):
        out[k * gap : k * gap + ring] += strings[k % 4]
    return out[:n]


def _string(hz: float, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    tone = np.zeros(len(time))
    for partial in range(1, 16):
        if partial * hz < RATE / 2:
            loud = np.exp(-time * (0.6 + 0.1 * partial)) * (1 - np.exp(-time * 60 / partial))
            phase = 2 * np.pi * (partial * hz * time + rng.random())
            tone += loud / partial * np.sin(phase)
    return tone


def _drum(n: int, rng: np.random.Generator) -> np.ndarray:
    time = np.arange(int(0.25 * RATE)) / RATE
    out = np.zeros(n + len(time))
    at = 0
    while at < n:
        hz = rng.choice([82.0, 97.0, 260.0, 310.0])
        stroke = np.exp(-time * 22) * np.sin(2 * np.pi * hz * time)
        stroke += 0.5 * np.exp(-time * 90) * rng.standard_normal(len(time))
        out[at : at + len(time)] += rng.uniform(0.3, 1) * stroke
        at += int(RATE * rng.choice([0.15, 0.3, 0.3, 0.6]))
    return out[:n]


def speech(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Noise with the rhythm and the formants of speech, partly with a gliding pitch."""
    n = int(seconds * RATE)
    pitch = 1200 * np.cumsum(rng.normal(0, 0.03, int(seconds * 25)))
    pitch = 400 * np.sin(pitch / 300)
    pitch[(np.arange(len(pitch)) // 6) % 3 == 0] = np.nan
    voice = _voice(pitch, 25.0, 130.0, Singer(vibrato_cents=0, breath=0.3), n)
    voice /= np.abs(voice).max()
    hiss = np.convolve(rng.standard_normal(n), np.hanning(9), "same")
    return (0.4 * voice + 0.1 * hiss / np.abs(hiss).max()).astype(np.float32)


KBIT_64 = {"compression_level": 0.888, "bitrate_mode": "CONSTANT"}


def write_mp3(path: Path, samples: np.ndarray, rate: int = 44_100) -> float:
    """Write an MP3 of 64 kbit/s; returns the kbit/s that the file has."""
    import soundfile
    import soxr

    resampled = soxr.resample(samples, RATE, rate)
    soundfile.write(path, resampled, rate, format="MP3", subtype="MPEG_LAYER_III", **KBIT_64)
    return path.stat().st_size * 8 / (len(samples) / RATE) / 1000


def song(seconds: float, tonic_hz: float = 150.0, drone: float = 0.25) -> np.ndarray:
    """Samples of a plain melody of Sri. drone: its level."""
    steps = np.array([0, 200, 500, 700, 1000, 1200, 1000, 700, 500, 200, 300, 200, 0])
    cents = np.repeat(np.tile(steps, int(seconds / 6) + 1), 12)[: int(seconds * 25)].astype(float)
    cents[11::36] = np.nan
    singer = Singer(drum=0.2, drone=drone)
    return sung(cents, 25.0, tonic_hz, singer, np.random.default_rng(0))
