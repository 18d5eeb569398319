"""A rough estimate of how long a training will take, printed before it begins."""

import math
import statistics
import time
from typing import NamedTuple

import numpy as np

from seqclass.evaluation.contribution import LSTM
from seqclass.training.recipe import MAX_FROZEN, Recipe
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import HELD_ROWS
from tasks.compute.workers import at_once

REFERENCE_S = 0.025
"""Seconds that sorting takes on the reference machine, whose timings are below."""
AROUND_S = 13.0
"""Seconds beside all seeds: server, processes, evaluation, pages."""
CLOSED_S = (0.2, 4e-3, 6e-4, 3.5e-6)
"""Seconds of members in closed form: per seed; per step of the longest series, which decides the
number of convolutions; per row; and per value of a row."""
NETWORK_S = {"frozen-lstm": (1.0, 4e-4, 0.0), "conv-lstm": (1.5, 4e-4, 1.7e-6)}
"""Seconds to build a network; per row of an update; and per step of such a row."""


class Size(NamedTuple):
    """Number of training rows, of steps of the longest of them, and of channels."""

    rows: int
    steps: int
    channels: int


def expected_seconds(size: Size, spec: TrainingSpec) -> tuple[float, float]:
    """Return the least and the most seconds of a training with all its seeds, on the reference.

    The least is for data that the members in closed form solve, and that the LSTM learns in its
    fewest updates; the most is for networks that all train to the last update.
    """
    rows, fraction = size.rows, spec.validation_fraction
    a_seed, a_step, a_row, a_value = CLOSED_S
    least = a_seed + a_step * size.steps
    least += min(rows, MAX_FROZEN) * (a_row + a_value * size.steps * size.channels)
    shortest = spec.recipe.shortest if LSTM in spec.members else 0
    folds = min(round(1 / fraction), math.ceil(HELD_ROWS / (fraction * rows)))
    limit = spec.recipe.update_limit(rows)
    most = least + folds * sum(_network_s(name, size, spec.recipe, limit) for name in spec.members)
    least += _network_s(LSTM, size, spec.recipe, shortest)
    most = min(most, max(least, spec.budget_s or math.inf))
    turns = math.ceil(spec.seeds / at_once())
    return AROUND_S + turns * least, AROUND_S + turns * most


def _network_s(member: str, size: Size, recipe: Recipe, updates: int) -> float:
    if member not in NETWORK_S or not updates:
        return 0.0
    build, a_row, a_step = NETWORK_S[member]
    shown = updates * recipe.batch(size.rows)
    return build + shown * (a_row + a_step * size.steps)


def _slowness() -> float:
    """Return how many times slower than the reference this machine is at present."""
    x, seconds = np.random.default_rng(0).random(2**18), []
    for _ in range(9):
        began = time.perf_counter()
        np.sort(x, kind="stable")
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) / REFERENCE_S


def expectation(size: Size, spec: TrainingSpec) -> str:
    """Return the expected time on this machine in words: the usual time, then the longest."""
    slow = _slowness()
    usual, most = (_words(slow * seconds) for seconds in expected_seconds(size, spec))
    cure = "; --budget SECONDS lowers that" if spec.budget_s is None else ""
    bound = "" if usual == most else f" ({most} at most, where series are hard to tell{cure})"
    return f"expect about {usual}{bound}: seeds {spec.seeds}, {at_once()} at a time"


def _words(seconds: float) -> str:
    if seconds < 90:
        return f"{math.ceil(seconds / 10) * 10} s"
    return f"{math.ceil(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
