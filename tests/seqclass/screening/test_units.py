"""Another unit is told from a channel that is on for another share of the time."""

from itertools import product

import numpy as np
import pytest

from seqclass.screening.screening import whole_violations
from seqclass.store.manifests import RowsProfile
from seqclass.store.row_profile import Profile

DUTY = (0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6)


def contract(x: np.ndarray) -> RowsProfile:
    profile = Profile()
    profile.add(np.full(len(x), x.shape[1]), ["a"] * len(x), {"x": x.astype(np.float32).ravel()})
    return profile.describe()


def pulsed(duty: float, n: int, seed: int, in_one_piece: bool = True) -> np.ndarray:
    """Noise of 10 around 0, and 500 for a share of the steps, in one burst or wherever."""
    rng = np.random.default_rng([seed, n, int(100 * duty)])
    x = rng.normal(0, 10, (n, 100))
    if in_one_piece:
        starts = rng.integers(0, 101 - int(100 * duty), n)
        on = (np.arange(100) - starts[:, None]) % 100 < 100 * duty
    else:
        on = rng.random((n, 100)) < duty
    return x + 500 * on


@pytest.mark.parametrize("in_one_piece", [True, False])
def test_other_duty_cycles_are_no_other_unit(in_one_piece: bool) -> None:
    for seed, (before, after) in enumerate(product(DUTY, DUTY)):
        old = contract(pulsed(before, 60, seed, in_one_piece))
        new = contract(pulsed(after, 20, seed, in_one_piece))
        assert whole_violations(old, new) == [], (before, after)


@pytest.mark.parametrize("factor", [1000, 0.001, 1 / 9.81, 60])
def test_another_unit_of_a_pulsed_channel_is_seen(factor: float) -> None:
    for seed, duty in enumerate(DUTY):
        new = contract(factor * pulsed(duty, 20, seed))
        assert whole_violations(contract(pulsed(duty, 60, seed)), new), duty


@pytest.mark.parametrize(("factor", "offset"), [(1.8, 32), (1, 273.15), (0.001, 0), (1000, 0)])
def test_another_unit_of_a_steady_channel_is_seen(factor: float, offset: float) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        old, new = (20 + 2 * rng.standard_normal((n, 50)) for n in (60, 20))
        old[0, 0] = 60  # one odd value widens the range
        assert whole_violations(contract(old), contract(factor * new + offset))
        assert whole_violations(contract(old), contract(new)) == []
