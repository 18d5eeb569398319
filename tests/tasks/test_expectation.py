"""How long a training is expected to take."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from seqclass.store.capacity import GIB
from seqclass.training.row_order import WINDOW
from seqclass.training.spec import TrainingSpec
from tasks.compute.expectation import (
    AROUND_S,
    Size,
    expectation,
    expected_bytes,
    expected_seconds,
    fit_window,
    memory_line,
)

SPEC = TrainingSpec(seeds=1)
SIZES = st.builds(Size, st.integers(3, 60_000), st.integers(1, 2000), st.integers(1, 20))


@given(SIZES, st.integers(1, 9))
def test_more_to_do_takes_no_less(size: Size, seeds: int) -> None:
    low, high = expected_seconds(size, SPEC)
    assert 0 < low <= high
    longer = expected_seconds(size._replace(steps=2 * size.steps), SPEC)
    assert (longer[0] > low, longer[1] > high) == (True, True)
    again = expected_seconds(size, replace(SPEC, seeds=seeds))
    assert (again[0] >= low, again[1] >= high) == (True, True)


@given(SIZES)
def test_what_is_not_trained_is_not_waited_for(size: Size) -> None:
    low, high = expected_seconds(size, replace(SPEC, members=("convolutions", "steps")))
    assert low == high
    least, budget = expected_seconds(size, replace(SPEC, budget_s=20.0))
    assert budget <= max(least, AROUND_S + 20)
    assert least > low, "the LSTM is trained however short time is"


def test_a_learning_curve_costs_little_beside_its_training() -> None:
    size = Size(100_001, 100, 1)
    low, high = expected_seconds(size, SPEC)
    plain = expected_seconds(size, replace(SPEC, curve_above=None))
    assert low > plain[0]
    assert plain[1] < high < 1.15 * plain[1]
    brief = replace(SPEC, budget_s=100.0)
    assert expected_seconds(size, brief)[1] <= AROUND_S + 120
    assert expected_seconds(size._replace(rows=100_000), SPEC)[0] < low


TIME = r"\d[\d.]* (s|min|h)"


def test_what_is_usual_is_told_first_and_the_most_as_a_bound() -> None:
    said = expectation(Size(300, 100, 1), SPEC)
    form = rf"expect about {TIME} \({TIME} at most, .*--budget SECONDS.*\): seeds 1, \d+ at a time"
    assert re.fullmatch(form, said)


def test_a_bound_is_told_only_where_it_is_another_time() -> None:
    closed = replace(SPEC, members=("convolutions",))
    said = expectation(Size(300, 100, 1), closed)
    assert re.fullmatch(rf"expect about {TIME}: seeds 1, \d+ at a time", said)
    assert "--budget" not in expectation(Size(300, 100, 1), replace(SPEC, budget_s=900.0))


MANY = Size(10_000_000, 1000, 2)


def test_the_window_is_as_large_as_memory_allows() -> None:
    assert fit_window(MANY, SPEC, 100 * GIB).window == WINDOW
    free = expected_bytes(MANY, WINDOW // 4)
    assert fit_window(MANY, SPEC, free).window == WINDOW // 4
    longest = fit_window(MANY._replace(steps=10**6), SPEC, 0).window
    assert longest is not None
    assert SPEC.min_window <= longest < 2 * SPEC.min_window
    assert fit_window(MANY, replace(SPEC, window=None), 0).window is None


def test_few_rows_are_held_at_once_however_little_is_free() -> None:
    assert fit_window(Size(20_000, 100, 1), SPEC, 0) == SPEC


def test_memory_is_told_with_the_window_that_it_holds() -> None:
    said = memory_line(MANY, SPEC, 3 * GIB)
    assert re.fullmatch(r"memory: about [\d.]+ GiB in one process, 3.0 GiB are free; .*", said)
    assert said.endswith("the LSTM reads 10,000,000 rows in windows of 262,144")
    assert "windows" not in memory_line(Size(300, 100, 1), SPEC, GIB)
    assert expected_bytes(MANY, WINDOW) == expected_bytes(MANY._replace(rows=10**9), WINDOW)
