"""How long a training is expected to take."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from seqclass.training.spec import TrainingSpec
from tasks.compute.expectation import AROUND_S, Size, expectation, expected_seconds

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
