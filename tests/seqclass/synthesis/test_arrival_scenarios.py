"""Weeks of arriving rows: quiet ones first, and then what each scenario says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.synthesis.arrival_scenarios import (
    FIRST_WEEKS,
    SCENARIOS,
    ArrivalWeek,
    ScenarioSpec,
    draw_week,
)

SPEC = ScenarioSpec(first_rows=60, rows=30, n_steps=16)
QUIET = ArrivalWeek()


@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - {"story"}))
def test_the_first_weeks_are_quiet_whatever_comes(name: str) -> None:
    assert [SCENARIOS[name](week) for week in range(1, FIRST_WEEKS + 1)] == [QUIET] * FIRST_WEEKS
    later = [SCENARIOS[name](week) for week in range(FIRST_WEEKS + 1, 13)]
    assert (later == [QUIET] * 8) == (name == "stable")


def test_a_slow_drift_grows_and_a_sudden_change_stays() -> None:
    levels = [SCENARIOS["slow drift"](week).level for week in range(1, 13)]
    assert levels == sorted(levels)
    assert levels[-1] > levels[FIRST_WEEKS] > 0
    assert [SCENARIOS["sudden change"](week).turned for week in range(3, 7)] == [
        False, False, True, True,
    ]  # fmt: skip
    assert sum(SCENARIOS["poisoned batch"](week).shuffled for week in range(1, 13)) == 1


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 5), st.integers(0, 3))
def test_a_week_is_drawn_again_the_same_and_has_its_rows(week: int, seed: int) -> None:
    spec = ScenarioSpec(60, 30, 16, seed)
    (x, names), (again, same) = (draw_week(spec, week, QUIET) for _ in range(2))
    np.testing.assert_array_equal(x, again)
    assert names.tolist() == same.tolist()
    assert x.shape == ((30 if week else 60), 16)
    assert x.dtype == np.float32
    assert np.isfinite(x).all()


def test_a_change_changes_what_it_says_and_no_more() -> None:
    x, names = draw_week(SPEC, 5, QUIET)
    turned, same = draw_week(SPEC, 5, ArrivalWeek(turned=True))
    np.testing.assert_array_equal(turned, -x)
    assert same.tolist() == names.tolist()
    moved, _ = draw_week(SPEC, 5, ArrivalWeek(level=2.0))
    np.testing.assert_allclose(moved, x + 2, atol=1e-6)
    kept, mixed = draw_week(SPEC, 5, ArrivalWeek(shuffled=True))
    np.testing.assert_array_equal(kept, x)
    assert sorted(mixed) == sorted(names)
    assert mixed.tolist() != names.tolist()


@pytest.mark.parametrize(
    "wrong", [{"first_rows": 29}, {"rows": 0}, {"n_steps": 7}, {"seed": -1}]
)  # fmt: skip
def test_too_little_to_arrive_is_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="arrivals: expected at least 30 rows of at least 8 steps"):
        ScenarioSpec(**wrong)
