"""Numbers of a spec: from the least on, and below the limit."""

import math
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.series import check_ranges


@settings(max_examples=25)
@given(st.floats(allow_nan=True), st.floats(-9, 9), st.floats(0, 9))
def test_a_number_passes_where_it_lies_within(value: float, low: float, width: float) -> None:
    spec, high = SimpleNamespace(a=0.0, b=value), low + width
    ranges = [("a", -math.inf, math.inf), ("b", low, high)]
    if low <= value < high:
        check_ranges(spec, ranges)
        return
    with pytest.raises(
        ValueError, match=r"^b: expected a number of at least .* and below"
    ) as refused:
        check_ranges(spec, ranges)
    assert str(refused.value).endswith(f"got {value}; correct it")


def test_without_an_upper_limit_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"^rate: expected a number of at least 0, got -1; corr"):
        check_ranges(SimpleNamespace(rate=-1), [("rate", 0, math.inf)])
    with pytest.raises(ValueError, match=r"^rate: expected a number of at least 0, got inf"):
        check_ranges(SimpleNamespace(rate=math.inf), [("rate", 0, math.inf)])
