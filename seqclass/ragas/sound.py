"""Sound of melodies: a pitch line as samples over a drone, and as a standard MIDI file.

A line is cents above Sa at a steady rate, NaN where nothing sounds.
"""

import struct
from itertools import pairwise
from typing import NamedTuple

import numpy as np

SAMPLE_HZ = 22_050
FRAME_HZ = 100.0
"""Frames per second of a line that is made of svaras."""
GAP_S = 0.03
"""Seconds of silence that separate one svara from the next."""
TICKS_PER_S = 960
"""MIDI ticks per second: 480 to a quarter note of half a second, MIDI's default tempo."""
BEND_SEMITONES = 24
MELODY, DRONE = 0, 1
FLUTE, SITAR = 73, 104
"""General MIDI program numbers, from 0."""
_BREATH_S, _PLUCK_S, _RING_S = 0.02, 0.9, 3.2


class Line(NamedTuple):
    """A pitch line.

    cents: ``(frames,)`` above Sa, NaN where silent; rate_hz: frames a second. evidence:
    ``(frames,)``, in [0, 1], how much each speaks for an answer, if that is known.
    """

    cents: np.ndarray
    rate_hz: float
    evidence: np.ndarray | None = None

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.cents) / self.rate_hz


def line_of_svaras(heights: np.ndarray, seconds: np.ndarray) -> Line:
    """Build a line from svaras, in semitones above Sa, each with a gap at its end."""
    frames = np.maximum(np.rint(seconds * FRAME_HZ).astype(int), 6)
    cents = np.repeat(100.0 * heights, frames)
    ends = np.cumsum(frames)
    for k in range(round(GAP_S * FRAME_HZ)):
        cents[ends - 1 - k] = np.nan
    return Line(cents, FRAME_HZ)


def voiced(line: Line) -> list[slice]:
    """Return the stretches of frames in which something sounds."""
    sounding = np.concatenate([[False], np.isfinite(line.cents), [False]])
    edges = np.flatnonzero(np.diff(sounding.astype(int)))
    return [slice(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def samples(line: Line, tonic_hz: float, fifth: float = 7.0) -> np.ndarray:
    """Render a flute-like voice over a tanpura, ``(samples,)`` int16 at ``SAMPLE_HZ``.

    fifth: semitones above Sa of the drone's other string, 7 for Pa or 5 for Ma.
    """
    n = int(line.seconds * SAMPLE_HZ)
    voice, drone = _voice(line, tonic_hz, n), _drone(tonic_hz, fifth, n)
    mixed = 0.75 * voice / max(np.abs(voice).max(), 1e-9) + 0.3 * drone / np.abs(drone).max()
    fade = np.clip(np.arange(n)[::-1] / (0.3 * SAMPLE_HZ), 0, 1)
    return np.rint(mixed * fade / max(np.abs(mixed).max(), 1e-9) * 30_000).astype(np.int16)


def _voice(line: Line, tonic_hz: float, n: int) -> np.ndarray:
    frame = np.arange(n) / SAMPLE_HZ * line.rate_hz - 0.5
    sounded = np.flatnonzero(np.isfinite(line.cents))
    if not len(sounded):
        return np.zeros(n)
    cents = np.interp(frame, sounded, line.cents[sounded])
    hz = tonic_hz * 2 ** (cents / 1200)
    phase = 2 * np.pi * np.cumsum(hz) / SAMPLE_HZ
    tone = np.zeros(n)
    for harmonic, loudness in enumerate((1.0, 0.45, 0.22, 0.12, 0.06), 1):
        tone += loudness * np.sin(harmonic * phase) * (harmonic * hz < SAMPLE_HZ / 2)
    sounding = np.isfinite(line.cents)[np.clip(np.rint(frame).astype(int), 0, len(line.cents) - 1)]
    width = int(_BREATH_S * SAMPLE_HZ)
    return tone * np.convolve(sounding.astype(float), np.hanning(width) / (width / 2), "same")


def _drone(tonic_hz: float, fifth: float, n: int) -> np.ndarray:
    """Render four strings in turn: the fifth below, Sa twice, and the Sa an octave below."""
    time = np.arange(int(_RING_S * SAMPLE_HZ)) / SAMPLE_HZ
    out = np.zeros(n + len(time) + int(4 * _PLUCK_S * SAMPLE_HZ))
    strings = [_string(tonic_hz * 2 ** ((s - 12) / 12), time) for s in (fifth, 12.0, 12.0, 0.0)]
    for k in range(int(n / SAMPLE_HZ / _PLUCK_S) + 1):
        start = int(k * _PLUCK_S * SAMPLE_HZ)
        out[start : start + len(time)] += strings[k % 4]
    return out[:n]


def _string(hz: float, time: np.ndarray) -> np.ndarray:
    """Render a plucked string whose high partials swell late, as on a tanpura's bridge."""
    tone = np.zeros(len(time))
    for partial in range(1, 13):
        if partial * hz < SAMPLE_HZ / 2:
            bloom = (time / (0.02 + 0.03 * partial)) * np.exp(-time * (1.0 + 0.12 * partial))
            tone += bloom / (1 + bloom) / partial**0.7 * np.sin(2 * np.pi * partial * hz * time)
    return tone * np.clip(1 - time / time[-1], 0, 1)


Event = tuple[int, int, bytes]
"""Tick, order within it, message."""


def midi_file(line: Line, tonic_hz: float, title: str, fifth: float = 7.0) -> bytes:
    """Return a standard MIDI file, format 0: the line, bent to its pitches, and a drone.

    The line is on channel 1. Each stretch that sounds is one note; its key is the nearest to the
    stretch's middle pitch.
    """
    sa = 69 + 12 * np.log2(tonic_hz / 440)
    events: list[Event] = [(0, 0, _meta(3, title.encode())), (0, 1, _meta(0x51, b"\x07\xa1\x20"))]
    for channel, program in ((MELODY, FLUTE), (DRONE, SITAR)):
        events += [(0, 2, bytes([0xC0 | channel, program])), *_bend_range(channel)]
    for stretch in voiced(line):
        events += _note(line, stretch, sa)
    events += _plucks(line.seconds, sa, fifth)
    track = _track(sorted(events, key=lambda event: event[:2]))
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, 480)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + track


def _bend_range(channel: int) -> list[Event]:
    control = 0xB0 | channel
    pairs = ((101, 0), (100, 0), (6, BEND_SEMITONES), (38, 0))
    return [(0, 3, bytes([control, *pair])) for pair in pairs]


def _note(line: Line, stretch: slice, sa: float) -> list[Event]:
    keys = sa + line.cents[stretch] / 100
    key = int(np.clip(np.rint(np.median(keys)), 0, 127))
    ticks = np.rint(np.arange(stretch.start, stretch.stop + 1) / line.rate_hz * TICKS_PER_S)
    changes = [True, *(np.abs(np.diff(keys)) > 1e-4)]
    events = [
        (int(tick), 4, _bend(MELODY, pitch - key))
        for tick, pitch, changed in zip(ticks, keys, changes, strict=False)
        if changed
    ]
    on, off = int(ticks[0]), int(ticks[-1])
    return [
        *events, (on, 5, bytes([0x90 | MELODY, key, 96])), (off, 1, bytes([0x80 | MELODY, key, 0])),
    ]  # fmt: skip


def _bend(channel: int, semitones: float) -> bytes:
    value = int(np.clip(np.rint(8192 * (1 + semitones / BEND_SEMITONES)), 0, 16_383))
    return bytes([0xE0 | channel, value & 0x7F, value >> 7])


def _plucks(seconds: float, sa: float, fifth: float) -> list[Event]:
    events: list[Event] = []
    starts = np.arange(0, seconds, _PLUCK_S)
    for k, (start, stop) in enumerate(pairwise([*starts, seconds])):
        pitch = sa - 12 + (fifth, 12.0, 12.0, 0.0)[k % 4]
        key = int(np.clip(np.rint(pitch), 0, 127))
        on, off = (round(s * TICKS_PER_S) for s in (start, stop))
        events += [
            (on, 4, _bend(DRONE, pitch - key)), (on, 5, bytes([0x90 | DRONE, key, 48])),
            (off, 1, bytes([0x80 | DRONE, key, 0])),
        ]  # fmt: skip
    return events


def _meta(kind: int, content: bytes) -> bytes:
    return bytes([0xFF, kind]) + _variable(len(content)) + content


def _variable(number: int) -> bytes:
    """Encode a number in groups of seven bits, as MIDI files encode lengths and times."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | (number & 0x7F))
    return bytes(groups[::-1])


def _track(events: list[Event]) -> bytes:
    out, now = bytearray(), 0
    for tick, _, message in events:
        out += _variable(tick - now) + message
        now = tick
    return bytes(out) + b"\x00" + _meta(0x2F, b"")
