"""Melodies as numeric series for a classifier.

A composition is one melody. It is cut into windows, which share its tonic and tempo and are the
series of a dataset.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np

from seqclass.ragas.chains import HEIGHTS, LETTER_CODES, NAMES
from seqclass.ragas.definitions import Raga
from seqclass.ragas.gamaka import Ornaments, Tracker, contours, ornaments, silences
from seqclass.ragas.melodies import Melodies, RagaRows, author_melodies, honest_melodies
from seqclass.ragas.raga_spec import AUTHOR, CONTOUR, LETTERS, RagaSpec
from seqclass.ragas.singing import by_note, varied, voices
from seqclass.ragas.svaras import ABOVE, BELOW
from seqclass.synthesis.random_series import (
    Block,
    block_rows,
    block_stream,
    class_codes,
    draw_blocks,
)

REFERENCE_HZ = 130.8128
"""Reference pitch if the tonic is unknown: the C below middle C."""


@dataclass(frozen=True)
class RagaSeriesBlock(Block):
    """Series of ragas, with the composition they were made from.

    composition: ``(rows,)`` number of each series' composition; svara, octave: ``(rows, longest)``
    int8, codes of ``NAMES`` and octaves, valid in the first ``n_notes`` ``(rows,)`` columns;
    tonic_hz: ``(rows,)``, pitch of Sa after the transposition.
    """

    composition: np.ndarray
    svara: np.ndarray
    octave: np.ndarray
    n_notes: np.ndarray
    tonic_hz: np.ndarray

    def cut(self, rows: slice) -> "RagaSeriesBlock":
        """Return a part of the series, by their place in the block."""
        plain = super().cut(rows)
        parts = {name: getattr(self, name)[rows] for name in _OWN}
        return RagaSeriesBlock(**vars(plain), **parts)

    def notations(self) -> list[str]:
        """Return the notation of each series: svaras with numbers, octaves with marks."""
        marks = [BELOW * n for n in range(4, 0, -1)] + [ABOVE * n for n in range(5)]
        words = np.array([[name + mark for mark in marks] for name in NAMES])
        text = words[self.svara, self.octave + 4]
        return [" ".join(row[:n]) for row, n in zip(text.tolist(), self.n_notes, strict=True)]


_OWN = ("composition", "svara", "octave", "n_notes", "tonic_hz")


def generate_ragas(
    spec: RagaSpec, start: int = 0, stop: int | None = None
) -> Iterator[RagaSeriesBlock]:
    """Yield the series ``start .. stop`` of a spec, a block at a time.

    A series depends only on the seed and its own index, wherever the range begins or ends.
    """
    blocks = draw_blocks(partial(_draw_block, spec), _rows(spec), spec.n_series, start, stop)
    yield from blocks  # type: ignore[misc]


def _rows(spec: RagaSpec) -> int:
    steps = spec.n_frames if spec.representation == CONTOUR else spec.n_notes[1]
    return max(1, block_rows(spec.windows * steps) // spec.windows) * spec.windows


def _draw_block(spec: RagaSpec, block: int) -> RagaSeriesBlock:
    rng, rows = block_stream(spec.seed, block), _rows(spec)
    composition = np.arange(block * rows, block * rows + rows, spec.windows) // spec.windows
    codes = class_codes(spec.seed, spec.classes, spec.weights, composition)
    tonic_hz = spec.tonic_hz.draw(rng, (len(codes),))
    transposed = rng.integers(spec.transpose[0], spec.transpose[1] + 1, len(codes))
    shift = transposed.astype(float)
    if spec.tonic == "unknown":
        shift += 12 * np.log2(tonic_hz / REFERENCE_HZ)
    tonic_hz = tonic_hz * 2 ** (transposed / 12)
    drawn = (_contours if spec.representation == CONTOUR else _symbols)(spec, codes, shift, rng)
    codes, composition, tonic_hz = (
        np.repeat(a, spec.windows) for a in (codes, composition, tonic_hz)
    )
    nothing = np.full((rows, 2), -1, np.int32)
    return RagaSeriesBlock(
        block * rows, drawn.values, drawn.n_steps, codes, nothing,
        np.zeros((rows, len(spec.channels)), bool),
        composition, drawn.svara, drawn.octave, drawn.n_notes, tonic_hz,
    )  # fmt: skip


class _Drawn(NamedTuple):
    """Windows of compositions, ``(rows, ...)``: see ``RagaSeriesBlock``."""

    values: np.ndarray
    n_steps: np.ndarray
    svara: np.ndarray
    octave: np.ndarray
    n_notes: np.ndarray


def _symbols(
    spec: RagaSpec, codes: np.ndarray, shift: np.ndarray, rng: np.random.Generator
) -> _Drawn:
    """Draw series of svaras or letters."""
    low, high = spec.n_notes
    of = RagaRows(spec.definitions, codes)
    n_notes = rng.integers(low, high + 1, (len(codes), spec.windows))
    melodies = _melodies(spec, of, n_notes.sum(axis=1), spec.windows * high, rng)
    unit = _units(spec, len(codes), rng)
    seconds = _durations(of, melodies, unit, rng)
    windows = _Windows(n_notes, high)
    svara, octave, seconds = (windows.cut(a) for a in (melodies.svara, melodies.octave, seconds))
    codes, shift = (np.repeat(a, spec.windows) for a in (codes, shift))
    svara, octave, seconds, counts = _transcribed(
        spec, codes, (svara, octave, seconds), n_notes.reshape(-1), rng
    )
    values = _channels(spec, svara, octave, shift, seconds)
    values[np.arange(high) >= counts[:, None]] = np.nan
    return _Drawn(values, counts, svara, octave, counts)


class Composition(NamedTuple):
    """Melodies of ragas, and the seconds that the rhythm gives to each note."""

    of: RagaRows
    melodies: Melodies
    seconds: np.ndarray


class Performance(NamedTuple):
    """Compositions as singers sing them and a pitch tracker hears them.

    seconds: of each note as it is sung; ornaments: of each note; cents: above Sa, ``(rows,
    frames)``, NaN where nothing is sung; note: the one that sounds at each frame.
    """

    seconds: np.ndarray
    ornaments: Ornaments
    cents: np.ndarray
    note: np.ndarray


def compose(spec: RagaSpec, codes: np.ndarray, rng: np.random.Generator) -> Composition:
    """Draw a composition of each raga that fills the spec's windows; codes: ``(rows,)``."""
    total_s = spec.windows * spec.seconds
    most = total_s / (MEAN_UNITS * spec.svara_s.low / max(spec.kalas))
    longest = int(1.3 * most) + 12  # some more than are needed, whatever their lengths
    unit = _units(spec, len(codes), rng)
    n_notes = np.clip(total_s / (MEAN_UNITS * unit), 2, longest).astype(int)
    of = RagaRows(spec.definitions, codes)
    melodies = _melodies(spec, of, n_notes, longest, rng)
    return Composition(of, melodies, _durations(of, melodies, unit, rng))


def perform(spec: RagaSpec, composition: Composition, rng: np.random.Generator) -> Performance:
    """Sing compositions, each in the voice of another singer, as a pitch tracker hears them."""
    of, melodies, seconds = composition
    sings = varied(voices(*of), spec.spread, spec.intonation_cents, rng)
    seconds = seconds * by_note(sings.length, melodies.svara)
    total_s = spec.windows * spec.seconds
    seconds *= np.maximum(total_s / seconds.sum(axis=1, keepdims=True), 1)
    sung = ornaments(of, melodies, seconds, sings if spec.gamaka else None, rng)
    frames = spec.windows * spec.n_frames
    cents, note = contours(sung, seconds, frames, spec.rate_hz)
    silent = silences(note, melodies.ends, seconds, spec.rate_hz, rng)
    heard = Tracker(*(getattr(spec, name) for name in Tracker._fields)).hear(cents, rng)
    return Performance(seconds, sung, np.where(silent, np.nan, heard), note)


def _contours(
    spec: RagaSpec, codes: np.ndarray, shift: np.ndarray, rng: np.random.Generator
) -> _Drawn:
    """Draw series of cents: windows of contours, which are as long as their composition."""
    composition = compose(spec, codes, rng)
    seconds, _, cents, note = perform(spec, composition, rng)
    values = (cents + 100 * shift[:, None]).astype(np.float32).reshape(-1, spec.n_frames, 1)
    note = note.reshape(-1, spec.n_frames)
    first, counts = note[:, 0], note[:, -1] - note[:, 0] + 1
    index = np.minimum(first[:, None] + np.arange(counts.max()), seconds.shape[1] - 1)
    whole = np.repeat(np.arange(len(codes)), spec.windows)[:, None]
    svara, octave = (a[whole, index] for a in composition.melodies[:2])
    steps = np.full(len(note), spec.n_frames, np.int32)
    return _Drawn(values, steps, svara, octave, counts)


def _melodies(
    spec: RagaSpec, of: RagaRows, n_notes: np.ndarray, longest: int, rng: np.random.Generator
) -> Melodies:
    if spec.rule == AUTHOR:
        return author_melodies(of, longest, rng)
    return honest_melodies(of, spec.manner, n_notes, longest, rng)


class _Windows:
    """Windows that cut compositions ``(many, longest)`` into series ``(many * windows, high)``."""

    def __init__(self, n_notes: np.ndarray, high: int) -> None:
        first = np.cumsum(n_notes, axis=1) - n_notes
        self.index = first[..., None] + np.arange(high)
        self.shape = (n_notes.size, high)

    def cut(self, values: np.ndarray) -> np.ndarray:
        index = np.minimum(self.index, values.shape[1] - 1)
        whole = np.arange(len(values))[:, None, None]
        return values[whole, index].reshape(self.shape)


MEAN_UNITS = 1.25
"""Approximate length of a svara, in units."""


def _units(spec: RagaSpec, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the seconds of a svara of one unit in each composition."""
    kala = np.array(spec.kalas)[rng.integers(0, len(spec.kalas), rows)]
    return spec.svara_s.draw(rng, (rows,)) / kala


def _durations(
    of: RagaRows, melodies: Melodies, unit: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return seconds of every svara: jiva svaras and ends of phrases are long."""
    chance = rng.random(melodies.svara.shape)
    jiva = np.array([[name in raga.jiva.split() for name in NAMES] for raga in of.ragas])
    units = np.where(chance < 0.25, 0.5, 1.0)
    units = np.where(jiva[of.codes[:, None], melodies.svara] & (chance > 0.5), 2.0, units)
    units = np.where(melodies.ends, np.where(chance < 0.5, 2.0, 3.0), units)
    return (unit[:, None] * units).astype(np.float32)


def _transcribed(
    spec: RagaSpec,
    codes: np.ndarray,
    notes: tuple[np.ndarray, np.ndarray, np.ndarray],
    n_notes: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Add a transcript's errors; returns svara, octave, seconds, and counts of notes."""
    svara, octave, seconds = notes
    chance, side = rng.random((2, *svara.shape))
    lower, upper = _neighbours(spec.definitions)
    beside = np.where(
        side[..., None] < 0.5, lower[codes[:, None], svara], upper[codes[:, None], svara]
    )
    wrong = chance < spec.wrong
    octave = np.where(wrong, octave + beside[..., 1], octave).astype(np.int8)
    svara = np.where(wrong, beside[..., 0], svara).astype(np.int8)
    if not spec.dropped and not spec.doubled:
        return svara, octave, seconds, n_notes.astype(np.int32)
    chance = rng.random(svara.shape)
    times = np.where(chance < spec.dropped, 0, np.where(chance > 1 - spec.doubled, 2, 1))
    times[np.arange(svara.shape[1]) >= n_notes[:, None]] = 0
    times[:, 0] = 1
    stop = np.cumsum(times, axis=1)
    source = (np.arange(svara.shape[1])[None, :, None] >= stop[:, None, :]).sum(axis=2)
    source = np.minimum(source, svara.shape[1] - 1)
    counts = np.minimum(stop[:, -1], svara.shape[1]).astype(np.int32)
    svara, octave, seconds = (
        np.take_along_axis(a, source, axis=1) for a in (svara, octave, seconds)
    )
    return svara, octave, seconds, counts


def _neighbours(ragas: tuple[Raga, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the svaras below and above in each raga, ``(ragas, 16, 2)``: code, octave shift."""
    lower, upper = np.zeros((2, len(ragas), len(NAMES), 2), np.int8)
    for r, raga in enumerate(ragas):
        scale = [NAMES.index(name) for name in raga.svaras]
        for k, code in enumerate(scale):
            lower[r, code] = (scale[k - 1], -(k == 0))
            upper[r, code] = (scale[(k + 1) % len(scale)], k + 1 == len(scale))
    return lower, upper


def _channels(
    spec: RagaSpec,
    svara: np.ndarray,
    octave: np.ndarray,
    shift: np.ndarray,
    seconds: np.ndarray,
) -> np.ndarray:
    """Return ``(rows, longest, channels)`` float32, in the order of ``spec.channels``."""
    if spec.representation == LETTERS:
        columns = [LETTER_CODES[svara], octave]
    else:
        columns = [HEIGHTS[svara] + 12.0 * octave + shift[:, None], seconds]
    return np.stack(columns[: len(spec.channels)], axis=-1).astype(np.float32)
