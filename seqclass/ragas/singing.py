"""Numbers of the svaras of a raga as they are sung: place, length and motion.

A fitted raga has its own numbers in ``sung_table``; any other one has those of the fitted ragas'
svaras of the same name, nearest where the neighbours lie as far.
"""

from dataclasses import replace
from functools import cache
from typing import NamedTuple

import numpy as np

from seqclass.ragas.chains import NAMES
from seqclass.ragas.definitions import Raga
from seqclass.ragas.raga_table import find_raga
from seqclass.ragas.sung_table import TABLE
from seqclass.ragas.svaras import PLACES, Sung, read_sung


class Voices(NamedTuple):
    """The numbers of ``Sung`` for every composition and svara, ``(rows, 16)`` each."""

    cents: np.ndarray
    length: np.ndarray
    up: np.ndarray
    down: np.ndarray


def voices(ragas: tuple[Raga, ...], codes: np.ndarray) -> Voices:
    """Return the numbers of each composition's raga; ragas must have theirs (``as_sung``)."""
    return Voices(*(table[codes] for table in _tables(ragas)))


@cache
def _tables(ragas: tuple[Raga, ...]) -> np.ndarray:
    table = np.zeros((4, len(ragas), len(NAMES)))
    for r, raga in enumerate(ragas):
        for sung in map(read_sung, raga.sung):
            table[:, r, NAMES.index(sung.svara)] = sung[1:]
    return table


def by_note(table: np.ndarray, svara: np.ndarray) -> np.ndarray:
    """Return each note's number ``(rows, notes)`` from one of the arrays of ``Voices``."""
    return np.take_along_axis(table, svara.astype(np.intp), axis=1)


def varied(
    sung: Voices, spread: float, intonation_cents: float, rng: np.random.Generator
) -> Voices:
    """Return the numbers of single singers, who differ: each composition has another one.

    spread: standard deviation of the logarithms of the lengths, and of the odds of a swing;
    intonation_cents: of the svaras' places.
    """
    drawn = rng.normal(0, 1, (3, *sung.cents.shape))
    cents = sung.cents + intonation_cents * drawn[0]
    length = sung.length * np.exp(spread * drawn[1])
    swung = sung.up + sung.down
    odds = swung / np.maximum(1 - swung, 1e-9) * np.exp(spread * drawn[2])
    more = odds / (1 + odds) / np.maximum(swung, 1e-9)
    return Voices(cents, length, sung.up * more, sung.down * more)


def as_sung(raga: Raga, from_table: bool = True) -> Raga:
    """Return a raga that has numbers: those it came with, fitted ones, or the usual ones.

    from_table: whether to take the numbers of the raga of this name in the table, if it has the
    same svaras; without them, all follows from the lines, so that ragas equal on paper are sung
    alike.
    """
    if raga.sung:
        return raga
    fitted = fitted_ragas()
    same = fitted.get(raga.name) if from_table else None
    if same and set(same.svaras) == set(raga.svaras):
        return replace(raga, sung=same.sung)
    plain = raga if from_table else replace(raga, jiva="", nyasa="")
    return replace(raga, sung=usual(plain, tuple(fitted.values())).sung)


@cache
def fitted_ragas() -> dict[str, Raga]:
    """Return the ragas of the table that have fitted numbers, by name."""
    table = {name: tuple(text.split("; ")) for name, text in TABLE.items()}
    return {name: replace(find_raga(name), sung=sung) for name, sung in table.items()}


def usual(raga: Raga, fitted: tuple[Raga, ...]) -> Raga:
    """Return a raga that sings each svara as similar svaras of the fitted ragas are sung.

    The numbers are means, of lengths their logarithms'; the weight falls with every semitone of
    difference, ``UNLIKE`` tells how fast.
    """
    like, numbers = _features(fitted)
    svara_features, _ = _features((raga,))
    sung = []
    for name, feature in zip(raga.svaras, svara_features, strict=True):
        apart = np.abs(like - feature)
        apart[:, 0] = np.minimum(apart[:, 0], 12 - apart[:, 0])
        weight = np.exp(-(apart @ np.array(UNLIKE)))
        cents, length, up, down = weight @ numbers / weight.sum()
        sung.append(str(Sung(name, cents, float(np.exp(length)), up, down)))
    return replace(raga, sung=tuple(sung))


UNLIKE = (4.0, 2.0, 0.5, 0.5, 0.5, 0.5)
"""Weights of differences between svaras: place, name, the ways below and above, jiva, nyasa."""


@cache
def _features(ragas: tuple[Raga, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return features and numbers of every svara of ragas, lengths as logarithms."""
    features, numbers = [], []
    for raga in ragas:
        places = np.unique([PLACES[name] for name in raga.scale])
        sung = {s.svara: s for s in map(read_sung, raga.sung)}
        for name in raga.svaras:
            steps = (places - PLACES[name]) % 12
            steps = steps[steps > 0]
            features.append([
                PLACES[name], NAMES.index(name), 12 - steps.max(), steps.min(),
                name in raga.jiva.split(), name in raga.rests,
            ])  # fmt: skip
            how = sung.get(name, Sung(name, 0.0, 1.0, 0.0, 0.0))
            numbers.append([how.cents, np.log(how.length), how.up, how.down])
    return np.array(features, float), np.array(numbers)
