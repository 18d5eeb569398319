"""The paired gate and the doubt about labels: what they let through and what they say."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from seqclass.monitoring.paired import (
    PairedPredictions,
    allowance,
    compare_paired,
    flip_tail,
    gate_failures,
    recalls_of,
)
from seqclass.monitoring.quality import Hits, doubt_about_labels, quality_change, quality_words
from seqclass.monitoring.retrain_spec import GateSpec

CLASSES = ["a", "b", "c"]


def answers(n: int, wrong_before: int, wrong_now: int) -> PairedPredictions:
    """The first rows are wrong, of either side."""
    truth = np.arange(n) % 3
    row = np.arange(n)
    before, now = (np.where(row < k, (truth + 1) % 3, truth) for k in (wrong_before, wrong_now))
    return PairedPredictions(truth, before, now)


def judged(given: PairedPredictions, spec: GateSpec | None = None) -> list[str]:
    compared = compare_paired(given, 3, seed=0)
    return gate_failures(compared, recalls_of(given, CLASSES), "old", spec or GateSpec())


def test_the_same_answers_are_not_worse() -> None:
    compared = compare_paired(answers(60, 6, 6), 3, seed=0)
    assert (compared["difference"], compared["interval"], compared["worse_p"]) == (
        0.0,
        [0.0, 0.0],
        1.0,
    )
    assert judged(answers(60, 6, 6)) == []


def test_a_better_challenger_passes() -> None:
    assert judged(answers(60, 20, 2)) == []
    assert compare_paired(answers(60, 20, 2), 3, seed=0)["better_p"] < 0.001


def test_a_worse_challenger_is_refused_in_figures() -> None:
    reasons = judged(answers(90, 0, 18))
    assert reasons[0].startswith("worse on old test rows: it loses 18 that the champion has right")
    assert "class a falls from recall 1.000 to 0.800 on 30 old test rows" in reasons[1]


def test_a_class_of_few_rows_is_not_judged_alone() -> None:
    assert judged(answers(60, 0, 12), GateSpec(worse=1.0, significance=0.0)) == []


def test_few_rows_can_still_be_too_much_worse() -> None:
    reasons = judged(answers(60, 0, 3), GateSpec(class_fall=1.0))
    assert reasons == ["macro F1 on 60 old test rows falls by 0.050, more than the limit of 0.03"]


def test_a_class_may_have_a_limit_of_its_own() -> None:
    spec = GateSpec(worse=1.0, significance=0.0, class_falls={"a": 0.5, "b": 0.5, "c": 0.5})
    assert judged(answers(90, 0, 18), spec) == []


def refuses(seed: int, old: tuple[int, float, float], newest: tuple[int, float, float]) -> bool:
    """Whether a pair is refused whose answers fall by chance; (rows, accuracy before and now)."""
    rng, names = np.random.default_rng(seed), list("abcdef")

    def drawn(n: int, before: float, now: float) -> PairedPredictions:
        truth, other = np.arange(n) % 6, rng.integers(1, 6, (2, n))
        hard = rng.random(n)
        harder = np.where(rng.random(n) < 0.6, hard, rng.random(n))
        sides = ((hard, before, other[0]), (harder, now, other[1]))
        return PairedPredictions(
            truth, *(np.where(h < ok, truth, (truth + o) % 6) for h, ok, o in sides)
        )

    sides, gate = (drawn(*old), drawn(*newest)), GateSpec()
    compared = [compare_paired(side, 6, 0) for side in sides]
    may_fall = replace(gate, worse=allowance(compared[1], gate))
    recalls = [recalls_of(side, names) for side in sides]
    reasons = gate_failures(compared[0], recalls[0], "old", may_fall)
    return bool(reasons or gate_failures(compared[1], recalls[1], "newest", gate))


def test_an_improvement_passes_though_a_few_old_answers_go_the_other_way() -> None:
    """The champion of a world that has changed: 0.97 on old rows, 0.85 on the newest ones."""
    new_world = (150, 0.85, 0.955)
    assert sum(refuses(seed, (44, 0.97, 0.95), new_world) for seed in range(80)) <= 5
    assert sum(refuses(seed, (44, 0.97, 0.80), new_world) for seed in range(80)) >= 60
    assert sum(refuses(seed, (198, 0.97, 0.85), new_world) for seed in range(80)) >= 78


def test_what_gains_nothing_may_lose_nothing() -> None:
    same_world = (150, 0.95, 0.95)
    assert sum(refuses(seed, (44, 0.97, 0.85), same_world) for seed in range(80)) >= 70
    assert sum(refuses(seed, (44, 0.97, 0.97), same_world) for seed in range(80)) <= 14


def test_old_rows_may_fall_by_what_newest_ones_surely_gain() -> None:
    gains, same = (compare_paired(answers(60, k, 2), 3, seed=0) for k in (20, 3))
    assert allowance(gains, GateSpec()) == gains["difference"] > 0.2
    assert allowance(same, GateSpec()) == allowance(None, GateSpec()) == GateSpec().worse


codes = st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=3, max_size=60)


@settings(max_examples=25)
@given(codes)
def test_scores_and_interval_fit_the_answers(rows: list[tuple[int, int, int]]) -> None:
    truth, before, now = np.array(rows).T
    compared = compare_paired(PairedPredictions(truth, before, now), 3, seed=0)
    present = np.unique(truth)
    expected = f1_score(truth, now, labels=present, average="macro", zero_division=0)
    assert compared["challenger"]["macro_f1"] == pytest.approx(expected)
    low, high = compared["interval"]
    assert -1 <= low <= high <= 1
    assert compared["lost"] + compared["won"] <= len(truth)


def test_the_bootstrap_is_that_of_the_rows() -> None:
    """Against resampling the rows one by one."""
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 80)
    before, now = (np.where(rng.random(80) < 0.2, (truth + 1) % 3, truth) for _ in range(2))
    compared = compare_paired(PairedPredictions(truth, before, now), 3, seed=0)
    drawn = rng.integers(0, 80, (2000, 80))
    plain = [
        f1_score(truth[rows], now[rows], average="macro")
        - f1_score(truth[rows], before[rows], average="macro")
        for rows in drawn[:600]
    ]
    np.testing.assert_allclose(compared["interval"], np.percentile(plain, [2.5, 97.5]), atol=0.03)


def test_a_drop_of_quality_is_told_from_noise() -> None:
    assert quality_change(Hits(95, 100), Hits(60, 100), 0.005, 0.05)["dropped"]
    assert not quality_change(Hits(95, 100), Hits(92, 100), 0.005, 0.05)["dropped"]
    low, high = quality_change(Hits(95, 100), Hits(60, 100), 0.005, 0.05)["interval"]
    assert low < 0.35 < high
    assert low > 0.2


@pytest.mark.parametrize(
    ("right", "says"),
    [
        (60, "0.600, 0.950 before: a fall that counts (change -0.350, 95%: -0.452 to -0.240; p "),
        (99, "0.990, 0.950 before: no fall that counts (change +0.040, 95%: "),
    ],
)
def test_words_of_quality_give_a_fall_its_sign_and_what_counts(right: int, says: str) -> None:
    change = quality_change(Hits(95, 100), Hits(right, 100), 0.002, 0.05)
    assert says in quality_words(change, 0.002, 0.05)


def test_labels_that_nobody_can_learn_are_doubted_and_a_changed_world_is_not() -> None:
    change = quality_change(Hits(95, 100), Hits(33, 100), 0.005, 0.05)
    doubt = doubt_about_labels(change, 10, 30, 0.5)
    assert doubt is not None
    assert doubt.startswith(
        "labels of the new rows don't fit: the champion's accuracy there is 0.33"
    )
    assert doubt_about_labels(change, 28, 30, 0.5) is None
    assert doubt_about_labels(change, 0, 0, 0.5) is not None
    steady = quality_change(Hits(95, 100), Hits(94, 100), 0.005, 0.05)
    assert doubt_about_labels(steady, 0, 30, 0.5) is None


def test_shuffled_labels_are_doubted_in_ten_thousand_batches() -> None:
    """However the 30 test rows fall, at chance of one in three."""
    change = quality_change(Hits(95, 100), Hits(50, 150), 0.005, 0.05)
    right = np.random.default_rng(0).binomial(30, 1 / 3, 10_000)
    assert all(doubt_about_labels(change, int(k), 30, 0.5) for k in np.unique(right[right < 19]))
    assert (right >= 20).mean() < 0.001


@pytest.mark.parametrize("wrong", [{"worse": -1}, {"class_rows": 0}, {"class_falls": {"a": 2}}])
def test_impossible_limits_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"expected .*, got .*; correct"):
        GateSpec(**wrong)


def lucky(seed: int, n_groups: int, n_rows: int) -> PairedPredictions:
    """Two models that are right equally often, but together for the rows of a group."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(n_groups), n_rows)
    truth = np.arange(len(groups)) % 3
    sides = [
        np.where(rng.random(len(groups)) < rng.beta(3.6, 0.4, n_groups)[groups], truth, truth + 1)
        for _ in range(2)
    ]
    return PairedPredictions(truth, *(side % 3 for side in sides), groups)


def test_a_group_is_one_draw_of_the_paired_tests() -> None:
    draws = [lucky(seed, 8, 40) for seed in range(100)]
    grouped = [compare_paired(draw, 3, 0) for draw in draws]
    alone = [compare_paired(replace(draw, groups=None), 3, 0) for draw in draws]
    assert sum(compared["worse_p"] < 0.05 for compared in grouped) <= 10
    assert sum(compared["worse_p"] < 0.05 for compared in alone) > 10
    ends = np.array([compared["interval"] for compared in grouped])
    assert ((ends[:, 0] > 0) | (ends[:, 1] < 0)).sum() <= 10


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (7, 2), (900, 1000)])
def test_the_paired_test_of_rows_is_the_exact_one_of_mcnemar(won: int, lost: int) -> None:
    nets = np.repeat([1, -1, 0], [won, lost, 5])
    expected = binomtest(won, won + lost, 0.5, "greater").pvalue if won + lost else 1.0
    assert flip_tail(nets) == pytest.approx(expected)


@settings(max_examples=25)
@given(nets=st.lists(st.integers(-5, 5), min_size=1, max_size=10))
def test_the_paired_test_of_groups_counts_all_signs(nets: list[int]) -> None:
    sizes = np.abs(np.array(nets, dtype=int))
    drawn = np.array(list(itertools.product([-1, 1], repeat=len(nets)))) @ sizes
    assert flip_tail(np.array(nets, dtype=int)) == pytest.approx((drawn >= sum(nets)).mean())
