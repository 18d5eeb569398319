"""What the LSTM adds: beside whom, and in which words."""

from typing import Any

import numpy as np
import pytest

from seqclass.evaluation.contribution import contribution_of, lstm_sentence


def member(
    name: str, weight: float, why: str | None = None, trained: bool = True
) -> dict[str, Any]:
    return {"name": name, "weight": weight, "accuracy": 0.9 if trained else None, "why": why}


def committee(n: int = 400) -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray]:
    """Convolutions that are right in three rows of four, and an LSTM that is in all."""
    y = np.arange(n) % 2
    sure = np.eye(2)[y] * 0.8 + 0.1
    poor = np.where((np.arange(n) % 4 == 0)[:, None], 1 - sure, sure)
    members = [member("convolutions", 0.25), member("steps", 0.0, "solved", trained=False),
               member("conv-lstm", 0.75)]  # fmt: skip
    return members, np.stack([poor, sure], axis=1), y


def test_each_trained_member_stands_beside_what_is_registered() -> None:
    members, alone, y = committee()
    found = contribution_of(members, alone, y, y)
    assert [one["name"] for one in found["members"]] == ["convolutions", "conv-lstm"]
    assert [one["test"]["accuracy"] for one in found["members"]] == [0.75, 1.0]
    assert found["leads"]["convolutions"]["lead"] == pytest.approx(0.25)
    assert found["leads"]["conv-lstm"]["lead"] == 0
    assert found["lstm"].startswith(
        "The LSTM has 75% of the answer, and what is registered is better"
    )


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((0.01, 0.2), "is better"), ((-0.2, -0.01), "is worse"), ((-0.1, 0.1), "can't be told")],
)
def test_only_an_interval_beside_zero_decides(interval: tuple[float, float], verdict: str) -> None:
    members, _, _ = committee()
    leads = {"convolutions": {"lead": sum(interval) / 2, "interval": interval}}
    assert verdict in lstm_sentence(members, leads)


@pytest.mark.parametrize(
    ("lstm", "says"),
    [
        ([member("conv-lstm", 0.0, "no gain")], "adds nothing here"),
        ([member("conv-lstm", 0.0, "solved", trained=False)], "leave nothing to learn"),
        ([member("conv-lstm", 0.0, "no time", trained=False)], "there was no time"),
        ([], "none was asked for"),
    ],
)
def test_an_lstm_without_a_share_is_told_of_with_its_reason(
    lstm: list[dict[str, Any]], says: str
) -> None:
    assert says in lstm_sentence([member("convolutions", 1.0), *lstm], {})
