"""Rows held back are answered by the seed that the other folds would have chosen."""

import numpy as np

from seqclass.pipeline.held_rows import by_others


def test_a_fold_has_no_say_in_which_seed_answers_it() -> None:
    y = np.array([0, 0, 0, 1, 1, 1])
    right = 3.0 * np.eye(2)[y]
    first, second = right.copy(), right.copy()
    first[:2] *= -1
    second[2:] *= -1
    found = by_others([first, second], y, [2, 2, 2])
    np.testing.assert_array_equal(found[:2], first[:2])
    np.testing.assert_array_equal(found[2:4], first[2:4])
    first[:2] *= 9
    worse = by_others([first, second], y, [2, 2, 2])
    np.testing.assert_array_equal(worse[:2], first[:2])
    np.testing.assert_array_equal(worse[2:], second[2:])
