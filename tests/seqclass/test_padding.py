"""Lengths of padded series."""

import numpy as np

from seqclass.series import series_lengths


def test_holes_count_and_trailing_padding_does_not() -> None:
    observed = np.array([[1, 0, 1, 0], [0, 0, 0, 0], [1, 1, 1, 1]], dtype=bool)
    assert series_lengths(observed).tolist() == [3, 0, 4]
