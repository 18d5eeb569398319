"""Learning curves: what all rows bring by what two parts of them have brought."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqclass.evaluation.learning_curve import curve_line, learning_curve

ROWS = (10_000, 33_333, 100_000)


def around(mean: float, n: int = 2000) -> np.ndarray:
    drawn = np.random.default_rng(0).exponential(mean, n)
    return drawn * mean / drawn.mean()


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.5))
def test_a_loss_that_follows_the_law_is_foretold(first: float, power: float) -> None:
    expected = [first * (n / ROWS[0]) ** -power for n in ROWS]
    found = learning_curve(ROWS, [around(loss) for loss in expected[:2]], None)
    assert found["log_loss"] == pytest.approx(expected)
    assert found["gain"] == pytest.approx(expected[1] - expected[2])


def test_the_error_is_that_of_repeated_draws_of_held_back_rows() -> None:
    rng, gains, errors = np.random.default_rng(1), [], []
    for _ in range(400):
        shared = rng.exponential(0.2, 2000)
        own = shared * rng.uniform(0.2, 0.8, 2000)
        found = learning_curve(ROWS, [shared, own], None)
        gains.append(found["gain"])
        errors.append(found["standard_error"])
    assert np.mean(errors) == pytest.approx(np.std(gains), rel=0.15)


def test_rows_of_a_group_count_as_one_draw() -> None:
    first, second = around(0.3), around(0.2)[::-1]
    owners = np.arange(2000) // 10
    alike = [np.repeat(part[::10], 10) for part in (first, second)]
    alone = learning_curve(ROWS, alike, None)["standard_error"]
    together = learning_curve(ROWS, alike, owners)["standard_error"]
    assert together == pytest.approx(alone * math.sqrt(10), rel=0.01)


@pytest.mark.parametrize("second", [0.2, 0.21, 0.1999])
def test_a_curve_is_flat_where_its_gain_lies_within_the_error(second: float) -> None:
    rng = np.random.default_rng(2)
    losses = [around(0.2), rng.permutation(around(second))]
    found = learning_curve(ROWS, losses, None)
    assert found["is_flat"] == (found["gain"] <= found["standard_error"])
    assert found["is_flat"]
    assert curve_line(found).endswith(": flat")
    assert not learning_curve(ROWS, [around(0.2), around(0.1)], None)["is_flat"]
