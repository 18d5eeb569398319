"""Estimated accuracy beside the realised one, from sums that add up."""

from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.monitoring.estimate import LEAST_ROWS, AnswerTally, Outcomes, quantile, realised_of

tallies = st.builds(
    lambda right, wrong: AnswerTally(right + wrong, right, 0.5 * right + 0.25 * wrong),
    st.integers(0, 99), st.integers(0, 99),
)  # fmt: skip
outcomes = st.builds(
    Outcomes,
    st.dictionaries(st.sampled_from("abc"), tallies),
    st.dictionaries(st.integers(0, 9), st.integers(1, 9)),
    st.integers(0, 9),
)


@settings(max_examples=25)
@given(st.lists(outcomes, max_size=6), st.integers(0, 6))
def test_partitions_add_up_however_they_are_cut(parts: list[Outcomes], cut: int) -> None:
    whole = sum(parts, Outcomes())
    halves = sum(parts[:cut], Outcomes()) + sum(parts[cut:], Outcomes())
    assert halves == whole
    assert whole.total.rows == sum(
        tally.rows for part in parts for tally in part.by_answer.values()
    )
    assert sum(whole.delays.values()) == sum(n for part in parts for n in part.delays.values())


def test_below_a_least_number_nothing_is_said() -> None:
    few = Outcomes({"a": AnswerTally(LEAST_ROWS - 1, 5, 9.0)}, {60: LEAST_ROWS - 1})
    assert realised_of(few, 0.0) is None
    enough = few + Outcomes({"b": AnswerTally(1, 1, 0.9)}, {60: 1})
    realised = realised_of(enough, 0.0)
    assert realised is not None
    assert (realised.every.rows, realised.by_answer) == (LEAST_ROWS, {})


def test_the_estimate_is_the_confidence_moved_by_what_test_rows_showed() -> None:
    outcomes = Outcomes(
        {"a": AnswerTally(60, 45, 54.0), "b": AnswerTally(40, 38, 38.0)}, {30: 50, 3600: 50}, 7
    )
    realised = realised_of(outcomes, -0.1)
    assert realised is not None
    assert realised.every.realised == 0.83
    assert realised.every.interval[0] < 0.83 < realised.every.interval[1]
    assert realised.every.estimated == 0.92 - 0.1
    assert realised.by_answer["a"].realised == 0.75
    assert (realised.delay_median_s, realised.delay_90_s, realised.waiting) == (30, 3600, 7)
    unlike = realised_of(outcomes, None)
    assert unlike is not None
    assert unlike.every.estimated is None


@settings(max_examples=25)
@given(st.dictionaries(st.integers(0, 99), st.integers(1, 9), min_size=1))
def test_a_quantile_is_that_of_the_values_written_out(counts: dict[int, int]) -> None:
    values = sorted(v for v, n in counts.items() for _ in range(n))
    assert quantile(counts, 0.5) == values[(len(values) - 1) // 2]
    assert quantile(counts, 1.0) == values[-1]
