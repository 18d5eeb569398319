"""How svaras are sung: fitted numbers, those of other ragas, and what they change in contours."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from seqclass.ragas.chains import MelodyConfig
from seqclass.ragas.definitions import Raga
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.raga_table import find_raga
from seqclass.ragas.singing import as_sung, fitted_ragas
from seqclass.ragas.svaras import read_sung
from tests.support.melodies import draw

OWN = Raga("Own", "S R2 G3 P D2 S")
FINE = {"representation": "contour", "rate_hz": 50.0, "lost": 0.0}


def numbers(raga: Raga) -> dict[str, tuple[float, ...]]:
    return {s.svara: s[1:] for s in map(read_sung, raga.sung)}


def sung_as(**svaras: str) -> Raga:
    texts = {name: f"{name} {svaras.get(name, '0 1 0 0')}" for name in OWN.svaras}
    return replace(OWN, sung=tuple(texts.values()))


def share_near(raga: Raga, low: float, high: float) -> float:
    cents = draw(RagaSpec(ragas=(raga,), n_series=60, **FINE)).values % 1200
    return float(((cents >= low) & (cents < high)).sum() / np.isfinite(cents).sum())


def test_forty_ragas_are_fitted_each_svara_within_bounds() -> None:
    assert len(fitted_ragas()) == 40
    for raga in fitted_ragas().values():
        assert {s.svara for s in map(read_sung, raga.sung)} == set(raga.svaras)


def test_a_raga_takes_its_own_numbers_or_those_of_similar_svaras() -> None:
    todi, revati = find_raga("Todi"), find_raga("Revati")
    assert as_sung(todi) == fitted_ragas()["Todi"]
    assert as_sung(todi, from_table=False).sung != as_sung(todi).sung
    assert numbers(as_sung(revati)).keys() == set(revati.svaras)
    other = Raga("Todi", "S R2 G3 P D2 S")  # a user's raga of the same name
    assert as_sung(other).sung == as_sung(OWN).sung
    given = sung_as(G3="-14 2 0.3 0.1")
    assert as_sung(given) is given


def test_twins_by_their_lines_alone_are_sung_alike() -> None:
    first, second = RagaSpec(ragas=("A1",), phrases=False, representation="contour").definitions
    assert first.sung == second.sung


def test_a_spec_keeps_the_numbers_so_that_its_rows_can_be_drawn_again() -> None:
    spec = RagaSpec(ragas=("Todi", "Revati"), n_series=6, **FINE)
    assert all(raga.sung for raga in spec.ragas)
    stored = asdict(spec)
    ragas = tuple(Raga(**raga) for raga in stored["ragas"])
    again = RagaSpec(**{**stored, "ragas": ragas, "manner": MelodyConfig(**stored["manner"]),
                        "tonic_hz": spec.tonic_hz, "svara_s": spec.svara_s})  # fmt: skip
    np.testing.assert_array_equal(draw(spec).values, draw(again).values)
    assert not any(raga.sung for raga in RagaSpec(ragas=("Todi",)).ragas)


def test_lengths_change_time_swings_change_pitch_and_cents_the_place() -> None:
    plain = sung_as()
    assert share_near(sung_as(G3="0 2 0 0"), 350, 450) > 1.3 * share_near(plain, 350, 450)
    assert share_near(sung_as(G3="0 1 1 0"), 450, 640) > 1.5 * share_near(plain, 450, 640)
    assert share_near(sung_as(G3="0 1 0 1"), 250, 350) > 1.2 * share_near(plain, 250, 350)
    assert share_near(sung_as(G3="-30 1 0 0"), 350, 385) > 1.5 * share_near(plain, 350, 385)


@pytest.mark.parametrize(
    ("sung", "words"),
    [
        (("S 0 1 0 0",), "sung must name each svara once, S R2 G3 P D2"),
        (("G3 high",), "must be a svara, cents from its place"),
        (("S 0 nan 0 0",), "a factor on its length"),
        (("S 0 1 0.7 0.7",), "1 together at most"),
        (("X 0 1 0 0",), "there is no svara 'X'"),
        (("",), "must be a svara"),
    ],
)
def test_bad_numbers_are_refused(sung: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(OWN, sung=sung)
    with pytest.raises(ValueError, match="voice: expected"):
        MelodyConfig(voice=(1.0, 0.5))
