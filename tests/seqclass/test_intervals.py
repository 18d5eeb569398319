"""Intervals: as SciPy has them, and wider where rows are not independent."""

import numpy as np
import pytest
from scipy.stats import binomtest

from seqclass.evaluation.intervals import clustered_error, wilson


@pytest.mark.parametrize(
    ("right", "n", "confidence"), [(0, 5, 0.95), (90, 100, 0.9), (12, 12, 0.95)]
)
def test_wilson_is_that_of_scipy(right: int, n: int, confidence: float) -> None:
    expected = binomtest(right, n).proportion_ci(confidence, method="wilson")
    assert wilson(right / n, n, confidence) == pytest.approx(
        (expected.low, expected.high), abs=1e-12
    )


def test_copies_of_a_value_tell_no_more_than_one() -> None:
    values = np.random.default_rng(1).normal(size=10)
    once = clustered_error(values, None)
    copied = clustered_error(np.repeat(values, 5), np.repeat(np.arange(10), 5))
    assert copied == pytest.approx(once)
