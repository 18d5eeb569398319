"""How long a training is expected to take."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.bars import bars
from seqclass.pipeline import expectation as expectation_module
from seqclass.pipeline.expectation import (
    MARGIN,
    Expectation,
    Size,
    expectation,
    expected_bytes,
    expected_seconds,
    fit_window,
    memory_line,
)
from seqclass.pipeline.progress import Trainings
from seqclass.store.capacity import GIB
from seqclass.training.row_order import WINDOW
from seqclass.training.spec import TrainingSpec

SPEC = TrainingSpec(seeds=1)
COUNTS = ((3, 60_000), (1, 2000), (1, 20), (1, 20_000))
SIZES = st.builds(Size, *(st.integers(*ends) for ends in COUNTS))


@settings(max_examples=25)
@given(SIZES, st.integers(1, 9))
def test_more_to_do_takes_no_less(size: Size, seeds: int) -> None:
    low, high = expected_seconds(size, SPEC)
    assert 0 < low <= high
    longer = expected_seconds(size._replace(steps=2 * size.steps), SPEC)
    assert (longer[0] > low, longer[1] > high) == (True, True)
    again = expected_seconds(size, replace(SPEC, seeds=seeds))
    assert (again[0] >= low, again[1] >= high) == (True, True)


RECORDED = (
    ((300, 60, 1, 300), 16), ((100, 275, 1, 100), 15), ((30, 128, 1, 900), 10),
    ((30, 128, 1, 150), 10), ((67, 24, 1, 1029), 6), ((150, 301, 1, 2850), 31),
    ((78, 288, 1, 80), 22), ((270, 29, 12, 370), 17), ((40, 100, 6, 40), 8),
    ((180, 45, 2, 180), 21), ((467, 166, 1, 3840), 50), ((3601, 500, 1, 1320), 137),
    ((8926, 96, 1, 7711), 184),
)  # fmt: skip
"""Size of each archive set, in the order of the first table of docs/accuracy.md, and its median
seconds of a seed on two cores beside other work."""


def test_the_bound_keeps_what_trainings_took_and_is_no_excuse(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nine of ten are kept, and half of the bounds are at most four times as long."""
    monkeypatch.setattr(expectation_module, "at_once", lambda: 2)
    bounds = [MARGIN * expected_seconds(Size(*size), SPEC)[1] for size, _ in RECORDED]
    ratios = sorted(bound / took for bound, (_, took) in zip(bounds, RECORDED, strict=True))
    assert ratios[len(ratios) // 10] >= 1
    assert ratios[len(ratios) // 2] <= 4


TIME = r"\d[\d.]* (s|min|h)"


def test_what_is_usual_is_told_first_and_the_most_and_a_budget_where_it_would_help() -> None:
    size, closed = Size(300, 100, 1, 75), replace(SPEC, members=("convolutions",))
    ends = r": seeds 1, \d+ at a time"
    assert re.fullmatch(
        rf"expect about {TIME} \({TIME} at most, .*--budget SECONDS.*\){ends}",
        expectation(size, SPEC).words,
    )
    assert re.fullmatch(
        rf"expect about {TIME} \({TIME} at most\){ends}", expectation(size, closed).words
    )
    assert "--budget" not in expectation(size, replace(SPEC, budget_s=900.0)).words


def test_a_time_that_has_passed_is_announced_anew(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with bars() as progress:
        expected = Expectation("", 50.0, 90.0)
        shown, told = Trainings(progress, 4, "trainings", expected, lambda: now[0]), list[str]()
        for passed, done in ((60, 0), (63, 0), (110, 1), (120, 2), (300, 3), (400, 4)):
            now[0] = passed
            while shown.done < done:
                shown.finish_one()
            shown.announce_anew()
            told.append(capsys.readouterr().err.strip())
    assert [line.partition(", ")[2] for line in told] == [
        "", "expect about 30 s more", "", "expect about 2 min more", "expect about 2 min more", "",
    ]  # fmt: skip


MANY = Size(10_000_000, 1000, 2, 100)


def test_the_window_is_as_large_as_memory_allows() -> None:
    assert fit_window(MANY, SPEC, 100 * GIB).window == WINDOW
    free = expected_bytes(MANY, WINDOW // 4)
    assert fit_window(MANY, SPEC, free).window == WINDOW // 4
    longest = fit_window(MANY._replace(steps=10**6), SPEC, 0).window
    assert longest is not None
    assert SPEC.min_window <= longest < 2 * SPEC.min_window
    assert fit_window(MANY, replace(SPEC, window=None), 0).window is None
    assert fit_window(Size(20_000, 100, 1, 100), SPEC, 0) == SPEC


def test_memory_is_told_with_the_window_that_it_holds() -> None:
    line = memory_line(MANY, SPEC, 3 * GIB)
    assert re.fullmatch(r"memory: about [\d.]+ GiB in one process, 3.0 GiB are free; .*", line)
    assert line.endswith("the LSTM reads 10,000,000 rows in windows of 262,144")
    assert "windows" not in memory_line(Size(300, 100, 1, 75), SPEC, GIB)
    assert expected_bytes(MANY, WINDOW) == expected_bytes(MANY._replace(rows=10**9), WINDOW)
