"""Contours: gamakas, breaths, tonics, and how near they are to what is measured on singers."""

import numpy as np
import pytest

from seqclass.ragas.raga_series import REFERENCE_HZ, RagaSeriesBlock
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.svaras import PLACES
from seqclass.synthesis.random_series import Uniform
from tests.support.melodies import draw

FINE = {"representation": "contour", "rate_hz": 100.0}


def shares_in_scale(spec: RagaSpec, block: RagaSeriesBlock) -> dict[str, float]:
    shares = {}
    for code, raga in enumerate(spec.definitions):
        cents = block.values[block.codes == code]
        places = np.rint(cents[np.isfinite(cents)] / 100) % 12
        shares[raga.name] = float(np.isin(places, [PLACES[s] for s in raga.svaras]).mean())
    return shares


def level(values: np.ndarray, frames: int = 5, cents: float = 20) -> float:
    """Share of voiced frames that lie in a stretch of so many frames within so many cents."""
    windows = np.lib.stride_tricks.sliding_window_view(values, frames, axis=1)
    calm = windows.max(axis=-1) - windows.min(axis=-1) <= cents
    flat = np.zeros(values.shape, bool)
    for k in range(frames):
        flat[:, k : k + calm.shape[1]] |= calm
    return float(flat[np.isfinite(values)].mean())


def test_contours_move_as_singers_do() -> None:
    """Of 8 tracks 14-27% of the frames lie level for 50 ms, 73-85% round to a svara of the raga."""
    spec = RagaSpec(ragas=("author", "main"), n_series=260, **FINE)
    block = draw(spec)
    assert 0.14 < level(block.values[..., 0]) < 0.30
    shares = list(shares_in_scale(spec, block).values())
    assert 0.73 < np.mean(shares) < 0.87
    assert min(shares) > 0.65
    assert 0.03 < np.isnan(block.values).mean() < 0.12


def test_in_todi_the_ga_is_a_swing_not_a_level() -> None:
    """Of a real Todi 4% of the frames lie at G2, 5% each at the foreign places beside it."""
    block = draw(RagaSpec(ragas=("Todi",), n_series=300, **FINE))
    places = np.rint(block.values[np.isfinite(block.values)] / 100) % 12
    below, ga, above = ((places == place).mean() for place in (2, 3, 4))
    assert 0.02 < ga < 0.06
    assert min(below, above) > 0.75 * ga


def test_with_the_tonic_given_it_makes_no_difference() -> None:
    low = draw(RagaSpec(n_series=20, tonic_hz=Uniform(120, 120), **FINE))
    high = draw(RagaSpec(n_series=20, tonic_hz=Uniform(220, 220), **FINE))
    np.testing.assert_array_equal(low.values, high.values)
    hidden = draw(RagaSpec(n_series=20, tonic_hz=Uniform(220, 220), tonic="unknown", **FINE))
    shift = np.float32(1200 * np.log2(220 / REFERENCE_HZ))
    np.testing.assert_allclose(hidden.values, high.values + shift, atol=0.01)


def test_windows_of_a_contour_go_on_where_the_last_one_ended() -> None:
    whole = draw(RagaSpec(n_series=10, seconds=12.0, **FINE))
    parts = draw(RagaSpec(n_series=30, seconds=4.0, windows=3, **FINE))
    assert parts.values.shape == (30, 400, 1)
    assert whole.values.shape == (10, 1200, 1)
    calm = {**FINE, "lost": 0.0, "jitter_cents": 0.0}
    joined = draw(RagaSpec(n_series=30, seconds=4.0, windows=3, **calm)).values.reshape(10, 1200)
    assert np.nanmax(np.abs(np.diff(joined[:, 395:405], axis=1))) < 400


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seconds": 0.0}, "seconds, rate_hz: expected at least two frames"),
        ({"lost": 0.9}, "lost: expected a number from 0 to 0.5"),
        ({"octave_errors": -0.1}, "octave_errors: expected a number from 0"),
        ({"spread": float("nan")}, "spread: expected a number from 0 to 2"),
        ({"dropped": 0.1}, "dropped, doubled, wrong: expected with svara or letters"),
        ({"octave": True}, "octave: expected with representation letters"),
    ],
)
def test_bad_contours_are_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RagaSpec(representation="contour", **change)  # type: ignore[arg-type]
