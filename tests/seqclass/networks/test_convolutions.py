"""Fixed convolutions: shares of steps above thresholds, whatever a series' length and company."""

import numpy as np
import pytest

from seqclass.networks.convolutions import (
    GROUP,
    KERNELS,
    Bank,
    Convolutions,
    fit_convolutions,
)
from seqclass.networks.scaling import fit_scaling
from seqclass.networks.symbols import Alphabets, find_alphabets
from seqclass.training.members import usual_steps
from tests.support.networks import compiled, eager
from tests.support.series import gappy, walks


def fitted(x: np.ndarray, alphabets: Alphabets = (), seed: int = 0) -> Convolutions:
    typical = usual_steps(x)[0]
    return fit_convolutions(x, typical, fit_scaling(x), alphabets, seed)


@pytest.fixture(scope="module")
def of_two() -> Convolutions:
    return fitted(gappy(12))


def by_kind(convolutions: Convolutions, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of steps above thresholds, and counts of wins, by view."""
    sizes = [(bank.thresholds.size, len(KERNELS)) for bank in by_view(convolutions)]
    is_count = np.repeat(np.tile([False, True], len(sizes)), np.ravel(sizes))
    return features[:, ~is_count], features[:, is_count]


def by_view(convolutions: Convolutions) -> list[Bank]:
    return sorted(convolutions.banks, key=lambda bank: bank.view)


def test_features_are_bounded_for_any_input(of_two: Convolutions) -> None:
    pooled = compiled(of_two.pooled())
    given = [gappy(12), *(np.full((2, 30, 2), v, np.float32) for v in (np.nan, 0, 1e30, -1e30))]
    for x in given:
        shares, counts = by_kind(of_two, pooled(x))
        assert ((shares >= 0) & (shares <= 1 + 1e-6)).all()
        assert ((counts > 0) & (counts <= np.sqrt(6) + 1e-6)).all()


def test_at_every_step_one_kernel_of_each_group_is_the_lowest() -> None:
    x = np.random.default_rng(0).normal(0, 1, (7, 64, 1)).astype(np.float32)
    convolutions = fitted(x)
    counts = np.square(by_kind(convolutions, eager(convolutions.pooled(), x))[1])
    groups = counts.reshape(len(x), len(convolutions.banks), GROUP, -1)
    of_lowest = [not bank.counts_highest for bank in by_view(convolutions)]
    assert 0 < sum(of_lowest) < len(convolutions.banks)
    np.testing.assert_allclose(groups[:, of_lowest].sum(axis=2), 1, atol=1e-4)


def test_thresholds_are_quantiles_of_what_training_rows_give() -> None:
    x = np.random.default_rng(0).normal(0, 1, (40, 64, 1)).astype(np.float32)
    convolutions = fitted(x)
    shares = by_kind(convolutions, eager(convolutions.pooled(), x))[0].mean(axis=0)
    assert abs(shares.mean() - 0.5) < 0.1
    assert shares.min() < 0.15
    assert shares.max() > 0.85


def test_kernels_see_every_channel_of_many_and_some_several() -> None:
    x = np.random.default_rng(0).normal(0, 1, (20, 24, 5)).astype(np.float32)
    convolutions = fitted(x)
    sizes = []
    for bank in convolutions.banks:
        used = np.abs(bank.weights).sum(axis=0) > 0
        assert used.any(axis=0).all()
        assert used.any(axis=1).all()
        sizes.append(used.sum(axis=0))
    assert {1, 2} <= set(np.concatenate(sizes))
    changed = x.copy()
    changed[..., 3] = x[..., 3][:, ::-1]
    model = convolutions.pooled()
    assert np.abs(eager(model, changed) - eager(model, x)).max() > 0.05


def test_symbols_are_a_view_of_their_own() -> None:
    x = walks(5, 12, 0)
    alphabets = find_alphabets(x)
    assert any(alphabets)
    with_symbols, without = fitted(x, alphabets), fitted(x)
    views = [{bank.view for bank in convolutions.banks} for convolutions in (with_symbols, without)]
    assert views == [{0, 1, 2, 3}, {0, 1, 2}]
    of_symbols = [bank for bank in with_symbols.banks if bank.view == 3]
    assert {bank.weights.shape for bank in of_symbols} == {(9, 12, 84)}
    assert np.isfinite(eager(with_symbols.pooled(), x)).all()
