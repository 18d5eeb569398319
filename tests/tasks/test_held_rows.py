"""Rows held back are answered by the seed, and the rule, that the other folds would have chosen."""

import numpy as np

from seqclass.evaluation.metrics import Truth
from seqclass.pipeline.held_rows import answers_by_fold, by_others, losses_by_fold


def test_a_fold_has_no_say_in_which_seed_answers_it() -> None:
    y = np.array([0, 0, 0, 1, 1, 1])
    right = np.log(np.eye(2)[y] * 0.8 + 0.1)
    first, second = right.copy(), right.copy()
    first[:2], second[2:] = right[:2, ::-1], right[2:, ::-1]
    sizes, both = [2, 2, 2], [np.stack([own] * 3) for own in (first, second)]
    losses = losses_by_fold(both, y, sizes)
    np.testing.assert_allclose(losses[0], -first[np.arange(6), y])
    answers = [own.argmax(axis=1) for own in (first, second)]
    found = by_others(answers, losses, sizes)
    np.testing.assert_array_equal(found, answers[0])
    losses[0, :2] *= 9
    worse = by_others(answers, losses, sizes)
    np.testing.assert_array_equal(worse[:2], answers[0][:2])
    np.testing.assert_array_equal(worse[2:], answers[1][2:])


def test_a_fold_has_no_say_in_the_offsets_that_answer_it() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random(300) < 0.15).astype(int)
    score = rng.normal(0, 1, 300) + 1.5 * y - 3
    rare = 1 / (1 + np.exp(-score))
    scores = np.stack([np.log(np.stack([1 - rare, rare], axis=1))] * 3)
    sizes, classes = [100] * 3, ["often", "rare"]
    found = answers_by_fold(scores, Truth(y, classes), sizes, "balanced_accuracy")
    assert (found != scores[0].argmax(axis=1)).any()
    other = y.copy()
    other[:100] = 1 - y[:100]
    again = answers_by_fold(scores, Truth(other, classes), sizes, "balanced_accuracy")
    np.testing.assert_array_equal(again[:100], found[:100])
    assert (again[100:] != found[100:]).any()
