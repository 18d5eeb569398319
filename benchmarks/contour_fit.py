"""``python -m benchmarks.contour_fit PATH``: fits how ragas are sung to recordings' pitch.

PATH is a file of distributions (``benchmarks.pitch_distributions``). The command fits all of its
recordings and writes ``seqclass/ragas/sung_table.py`` anew.

A recording's distribution over the octave is taken as a mixture: for each svara, the pitches of its
notes when they are held, when they swing up, and when they swing down, glides and touches included,
as the generator itself sings them. Expectation maximisation gives the shares of time; from them
follow the length of each svara and how often it swings. Both change how the generator sings, so
that some rounds are needed.
"""

import argparse
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from benchmarks.pitch_distributions import (
    BINS,
    DATA,
    WIDTH,
    Recordings,
    folded_bins,
    read_recordings,
)
from benchmarks.tables import as_table
from seqclass.ragas import sung_table
from seqclass.ragas.chains import NAMES
from seqclass.ragas.definitions import Raga
from seqclass.ragas.gamaka import BOTH, DOWN, SHORTEST_SWING_S, UP
from seqclass.ragas.melodies import RagaRows
from seqclass.ragas.raga_series import Composition, compose, perform
from seqclass.ragas.raga_spec import CONTOUR, RagaSpec
from seqclass.ragas.singing import usual
from seqclass.ragas.svaras import Sung, read_sung

OFFSETS = (-1, 0, 1)
"""Bins by which a held svara may lie off its place in one round."""
FURTHEST_CENTS = 20.0
ROUNDS, STEPS = 3, 100
COMPOSITIONS, SECONDS, RATE_HZ = 48, 100.0, 5.0
PLAIN = (0.0, 1.0, 0.2, 0.2)
"""How a svara is sung before a fit: on its place, and a fifth of its notes swung to each side."""
ONE_VOICE = {"spread": 0.0, "intonation_cents": 0.0}
EXPLORED = (0.08, 0.45)
"""Smallest and largest share of either swing while fitting, so that each is heard."""
LENGTHS = (0.25, 3.0)
PRIOR = 0.5
"""Recordings of a raga that weigh as much as the numbers of the other ragas' svaras."""


class Stage(NamedTuple):
    """Compositions that are sung again and again, and how."""

    spec: RagaSpec
    composition: Composition

    def sung_by(self, ragas: tuple[Raga, ...]) -> Composition:
        """Return the same melodies with other numbers of how they are sung."""
        return self.composition._replace(of=RagaRows(ragas, self.composition.of.codes))


def stage(ragas: tuple[Raga, ...], compositions: int, seed: int, **options: float) -> Stage:
    """Compose for each raga; options are fields of ``RagaSpec``."""
    settings = {"seconds": SECONDS, "rate_hz": RATE_HZ, **options}
    plain = tuple(replace(r, sung=tuple(str(Sung(s, *PLAIN)) for s in r.svaras)) for r in ragas)
    spec = RagaSpec(plain, representation=CONTOUR, **settings)
    codes = np.repeat(np.arange(len(ragas)), compositions)
    return Stage(spec, compose(spec, codes, np.random.default_rng(seed)))


class _Generated(NamedTuple):
    """Pitches and lengths of the notes that the generator sings, by raga and svara.

    pitches: ``(ragas, 16, 3, BINS)`` counts of frames, held, swung up and swung down; long: the
    share ``(ragas, 16)`` of a svara's time in notes that are long enough to swing.
    """

    pitches: np.ndarray
    long: np.ndarray


def fit_ragas(on: Stage, real: np.ndarray, seen: float) -> tuple[Raga, ...]:
    """Return the stage's ragas, sung as in distributions ``(ragas, BINS)`` of real pitch.

    seen: recordings of each raga that a distribution is the mean of; the fewer, the more a raga's
    numbers are drawn to those of the other ragas' svaras.
    """
    ragas = on.spec.definitions
    for seed in range(ROUNDS):
        generated = _generate(on, tuple(map(_exploring, ragas)), seed)
        ragas = tuple(
            replace(raga, sung=_numbers(raga, q, _Generated(*(a[r] for a in generated))))
            for r, (raga, q) in enumerate(zip(ragas, real, strict=True))
        )
    return _drawn_together(ragas, seen / (seen + PRIOR))


def _drawn_together(ragas: tuple[Raga, ...], own: float) -> tuple[Raga, ...]:
    """Return ragas with means of their own numbers, by this weight, and of the other ragas'."""
    if len(ragas) == 1:
        return ragas
    found = []
    for raga in ragas:
        others = tuple(other for other in ragas if other is not raga)
        like = usual(replace(raga, sung=()), others)
        pairs = zip(map(read_sung, raga.sung), map(read_sung, like.sung), strict=True)
        found.append(replace(raga, sung=tuple(str(_between(*pair, own)) for pair in pairs)))
    return tuple(found)


def _between(one: Sung, other: Sung, weight: float) -> Sung:
    cents, length, up, down = (
        weight * a + (1 - weight) * b for a, b in zip(_plain(one), _plain(other), strict=True)
    )
    return Sung(one.svara, cents, float(np.exp(length)), up, down)


def _plain(sung: Sung) -> tuple[float, float, float, float]:
    """Return a svara's numbers, the length as its logarithm."""
    return sung.cents, float(np.log(sung.length)), sung.up, sung.down


def _generate(on: Stage, ragas: tuple[Raga, ...], seed: int) -> _Generated:
    composition = on.sung_by(ragas)
    codes, svara = composition.of.codes, composition.melodies.svara
    seconds, chosen, cents, note = perform(on.spec, composition, np.random.default_rng(seed))
    voiced = np.isfinite(cents)
    rows, _ = np.nonzero(voiced)
    note, cents = note[voiced], cents[voiced]
    kind, above = chosen.kind[rows, note], cents > chosen.cents[rows, note]
    way = np.select(
        [(kind == UP) | (kind == BOTH) & above, (kind == DOWN) | (kind == BOTH)], [1, 2]
    )
    shape = (len(ragas), len(NAMES), 3, BINS)
    place = (codes[rows], svara[rows, note].astype(int), way, folded_bins(cents))
    pitches = _counts(place, shape)
    is_long = seconds[rows, note] > SHORTEST_SWING_S
    long = _counts(place[:2], shape[:2], is_long)
    return _Generated(pitches, long / np.maximum(pitches.sum(axis=(2, 3)), 1))


def _counts(
    place: tuple[np.ndarray, ...], shape: tuple[int, ...], weights: np.ndarray | None = None
) -> np.ndarray:
    index = np.ravel_multi_index(place, shape)
    return np.bincount(index, weights, minlength=int(np.prod(shape))).reshape(shape).astype(float)


def _exploring(raga: Raga) -> Raga:
    """Return a raga whose svaras all swing either way now and then."""
    low, high = EXPLORED
    sung = [
        s._replace(up=min(max(s.up, low), high), down=min(max(s.down, low), high))
        for s in map(read_sung, raga.sung)
    ]
    return replace(raga, sung=tuple(map(str, sung)))


def _numbers(raga: Raga, real: np.ndarray, generated: _Generated) -> tuple[str, ...]:
    """Return how each svara is sung, from one raga's distribution and the generator's notes."""
    before = [read_sung(text) for text in raga.sung]
    codes = [NAMES.index(sung.svara) for sung in before]
    parts = generated.pitches[codes]
    usual = parts.sum(axis=(1, 2)) / generated.pitches.sum()
    held = np.stack([np.roll(parts[:, 0], offset, axis=-1) for offset in OFFSETS], axis=1)
    share = _shares(np.concatenate([held, parts[:, 1:]], axis=1), real)
    held, swung = share[:, : len(OFFSETS)], share[:, len(OFFSETS) :]
    total = np.maximum(share.sum(axis=1), 1e-9)
    lengths = total / np.maximum(usual, 1e-9)
    offs = WIDTH * (held @ np.array(OFFSETS)) / total
    ways = swung / (total * np.maximum(generated.long[codes], 1e-9))[:, None]
    ways = ways / np.maximum(ways.sum(axis=1, keepdims=True), 1.0)
    found = zip(before, lengths, offs, ways, strict=True)
    return tuple(str(_changed(old, length, off, *way)) for old, length, off, way in found)


def _changed(old: Sung, length: float, off: float, up: float, down: float) -> Sung:
    """Return a svara's numbers with another length, place and swings, within their limits."""
    cents = float(np.clip(old.cents + off, -FURTHEST_CENTS, FURTHEST_CENTS))
    return Sung(old.svara, cents, float(np.clip(old.length * length, *LENGTHS)), up, down)


def _shares(parts: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the shares of time ``(svaras, kinds)`` by which parts add up to a distribution."""
    flat = parts.reshape(-1, BINS)
    total = flat.sum(axis=1, keepdims=True)
    flat = np.where(total > 0, flat / np.maximum(total, 1), 0)
    share = (total[:, 0] > 0) / len(flat)
    for _ in range(STEPS):
        share = share * (flat @ (real / (share @ flat + 1e-6)))
        share /= share.sum()
    return share.reshape(parts.shape[:2])


TABLE_FILE = Path(sung_table.__file__)
TABLE_DOC = '''"""Numbers of how the fitted ragas are sung: a text of ``read_sung`` for each svara.

``python -m benchmarks.contour_fit PATH`` wrote this module. It fitted the numbers on distributions
of pitch of {n} recordings of the Carnatic raga recognition set of CompMusic (Zenodo 7278505, CC BY
4.0), by way of Smashgod23/raga-identifier (Apache-2.0). Nothing of that data is here.
"""
'''


def table_text(ragas: tuple[Raga, ...], recordings: Recordings) -> str:
    """Return the module that holds the ragas' numbers."""
    lines = [
        TABLE_DOC.format(n=len(recordings.label)),
        f'FITTED_ON = "{recordings.digest}"',
        '"""First digits of the SHA-256 digest of those distributions."""',
        "TABLE = {",
    ]
    for raga in sorted(ragas, key=lambda raga: raga.name):
        *most, last = textwrap.wrap("; ".join(raga.sung), 88, break_on_hyphens=False)
        lines += [f'    "{raga.name}":', *(f'        "{part} "' for part in most)]
        lines.append(f'        "{last}",')
    return "\n".join([*lines, "}  # fmt: skip", '"""Numbers of each raga, by name."""', ""])


def fit_table(recordings: Recordings) -> list[dict[str, Any]]:
    """Write the fitted table anew; returns a row of each raga."""
    on = stage(recordings.ragas, COMPOSITIONS, seed=0, **ONE_VOICE)
    fitted = fit_ragas(on, recordings.mean(), recordings.each)
    TABLE_FILE.write_text(table_text(fitted, recordings), encoding="utf-8")
    return [{"raga": raga.name, "sung": "; ".join(raga.sung)} for raga in fitted]


def main() -> None:
    """Fit the table on a file's recordings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", metavar="PATH", type=Path, nargs="?", default=DATA)
    try:
        recordings = read_recordings(parser.parse_args().path)
    except ValueError as error:
        parser.error(str(error))
    Console(width=200).print(as_table(str(TABLE_FILE), fit_table(recordings)))


if __name__ == "__main__":
    main()
