"""The stability gate: what it lets through and what it says."""

import re

import pytest

from seqclass.monitoring.seed_spread import unstable
from seqclass.training.spec import ChampionLimits

CLASSES = 4
GOOD = ([0.95, 0.94, 0.96], [0.95, 0.94, 0.96], [0, 0, 1], CLASSES)


def test_seeds_that_agree_pass() -> None:
    assert unstable(*GOOD, ChampionLimits()) == []
    assert unstable([0.9], [0.9], [0], CLASSES, ChampionLimits(spread=0.0)) == []


@pytest.mark.parametrize(
    ("seeds", "restarts", "says"),
    [
        ([0.95, 0.94, 0.3], [0, 0, 0], r"accuracy 0\.3000, 0\.0500 below the floor of 0\.3500"),
        ([0.95, 0.94, 0.75], [0, 0, 0], r"deviation of 0\.1127, 0\.0627 above the limit of 0\.05"),
        ([0.95, 0.94, 0.96], [3, 3, 3], r"3\.00 times on average, 2\.00 above the limit of 1;"),
        ([float("nan")] * 3, [0, 0, 0], "below the floor"),
    ],
)
def test_a_refusal_says_which_limit_by_how_much_and_what_to_try(
    seeds: list[float], restarts: list[int], says: str
) -> None:
    assert re.search(says, "; ".join(unstable(seeds, seeds, restarts, CLASSES, ChampionLimits())))


def test_every_broken_limit_is_named() -> None:
    assert len(unstable([0.9, 0.2], [0.9, 0.2], [4, 4], CLASSES, ChampionLimits())) == 3


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="spread: expected a number of at least 0"):
        ChampionLimits(spread=-1)
