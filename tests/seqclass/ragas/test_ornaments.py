"""How svaras are sung: glides, gamakas and silences, svara by svara."""

import numpy as np
import pytest

from seqclass.ragas.chains import NAMES
from seqclass.ragas.gamaka import (
    GAMAKAS,
    ORIKKAI,
    PLAIN,
    SPHURITA,
    Ornaments,
    Tracker,
    contours,
    ornaments,
    silences,
)
from seqclass.ragas.melodies import Melodies, RagaRows
from seqclass.ragas.raga_table import find_raga
from seqclass.ragas.singing import as_sung, voices

RAGAS = (as_sung(find_raga("Todi")), as_sung(find_raga("Mohanam")))
RATE_HZ, HELD_S, NOTES = 100.0, 0.6, 12


@pytest.fixture(scope="module")
def walked() -> tuple[np.ndarray, Melodies]:
    """Random svaras of either raga, some repeated."""
    rng = np.random.default_rng(0)
    codes = np.arange(80) % 2
    svaras = [[NAMES.index(name) for name in raga.svaras] for raga in RAGAS]
    svara = np.array([rng.choice(svaras[code], NOTES) for code in codes], np.int8)
    svara[:, 5] = svara[:, 4]
    return codes, Melodies(svara, np.zeros_like(svara), np.arange(NOTES) % 4 == 3 + 0 * svara)


def sing(walked: tuple, with_gamaka: bool = True, seconds: float = HELD_S) -> Ornaments:
    codes, melodies = walked
    lengths = np.full(melodies.svara.shape, seconds)
    sings = voices(RAGAS, codes) if with_gamaka else None
    return ornaments(RagaRows(RAGAS, codes), melodies, lengths, sings, np.random.default_rng(0))


def test_without_gamaka_every_svara_is_met_and_held(walked: tuple) -> None:
    sung, (_, melodies) = sing(walked, with_gamaka=False), walked
    assert (sung.kind == PLAIN).all()
    np.testing.assert_array_equal(sung.cents, 100 * melodies.height)
    assert not sung.tremor.any()
    seconds, n_frames = np.full(melodies.svara.shape, HELD_S), int(NOTES * HELD_S * RATE_HZ)
    line, note = contours(sung, seconds, n_frames, RATE_HZ)
    held = np.take_along_axis(sung.cents, note, axis=1)
    assert (np.abs(line - held) < 1).mean() > 0.9


def test_every_kind_of_gamaka_is_sung_where_it_belongs(walked: tuple) -> None:
    sung, (_, melodies) = sing(walked), walked
    assert set(np.unique(sung.kind)) == set(range(len(GAMAKAS)))
    move = np.diff(melodies.height, axis=1, prepend=np.inf)
    assert (move[sung.kind == SPHURITA] == 0).all()
    after = np.diff(melodies.height, axis=1, append=np.inf)
    assert (after[sung.kind == ORIKKAI] < 0).all()


def test_breaths_come_after_phrases_and_lost_frames_as_often_as_said(walked: tuple) -> None:
    _, melodies = walked
    seconds = np.full((80, NOTES), HELD_S)
    _, note = contours(sing(walked), seconds, int(NOTES * HELD_S * RATE_HZ), RATE_HZ)
    quiet = silences(note, melodies.ends, seconds, RATE_HZ, np.random.default_rng(0))
    late = np.arange(note.shape[1]) % 60 >= 45
    ends = np.take_along_axis(melodies.ends, note, axis=1)
    assert quiet[:, late][ends[:, late]].mean() > 0.4
    assert not quiet[:, late][~ends[:, late]].any()
    none = silences(note, np.zeros_like(melodies.ends), seconds, RATE_HZ, np.random.default_rng(0))
    assert none.mean() < 0.05


@pytest.mark.parametrize("error", ["lost", "octave_errors"])
def test_a_tracker_errs_as_often_as_said(error: str) -> None:
    sung = np.zeros((40, 2000))
    faultless = Tracker(RATE_HZ, lost=0.0, dropouts=0.0, octave_errors=0.0, jitter_cents=0.0)
    np.testing.assert_array_equal(faultless.hear(sung, np.random.default_rng(0)), sung)
    heard = faultless._replace(**{error: 0.25}).hear(sung, np.random.default_rng(0))
    wrong = heard != 0
    assert wrong.mean() == pytest.approx(0.25, abs=0.03)
    changes = (wrong[:, 1:] != wrong[:, :-1]).sum() / 2
    assert wrong.sum() / changes > 15 if error != "lost" else wrong.sum() / changes < 2
    assert set(np.abs(heard[wrong & ~np.isnan(heard)])) <= {1200.0}
