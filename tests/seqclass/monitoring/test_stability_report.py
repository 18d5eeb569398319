"""The stability report: the spread of seeds, the worst of them, and the rows that flip."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from seqclass.evaluation.metrics import label_scores
from seqclass.monitoring.seed_spread import MAX_FLIPPING, SeedAnswers, agreement_of
from seqclass.training.spec import ChampionLimits

Y = np.arange(30) % 3


def report(answers: np.ndarray, judged: Any = None, **limits: float) -> dict[str, Any]:
    seeds = [
        {"seed": 10 + k, "restarts": 0, **label_scores(codes, Y, 3)}
        for k, codes in enumerate(answers)
    ]
    names = [f"s{k}" for k in range(len(Y))]
    seed_answers = SeedAnswers(answers, Y, names, 3)
    return agreement_of(seeds, seed_answers, ChampionLimits(**limits), 0, judged)  # type: ignore[arg-type]


def test_seeds_that_agree_flip_nothing_and_pass() -> None:
    stability = report(np.stack([Y, Y, Y]))
    assert (stability["flipping_rows"], stability["most_flipping"], stability["refused"]) == (
        0,
        [],
        None,
    )
    assert stability["spread"]["macro_f1"] == {"mean": 1.0, "min": 1.0, "max": 1.0, "sd": 0.0}


def test_the_worst_seed_is_the_one_with_the_most_errors_and_is_named() -> None:
    answers = np.stack([Y, Y, Y])
    answers[1, :5] = (Y[:5] + 1) % 3
    answers[2, :2] = (Y[:2] + 1) % 3
    stability = report(answers)
    assert stability["worst_seed"]["seed"] == 11
    low, high = stability["worst_seed"]["intervals"]["accuracy"]
    assert low < 25 / 30 < high
    assert [row["series_id"] for row in stability["most_flipping"]] == [
        "s0",
        "s1",
        "s2",
        "s3",
        "s4",
    ]
    assert stability["most_flipping"][0]["share_of_seeds_apart"] == pytest.approx(1 / 3)


@settings(max_examples=20)
@given(arrays(np.int64, st.tuples(st.integers(1, 5), st.just(30)), elements=st.integers(0, 2)))
def test_rows_flip_where_seeds_differ_and_the_most_divided_come_first(answers: np.ndarray) -> None:
    stability = report(answers)
    divided = [k for k in range(30) if len(set(answers[:, k])) > 1]
    assert stability["flipping_rows"] == len(divided)
    assert {row["series_id"] for row in stability["most_flipping"]} <= {f"s{k}" for k in divided}
    shares = [row["share_of_seeds_apart"] for row in stability["most_flipping"]]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == min(len(divided), MAX_FLIPPING)
    assert all(0 < share <= 1 - 1 / len(answers) for share in shares)


def test_a_seed_near_chance_is_refused_and_one_alone_claims_no_spread() -> None:
    chance = np.stack([Y, np.zeros_like(Y)])
    assert "the worst of 2 seeds has balanced accuracy 0.3333" in report(chance)["refused"]
    assert "macro F1 spreads over 2 seeds" in report(chance)["refused"]
    assert report(chance, above_chance=0.0, spread=1.0)["refused"] is None
    assert report(Y[None])["spread"]["accuracy"]["sd"] is None


def test_the_gate_judges_by_the_rows_of_the_evidence_alone() -> None:
    chance = np.stack([Y, np.zeros_like(Y)])
    judged = {"balanced_accuracy": [0.9, 0.9], "macro_f1": [0.9, 0.9]}
    assert report(chance, judged)["refused"] is None
    assert report(chance, judged)["spread"] == report(chance)["spread"]
