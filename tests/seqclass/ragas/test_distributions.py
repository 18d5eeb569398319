"""Distributions of pitch as classifiers: they tell scales apart, and nothing of order."""

import numpy as np

from seqclass.ragas.distributions import NEAREST, TEMPLATE, distribution_models, distributions
from seqclass.ragas.raga_spec import RagaSpec
from tests.support.melodies import draw

CLASSES = ("Mohanam", "Vakulabharanam", "Hamsadhwani")


def test_scales_are_told_apart_by_templates_and_by_neighbours() -> None:
    spec = RagaSpec(ragas=CLASSES, n_series=120, representation="contour", seconds=30.0, seed=2)
    block = draw(spec)
    x, y = block.values, block.codes
    models = distribution_models(x[:80], y[:80], spec.classes)
    for name, least in ((NEAREST, 0.8), (TEMPLATE, 0.6)):
        found = models[name].log_scores(x[80:])
        assert found.shape == (40, 3)
        assert (found.argmax(axis=1) == y[80:]).mean() > least


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
