"""Distributions of pitch as classifiers: they tell scales apart, and nothing of order."""

import numpy as np

from seqclass.ragas.distributions import NEAREST, distribution_models, distributions


def test_order_and_octave_do_not_count_and_rests_are_left_out() -> None:
    rng = np.random.default_rng(0)
    cents = rng.uniform(0, 1200, (1, 300, 1))
    shuffled = rng.permutation(cents + 1200 * rng.integers(-1, 2, cents.shape), axis=1)
    held = np.concatenate([shuffled, np.full((1, 50, 1), np.nan)], axis=1)
    assert np.allclose(distributions(cents), distributions(held), atol=0.05)
    assert np.allclose(np.square(distributions(cents)).sum(), 1)
    assert not distributions(np.full((1, 5, 1), np.nan)).any()


def test_classes_that_are_no_ragas_have_no_template() -> None:
    x = np.zeros((4, 10, 1))
    assert set(distribution_models(x, np.array([0, 1, 0, 1]), ["a", "Sri"])) == {NEAREST}
