"""Drift: what counts as one, what does not, and what the numbers mean."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqclass.monitoring.drift import (
    FEATURES,
    compare_counts,
    compare_numbers,
    drift_words,
    holm,
    judge_drift,
    summaries,
)
from seqclass.monitoring.retrain_spec import DriftSpec

NUMBERS = arrays(np.float64, st.integers(2, 60), elements=st.floats(-1e6, 1e6))


def table_of(shift: float, n: int, seed: int = 0) -> list[dict]:
    rng = np.random.default_rng(seed)
    old = {f"number {k}": rng.standard_normal(n) for k in range(10)}
    new = {name: rng.standard_normal(n) for name in old}
    new["number 0"] += shift
    return [compare_numbers(name, old[name], new[name]) for name in old]


def test_a_moved_number_is_found_among_others_that_have_not_moved() -> None:
    drift = judge_drift(table_of(1.0, 150), DriftSpec())
    assert drift["drifted"] == ["number 0"]
    assert drift["table"][0]["what"] == "number 0"
    assert 0.9 < drift["table"][0]["distance"] < 1.2
    assert drift_words(drift).startswith("drift in number 0 (mean")


def test_many_rows_alone_are_no_alarm() -> None:
    drift = judge_drift(table_of(0.1, 50_000), DriftSpec())
    assert drift["table"][0]["adjusted_p"] < 1e-10
    assert drift["drifted"] == []
    assert drift_words(drift) == "no drift in 10 comparisons"


def test_quiet_rows_seldom_alarm() -> None:
    alarms = sum(
        bool(judge_drift(table_of(0.0, 100, s), DriftSpec())["drifted"]) for s in range(99)
    )
    assert alarms <= 2


@settings(max_examples=25)
@given(NUMBERS, NUMBERS)
def test_every_measure_is_finite_and_in_range(old: np.ndarray, new: np.ndarray) -> None:
    row = compare_numbers("x", old, new)
    assert 0 <= row["p_value"] <= 1
    assert 0 <= row["shift"] <= 1
    assert row["stability_index"] >= -1e-12
    assert np.isfinite(row["distance"])
    assert row["distance"] >= 0


def test_a_number_that_nobody_has_is_no_drift() -> None:
    row = compare_numbers("x", np.full(5, np.nan), np.ones(5))
    assert (row["p_value"], row["shift"]) == (1.0, 0.0)


def test_a_constant_that_becomes_another_is_drift() -> None:
    drift = judge_drift([compare_numbers("x", np.ones(40), np.full(40, 2.0))], DriftSpec())
    assert drift["drifted"] == ["x"]


def test_a_new_class_shows_in_the_shares() -> None:
    row = compare_counts("classes", {"a": 50, "b": 50}, {"a": 25, "b": 25, "c": 50})
    assert row["shift"] == pytest.approx(0.5)
    assert judge_drift([row], DriftSpec())["drifted"] == ["classes"]


@settings(max_examples=25)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_never_makes_a_p_value_smaller_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_holm_gives_the_values_of_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_summaries_know_padding_from_holes() -> None:
    x = np.full((2, 6, 1), np.nan, dtype=np.float32)
    x[0, :4, 0], x[1, :, 0] = [0, 1, 2, 3], [5, np.nan, 5, 5, 5, 5]
    features = summaries(x, np.array([4, 6]), ["v"])
    assert set(features) == {"length", *(f"v: {name}" for name in FEATURES)}
    assert features["v: missing"].tolist() == pytest.approx([0, 1 / 6])
    assert features["v: mean"].tolist() == [1.5, 5]
    assert features["v: slope"][0] == pytest.approx(3)
    assert features["v: slope"][1] == pytest.approx(0)
    assert np.isnan(features["v: roughness"][1])


@pytest.mark.parametrize("wrong", [{"significance": 0}, {"shift": 1}, {"stability_index": 0},
                                   {"least_rows": 1}])  # fmt: skip
def test_impossible_limits_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"expected .*, got .*; correct"):
        DriftSpec(**wrong)
