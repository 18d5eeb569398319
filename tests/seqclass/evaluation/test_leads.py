"""Intervals of shares and of leads, whose rows may be parts of larger units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from seqclass.evaluation.intervals import accuracy_of, lead_of


def test_a_lead_is_paired_by_rows() -> None:
    ours, theirs = np.arange(100) < 80, np.arange(100) < 70
    lead = lead_of(ours, theirs)
    assert lead["lead"] == pytest.approx(0.1)
    assert lead["interval"][0] > 0
    assert lead_of(ours, ours)["interval"] == [0, 0]


@given(hits=st.integers(0, 60), others=st.integers(0, 60))
def test_single_rows_have_the_usual_intervals(hits: int, others: int) -> None:
    right, other = np.arange(60) < hits, np.arange(60) < others
    usual = binomtest(hits, 60).proportion_ci(0.95, "wilson")
    assert accuracy_of(right)["interval"] == pytest.approx([usual.low, usual.high])
    lead, owners = lead_of(right, other), np.arange(60)[::-1]
    assert lead["interval"] == pytest.approx(lead_of(right, other, owners)["interval"])
    if hits != others:
        gaps = right.astype(float) - other
        span = ttest_1samp(gaps, 0).confidence_interval(0.95)
        expected = np.clip([span.low, span.high], -1, 1)
        assert lead["interval"] == pytest.approx(expected.tolist(), abs=1e-9)


def test_windows_that_say_the_same_count_as_their_pieces_do() -> None:
    right, other = np.arange(10) < 7, np.arange(10) < 4
    owners = np.repeat(np.arange(10), 50)
    many = lead_of(np.repeat(right, 50), np.repeat(other, 50), owners)
    assert many["interval"] == pytest.approx(lead_of(right, other)["interval"])
    low, high = accuracy_of(np.repeat(right, 50), owners)["interval"]
    once = accuracy_of(right)["interval"]
    assert low <= once[0] < once[1] <= high


def test_intervals_over_pieces_hold_the_truth_as_often_as_they_say() -> None:
    rng, truth, n = np.random.default_rng(0), 0.0, 400
    held = {"lead": 0, "accuracy": 0}
    for _ in range(n):
        owners = np.repeat(np.arange(25), rng.integers(1, 30, 25))
        ease = rng.beta(1.4, 0.6, (2, 25))
        right, other = rng.random((2, len(owners))) < ease[:, owners]
        low, high = lead_of(right, other, owners)["interval"]
        held["lead"] += low <= truth <= high
        low, high = accuracy_of(right, owners)["interval"]
        held["accuracy"] += low <= 0.7 <= high
    for share in held.values():
        assert 0.91 <= share / n <= 0.99


def test_one_piece_alone_says_next_to_nothing() -> None:
    alone = np.zeros(40, int)
    once = accuracy_of(np.ones(1, bool))["interval"]
    assert accuracy_of(np.ones(40, bool), alone)["interval"] == pytest.approx(once)
    assert accuracy_of(np.ones(0, bool), np.zeros(0, int))["interval"] is None


@pytest.mark.parametrize("n_pieces", [1, 2, 4])
def test_pieces_too_few_to_show_a_spread_show_no_lead(n_pieces: int) -> None:
    """Two that agree have no spread, which Student's t would take for certainty."""
    pieces = np.arange(40) % n_pieces
    assert lead_of(np.ones(40, bool), np.zeros(40, bool), pieces)["interval"] == [-1, 1]
