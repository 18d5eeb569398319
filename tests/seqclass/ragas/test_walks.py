"""The two rules that make melodies: what they may sing, where they end, and by whose lines."""

import numpy as np
import pytest

from seqclass.ragas.chains import NAMES, MelodyConfig
from seqclass.ragas.definitions import Raga
from seqclass.ragas.melodies import Melodies, RagaRows, author_melodies, honest_melodies
from seqclass.ragas.raga_table import find_raga

RAGAS = tuple(map(find_raga, ("Mohanam", "Begada", "Todi")))
ROWS, LONGEST = 60, 48


def honest(seed: int = 0, codes: np.ndarray | None = None, **manner: object) -> Melodies:
    codes = np.arange(ROWS) % len(RAGAS) if codes is None else codes
    n_notes = np.full(len(codes), LONGEST)
    rng = np.random.default_rng(seed)
    config = MelodyConfig(**manner)  # type: ignore[arg-type]
    return honest_melodies(RagaRows(RAGAS, codes), config, n_notes, LONGEST, rng)


def sung(melodies: Melodies, row: int) -> set[str]:
    return {NAMES[code] for code in melodies.svara[row]}


def test_a_raga_sings_its_own_svaras_within_its_compass() -> None:
    melodies = honest()
    for row in range(ROWS):
        raga = RAGAS[row % len(RAGAS)]
        assert sung(melodies, row) <= set(raga.svaras)
        low, high = (note.height for note in raga.ends)
        assert low <= melodies.height[row].min() <= melodies.height[row].max() <= high


def test_phrases_end_on_rests_and_a_composition_on_sa() -> None:
    melodies = honest(copied=(0.0, 0.0))
    for row in range(ROWS):
        raga = RAGAS[row % len(RAGAS)]
        ends = [NAMES[code] for code in melodies.svara[row][melodies.ends[row]]]
        assert NAMES[melodies.svara[row, -1]] == "S"
        assert np.mean([name in raga.rests for name in ends]) > 0.9


def test_phrases_that_are_copied_are_the_same_again() -> None:
    often = honest(copied=(0.9, 0.9), phrase_notes=(6, 6))
    never = honest(copied=(0.0, 0.0), phrase_notes=(6, 6))

    def alike(melodies: Melodies) -> float:
        phrases = melodies.height.reshape(ROWS, -1, 6)
        return float((phrases[:, 1:, :3] == phrases[:, :-1, :3]).all(axis=-1).mean())

    assert alike(often) > 0.5 > 0.1 > alike(never)


def slices_of(raga: Raga) -> set[tuple[int, ...]]:
    """Heights within an octave of every three neighbours on a line."""
    lines = ([note.height for note in line] for line in (raga.ascent, raga.descent))
    return {
        tuple(np.diff(line[k : k + 3]).tolist()) for line in lines for k in range(len(line) - 2)
    }


@pytest.mark.parametrize("raga", RAGAS, ids=lambda raga: raga.name)
def test_the_author_s_melodies_are_slices_of_the_lines(raga: Raga) -> None:
    melodies = author_melodies(
        RagaRows((raga,), np.zeros(ROWS, int)), LONGEST, np.random.default_rng(0)
    )
    assert melodies.svara.shape == (ROWS, LONGEST)
    allowed = slices_of(raga)
    for row in range(ROWS):
        assert sung(melodies, row) <= raga.scale
        start = 0
        for end in np.flatnonzero(melodies.ends[row]) + 1:
            piece = melodies.height[row, start:end].astype(int)
            assert 2 <= len(piece) <= 12
            for k in range(len(piece) - 2):
                assert tuple(np.diff(piece[k : k + 3]).tolist()) in allowed
            start = end
