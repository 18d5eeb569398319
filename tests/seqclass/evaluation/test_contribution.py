"""What the committee adds to the LSTM alone: beside whom, and in which words."""

from typing import Any

import numpy as np
import pytest

from seqclass.evaluation.contribution import (
    Addition,
    CommitteeAnswers,
    contribution_of,
    lstm_sentence,
)
from seqclass.evaluation.lstm_alone import lstm_scores, lstm_spread


def member(name: str, registered: float, trained: bool = True) -> dict[str, Any]:
    return {"name": name, "weight": 0.5, "registered": registered, "rows": 400,
            "accuracy": 0.9 if trained else None, "why": None}  # fmt: skip


def committee(n: int = 400) -> tuple[list[dict[str, Any]], CommitteeAnswers]:
    """An LSTM that is right in three rows of four, and convolutions that are in all."""
    y = np.arange(n) % 2
    sure = np.eye(2)[y] * 0.8 + 0.1
    poor = np.where((np.arange(n) % 4 == 0)[:, None], 1 - sure, sure)
    members = [member("convolutions", 0.75), member("steps", 0.0, trained=False),
               member("conv-lstm", 0.25)]  # fmt: skip
    alone = {"convolutions": sure, "conv-lstm": poor}
    return members, {
        "alone": alone, "committee": sure, "registered": y, "y": y, "groups": None
    }  # fmt: skip


def test_each_trained_member_stands_beside_what_is_registered() -> None:
    members, answered = committee()
    contribution = contribution_of(members, answered)  # type: ignore[arg-type]
    assert [member["name"] for member in contribution["members"]] == ["convolutions", "conv-lstm"]
    assert [member["test"]["accuracy"] for member in contribution["members"]] == [1.0, 0.75]
    assert contribution["leads"]["conv-lstm"]["lead"] == pytest.approx(0.25)
    assert contribution["leads"]["convolutions"]["lead"] == 0
    assert contribution["adds"] is not None
    assert contribution["adds"]["accuracy"]["lead"] == pytest.approx(0.25)
    assert contribution["adds"]["log_loss"]["lead"] == pytest.approx(np.log(9) / 4)
    low, high = contribution["adds"]["log_loss"]["interval"]
    assert 0 < low < np.log(9) / 4 < high


def test_a_committee_that_answers_as_its_lstm_is_said_to_add_nothing() -> None:
    members, answered = committee()
    alike: Any = {**answered, "committee": answered["alone"]["conv-lstm"]}
    assert contribution_of(members, alike)["lstm"] == (  # type: ignore[arg-type]
        "The committee is registered; the LSTM has 25% of its weight. "
        "On the 400 test rows both answer alike."
    )
    assert "adds +0.2500" in contribution_of(members, answered)["lstm"]  # type: ignore[arg-type]


def test_the_series_of_one_group_tell_nothing_of_others() -> None:
    members, answered = committee()
    leads = {}
    for n_groups in (1, 4, 400):
        grouped: Any = {**answered, "groups": np.arange(400) * n_groups // 400}
        adds = contribution_of(members, grouped)["adds"]  # type: ignore[arg-type]
        assert adds is not None
        leads[n_groups] = adds["accuracy"]["interval"]
        assert np.isfinite(adds["log_loss"]["interval"]).all()
    assert leads[1] == [-1, 1]
    alone = contribution_of(members, answered)["adds"]  # type: ignore[arg-type]
    assert alone is not None
    assert leads[400] == pytest.approx(alone["accuracy"]["interval"])


def addition(low: float, high: float) -> Addition:
    lead: Any = {"lead": (low + high) / 2, "interval": [low, high]}
    return {"test": {}, "accuracy": lead, "log_loss": lead}


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((0.01, 0.2), "is better"), ((-0.2, -0.01), "is worse"), ((-0.1, 0.1), "can't be told")],
)
def test_only_an_interval_beside_zero_decides(interval: tuple[float, float], verdict: str) -> None:
    members, _ = committee()
    sentence = lstm_sentence(members, addition(*interval))  # type: ignore[arg-type]
    assert verdict in sentence
    assert "25%" in sentence


def test_the_lstm_alone_is_told_of_every_seed_and_class() -> None:
    y = np.array([0, 0, 1, 1, 2])
    right, wrong = np.eye(4)[y], np.eye(4)[[0, 0, 1, 0, 2]]
    names = ["a", "b", "c", "never tested"]
    seeds = [{"lstm": lstm_scores(probabilities, y, names)} for probabilities in (right, wrong)]
    assert seeds[0]["lstm"]["macro_f1"] == seeds[0]["lstm"]["macro_recall"] == 1
    assert seeds[1]["lstm"]["macro_recall"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert seeds[1]["lstm"]["per_class"]["a"]["precision"] == pytest.approx(2 / 3)
    spread = lstm_spread([*seeds, {"lstm": None}])
    assert spread is not None
    assert spread["spread"]["macro_recall"]["min"] == pytest.approx(2.5 / 3)
    assert spread["spread"]["macro_recall"]["sd"] == pytest.approx(0.5 / 3 / np.sqrt(2))
    assert spread["per_class"]["b"]["recall"]["mean"] == pytest.approx(0.75)
    assert lstm_spread([{"lstm": None}, {}]) is None
