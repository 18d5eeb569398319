"""The benchmark of first champions: what it draws, and how it counts."""

import numpy as np

from benchmarks.first_champions import CASES, drawn, summary


def test_a_draw_has_as_many_series_as_its_name_says() -> None:
    cases = [case for case in CASES if case.partition("-")[0] not in ("BME", "Trace")]
    for case in [case for case in cases if case.endswith(("-40", "-200"))]:
        x, y, kept, held = drawn(case, 3)
        assert len(x) == len(y) == int(case.partition("-")[2])
        assert sorted([*kept, *held]) == list(range(len(y)))
        assert x.ndim == 3
        again, other = drawn(case, 3), drawn(case, 4)
        np.testing.assert_array_equal(x, again[0])
        assert not np.array_equal(x, other[0])


def test_shuffled_labels_are_the_same_labels_elsewhere() -> None:
    x, y, *_ = drawn("shuffled-200", 0)
    same, meant, *_ = drawn("author-200", 0)
    np.testing.assert_array_equal(x, same)
    assert np.bincount(y).tolist() == np.bincount(meant).tolist()
    assert (y != meant).mean() > 0.5


def test_champions_are_those_that_no_gate_refuses() -> None:
    runs = [
        {"case": "noise-40", "members": 2, "reasons": ["few"] * (draw < 3),
         "balanced_accuracy": 0.5, "seconds": 2.0}
        for draw in range(4)
    ]  # fmt: skip
    [row] = summary(runs)
    assert (row["draws"], row["champions"]) == (4, 1)
    low, high = row["95% interval of the share"]
    assert low < 0.25 < high
