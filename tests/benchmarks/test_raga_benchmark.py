"""The raga benchmark: real pieces in fixed halves, and draws that can be compared."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.contest import draw, together
from benchmarks.geethams import REPORTED, TUNING, half_of, read_pieces, windows
from benchmarks.orders import _counts
from seqclass.synthesis.random_series import Uniform


def test_halves_of_the_pieces_are_fixed_and_windows_hold_their_letters(shared_data: Path) -> None:
    pieces = read_pieces(shared_data / "raga" / "geethams.jsonl")
    assert Counter(piece.half for piece in pieces) == {TUNING: 29, REPORTED: 23}
    assert len({piece.raga for piece in pieces}) == 25
    assert half_of("Geetham/AnandaBhairavi_kamalasulochani.cmn") == TUNING
    x, owners = windows(pieces[:3], 64, 16)
    for number, piece in enumerate(pieces[:3]):
        first = x[owners == number][0, :, 0]
        assert first[np.isfinite(first)].tolist() == piece.letters[:64].tolist()


def test_training_and_test_draws_are_of_the_same_ragas_and_share_no_melody() -> None:
    options = {"ragas": ("B6",), "n_notes": (16, 24)}
    train, test = draw(0, 30, **options), draw(1, 30, **options)
    assert train.classes == test.classes == ["Todi", "Dhanyasi"]
    seen = {row.tobytes() for row in train.x}
    assert not any(row.tobytes() in seen for row in test.x)
    both = together([train, draw(2, 10, ragas=("B6",), n_notes=(32, 32))])
    assert both.x.shape == (80, 32, 1)
    assert np.isnan(both.x[:60, 24:]).all()


@pytest.mark.parametrize("representation", ["svara", "contour"])
def test_with_the_tonic_given_a_series_is_the_same_at_any_of_them(representation: str) -> None:
    options = {"ragas": ("B6",), "representation": representation}
    low, high = (draw(0, 5, **options, tonic_hz=Uniform(hz, hz)) for hz in (120.0, 220.0))
    np.testing.assert_array_equal(low.x, high.x)
    unknown = [
        draw(0, 5, **options, tonic="unknown", tonic_hz=Uniform(hz, hz)) for hz in (120.0, 220.0)
    ]
    assert not np.array_equal(unknown[0].x, unknown[1].x, equal_nan=True)


def test_runs_are_counted_as_they_were_seen_in_training() -> None:
    x = np.array([[0, 2, 12, 2]], np.float32)[..., None]
    asked = np.array([[2, 0, 2, 4]], np.float32)[..., None]
    folded, seen = _counts(x, asked, order=2, period=12)
    assert folded.toarray().tolist() == [[2, 1]]
    assert seen.toarray().tolist() == [[1, 1]]
    kept, seen = _counts(x, asked, order=2, period=60)
    assert kept.toarray().tolist() == [[1, 1, 1]]
    assert seen.toarray().tolist() == [[1, 0, 0]]
