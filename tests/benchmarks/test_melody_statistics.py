"""Figures of melodies: counted by hand, and whatever the melodies are."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.melodies import (
    melody_statistics,
    run_lengths,
    scale_rank,
)

PIECES = st.lists(st.lists(st.integers(-9, 9), min_size=2, max_size=9), min_size=1, max_size=4)


def joined(pieces: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.concatenate([np.array(piece) for piece in pieces]), np.cumsum([*map(len, pieces)])


def test_figures_counted_by_hand() -> None:
    rank, ends = joined([[0, 1, 2, 2, 4, 3], [5, 5, 9]])
    figures = melody_statistics(rank, 2 * rank, ends)
    assert figures["moves"] == 7
    assert (figures["steps"], figures["skips"]) == (3 / 7, 1 / 7)
    assert (figures["repeats"], figures["larger"], figures["over_octave"]) == (2 / 7, 1 / 7, 0.0)
    assert figures["mean_run"] == pytest.approx((3 + 1 + 1) / 3)
    assert figures["runs_of_one"] == pytest.approx(2 / 3)
    assert figures["range"] == [8.0, 8, 8]
    assert figures["octaves"] == pytest.approx([0, 8 / 9, 1 / 9])


@settings(max_examples=25)
@given(PIECES)
def test_shares_add_up_and_no_move_leads_from_one_melody_to_the_next(
    pieces: list[list[int]],
) -> None:
    rank, ends = joined([[0, 1, *piece] for piece in pieces])
    figures = melody_statistics(rank, rank, ends)
    moves = sum(int((np.diff([0, 1, *piece]) != 0).sum()) for piece in pieces)
    assert run_lengths(rank, ends).sum() == moves
    assert figures["moves"] == sum(len(piece) + 1 for piece in pieces)
    kinds = ("steps", "skips", "repeats", "larger")
    assert sum(figures[kind] for kind in kinds) == pytest.approx(1)
    assert sum(figures["run_lengths"]) == pytest.approx(1)
    assert sum(figures["octaves"]) == pytest.approx(1)
    alone = [melody_statistics(*[np.array([0, 1, *piece])] * 2, np.array([len(piece) + 2]))
             for piece in pieces]  # fmt: skip
    assert figures["steps"] * figures["moves"] == pytest.approx(
        sum(each["steps"] * each["moves"] for each in alone)
    )


@settings(max_examples=25)
@given(st.integers(-40, 40), st.sets(st.integers(1, 11), min_size=3).map(lambda s: [0, *sorted(s)]))
def test_the_next_svara_of_a_scale_is_one_step_away(octaves: int, places: list[int]) -> None:
    scale = np.array(places)
    heights = np.array([12 * octave + place for octave in (-1, 0, 1) for place in places])
    rank = scale_rank(heights, scale)
    np.testing.assert_array_equal(np.diff(rank), 1)
    np.testing.assert_array_equal(scale_rank(heights + 12, scale), rank + len(places))
