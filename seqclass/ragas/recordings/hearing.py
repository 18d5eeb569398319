"""A recording as it is heard: its pitch above its tonic, and how far that can be trusted."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import TypedDict

from seqclass.ragas.recordings.pitch import (
    FRAMES_PER_S,
    PitchTrack,
    contour,
    cut,
    level_share,
    without_drone,
)
from seqclass.ragas.recordings.sound_files import SAMPLE_HZ, SoundFile, audio_packages
from seqclass.ragas.recordings.tonic import DroneSpectrum, Tonic, TonicCandidate, find_tonic, given

RATE_HZ, WINDOW_S = 25.0, 60.0
MIN_PITCH_S = 2.0
"""Seconds of pitch without which nothing is said of a recording."""
EXCERPT_S = 30
LITTLE_VOICED, LITTLE_LEVEL, MUCH_CLIPPED = 0.3, 0.1, 0.001


class RecordingFacts(TypedDict):
    """Facts of a recording: its file, its pitch and its tonic.

    voiced: share of its seconds in which a pitch is heard; level: share of these in which it is
    held. tonic_hz: the most likely of the candidates; tonic_by: ``given``, ``drone`` or ``voice``;
    sure: whether it need not be asked for. doubts: reasons not to trust the rest.
    """

    file: str
    kind: str
    seconds: float
    sample_hz: int
    channels: int
    voiced: float
    level: float
    tonic_hz: float
    tonic_by: str
    candidates: list[TonicCandidate]
    sure: bool
    doubts: list[str]


@dataclass(frozen=True)
class HearingSpec:
    """Settings of a recording's series: tonic if known, steps a second, seconds of a window."""

    tonic_hz: float | None = None
    rate_hz: float = RATE_HZ
    window_seconds: float = WINDOW_S


@dataclass(frozen=True)
class Heard:
    """A recording's windows, in cents above the tonic; facts; its beginning as MP3."""

    windows: list[np.ndarray]
    facts: RecordingFacts
    sound: bytes


@dataclass(frozen=True)
class Trace:
    """Measurements of the samples alone: pitch and level of each frame, the drone's partials,
    the first samples, and the seconds that the header promised."""

    hz: np.ndarray
    level_db: np.ndarray
    partials: np.ndarray
    opening: np.ndarray
    promised_s: float

    def tonic(self) -> Tonic:
        """Return the tonic with its candidates."""
        return find_tonic(self.partials, self.hz)

    def voice(self, tonic_hz: float) -> np.ndarray:
        """Return Hz of the voice, NaN where it rests, even if the drone is heard there."""
        return without_drone(self.hz, self.level_db, tonic_hz)


def trace(sound: SoundFile, progress: Callable[[float], None] | None = None) -> Trace:
    """Follow pitch and drone of a sound file block by block; ValueError if it has no samples."""
    track, drone, opening = PitchTrack(), DroneSpectrum(), np.zeros(0, np.float32)
    promised, done = max(sound.seconds, 1e-9), 0
    for block in sound.blocks():
        track.add(block)
        drone.add(block)
        opening = np.concatenate([opening, block])[: EXCERPT_S * SAMPLE_HZ]
        done += len(block)
        if progress:
            progress(min(done / SAMPLE_HZ / promised, 1.0))
    if not done:
        raise ValueError("no samples")
    return Trace(*track.end(), drone.partials(), opening, promised)


def hear(
    name: str, sound: SoundFile, spec: HearingSpec, progress: Callable[[float], None] | None = None
) -> Heard:
    """Return what is heard of a sound file; ValueError in plain words if that is nothing.

    progress: called with the share that is done.
    """
    track = trace(sound, progress)
    tonic = given(spec.tonic_hz) if spec.tonic_hz else track.tonic()
    hz = track.voice(tonic.hz)
    voiced_s = float(np.isfinite(hz).sum()) / FRAMES_PER_S
    if voiced_s < MIN_PITCH_S:
        raise ValueError(f"{voiced_s:.1f} s with a pitch in {sound.seconds:.1f} s of sound")
    facts = _facts(name, sound, hz, tonic)
    facts["doubts"] = list(_doubts(facts, sound, track.promised_s))
    cents = contour(hz, tonic.hz, spec.rate_hz)
    windows = cut(cents, max(round(spec.window_seconds * spec.rate_hz), 2))
    return Heard(windows, facts, _excerpt(track.opening))


def _facts(name: str, sound: SoundFile, hz: np.ndarray, tonic: Tonic) -> RecordingFacts:
    return {
        "file": name,
        "kind": sound.kind,
        "seconds": round(sound.seconds, 1),
        "sample_hz": sound.sample_hz,
        "channels": sound.channels,
        "voiced": round(float(np.isfinite(hz).mean()), 3),
        "level": round(level_share(hz), 3),
        "tonic_hz": tonic.hz,
        "tonic_by": tonic.by,
        "candidates": list(tonic.candidates),
        "sure": tonic.is_sure,
        "doubts": [],
    }


def _doubts(facts: RecordingFacts, sound: SoundFile, promised: float) -> list[str]:
    doubts = []
    if sound.ends_early:
        doubts.append(f"it breaks off after {sound.seconds:.0f} of {promised:.0f} s")
    if sound.sample_hz < SAMPLE_HZ:
        doubts.append(f"it has {sound.sample_hz:,} samples a second, half of what is usual or less")
    if sound.clipped > MUCH_CLIPPED * sound.seconds * sound.sample_hz:
        doubts.append(f"{sound.clipped / sound.seconds / sound.sample_hz:.1%} of it is clipped")
    if facts["tonic_by"] == "voice":
        doubts.append("no drone is heard, and the voice alone is often a fourth or a fifth off")
    if facts["voiced"] < LITTLE_VOICED:
        doubts.append(f"a pitch is heard in {facts['voiced']:.0%} of it only")
    if facts["level"] < LITTLE_LEVEL:
        doubts.append(f"hardly a pitch is held ({facts['level']:.0%}): speech rather than song?")
    return doubts


def _excerpt(samples: np.ndarray) -> bytes:
    """Return samples as MP3, which every browser plays."""
    soundfile, _, _ = audio_packages()
    out = io.BytesIO()
    soundfile.write(
        out, samples, SAMPLE_HZ, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.7
    )
    return out.getvalue()


def candidates_line(facts: Mapping[str, Any]) -> str:
    """Return the candidates for the tonic with their scores, in words."""
    likeliest = facts["candidates"][:3]
    return ", ".join(f"{tonic['hz']:.1f} Hz ({tonic['score']:.2f})" for tonic in likeliest)
