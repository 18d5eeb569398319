"""Rough estimates of the time and the memory that a training will take, made before it begins."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from seqclass.auxiliary_rows import AuxiliaryRows
from seqclass.evaluation.contribution import LSTM
from seqclass.store.capacity import GIB
from seqclass.store.datasets import Dataset
from seqclass.store.split import Split
from seqclass.training.recipe import MAX_CLOSED, MAX_LANDMARKS, Recipe
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import HELD_ROWS
from seqclass.workers import at_once

REFERENCE_S, MEASURED_S = 0.025, 0.5
"""Seconds that sorting takes on the reference machine, whose timings are below, and seconds for
which this one sorts to be compared with it."""
MARGIN = 1.3
"""The announced bound by the expected longest time: other work may come while a training lasts."""
AFTER_S = (3.0, 1.5, 1.2e-5)
"""Seconds after the seeds: comparison, registration and pages; and for each turn of classifiers
that answer the test rows, with the seconds per step of such a row."""
CLOSED_S = (0.2, 4e-3, 6e-4, 3.5e-6)
"""Seconds of members in closed form: per seed; per step of the longest series, which decides the
number of convolutions; per row; and per value of a row."""
KERNELS_S = (0.3, 2e-3, 5e-4)
"""Seconds of the kernels on convolutions: per seed; per landmark; and per row."""
NETWORK_S = (1.5, 4e-4, 1.7e-6)
"""Seconds to build a network; per row of an update; and per step of such a row."""


PROCESS_BYTES, FROZEN_BYTES = 1.2e9, 24e3
"""Bytes of a training process without series, and of a row that frozen features are made of."""
COPIES = 7
"""Most copies of the series that are held at once, scratch arrays included."""


class Expectation(NamedTuple):
    """What is announced of a training's time, and the seconds it usually takes and at most."""

    words: str
    usual_s: float
    most_s: float


class Size(NamedTuple):
    """Number of training rows, of steps of the longest of them, of channels, and of test rows."""

    rows: int
    steps: int
    channels: int
    tested: int


def size_of(dataset: Dataset, split: Split, auxiliary: AuxiliaryRows | None) -> Size:
    """Return the size of a training with its auxiliary rows."""
    rows, steps = len(split.train), dataset.manifest["n_steps"][1]
    if auxiliary is not None:
        rows += len(auxiliary.rows)
        steps = max(steps, auxiliary.dataset.manifest["n_steps"][1])
    return Size(rows, steps, len(dataset.channels), len(split.test))


def expected_seconds(size: Size, spec: TrainingSpec) -> tuple[float, float]:
    """Return the least and the most seconds of a training with all its seeds, on the reference.

    The least is for data that the members in closed form solve, and that the LSTM learns in its
    fewest updates; the most is for networks that all train to their first limit, from which one may
    go on.
    """
    rows, fraction = size.rows, spec.validation_fraction
    a_seed, a_step, a_row, a_value = CLOSED_S
    least = a_seed + a_step * size.steps
    least += min(rows, MAX_CLOSED) * (a_row + a_value * size.steps * size.channels)
    folds = min(round(1 / fraction), math.ceil(HELD_ROWS / (fraction * rows)))
    limit = spec.recipe.update_limit(min(rows, spec.window or rows))
    most = least
    if "view-kernels" in spec.members:
        a_seed, a_landmark, a_row = KERNELS_S
        most += a_seed + a_landmark * min(rows, MAX_LANDMARKS) + a_row * min(rows, MAX_CLOSED)
    if LSTM in spec.members:
        most += folds * _network_s(size, spec.recipe, limit)
        least += _network_s(size, spec.recipe, spec.recipe.shortest)
    most = min(most, max(least, spec.budget_s or math.inf))
    turns = math.ceil(spec.seeds / at_once())
    once, a_turn, a_step = AFTER_S
    answering = math.ceil((spec.seeds + 2) / at_once())  # the registered one and baselines, too
    after = once + answering * (a_turn + a_step * size.steps * size.tested)
    return after + turns * least, after + turns * most


def _network_s(size: Size, recipe: Recipe, updates: int) -> float:
    build, a_row, a_step = NETWORK_S
    shown = updates * recipe.batch(size.rows)
    return build + shown * (a_row + a_step * size.steps)


def _slowness() -> float:
    """Return how many times slower than the reference this machine is at present.

    As many threads sort as seeds train at a time, beside whatever else runs.
    """
    n_threads = at_once()
    x = np.random.default_rng(0).random(2**18)

    def sort(_: int) -> float:
        began, sorts = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < MEASURED_S or not sorts:
            np.sort(x, kind="stable")
            sorts += 1
        return passed / sorts

    with ThreadPoolExecutor(n_threads) as pool:
        return max(pool.map(sort, range(n_threads))) / REFERENCE_S


def expectation(size: Size, spec: TrainingSpec) -> Expectation:
    """Return the time of a training whose seeds begin now."""
    slow = _slowness()
    least, longest = (slow * seconds for seconds in expected_seconds(size, spec))
    most_s = MARGIN * longest
    usual, most = in_words(least), in_words(most_s, up=True)
    cure = "; --budget SECONDS lowers that" if spec.budget_s is None else ""
    bound = "" if least == longest else f", where series are hard to tell{cure}"
    seeds = f"seeds {spec.seeds}, {at_once()} at a time"
    words = f"expect about {usual} ({most} at most{bound}): {seeds}"
    return Expectation(words, least, most_s)


def expected_bytes(size: Size, window: int | None) -> int:
    """Return the most bytes of memory of a process that trains a seed, as far as rows decide it."""
    frozen = FROZEN_BYTES * min(size.rows, MAX_CLOSED)
    return int(PROCESS_BYTES + frozen + _series_bytes(size, window))


def _series_bytes(size: Size, window: int | None) -> int:
    return COPIES * 4 * min(size.rows, window or size.rows) * size.steps * size.channels


def fit_window(size: Size, spec: TrainingSpec, free: int) -> TrainingSpec:
    """Return the spec with its window halved until all processes fit into the free memory.

    A window is large enough to be halved if its series take more than a process without any.
    """
    at_a_time, window = min(spec.seeds, at_once()), spec.window
    while window is not None and window // 2 >= spec.min_window:
        is_small = _series_bytes(size, window) < PROCESS_BYTES
        if is_small or at_a_time * expected_bytes(size, window) <= free:
            break
        window //= 2
    return replace(spec, window=window)


def memory_line(size: Size, spec: TrainingSpec, free: int) -> str:
    """Return in words the memory that a training takes, and whether it holds all rows."""
    each, at_a_time = expected_bytes(size, spec.window), min(spec.seeds, at_once())
    several = f"in each of {at_a_time} processes" if at_a_time > 1 else "in one process"
    line = f"memory: about {each / GIB:.1f} GiB {several}, {free / GIB:.1f} GiB are free"
    if spec.window is None or size.rows <= spec.window:
        return line
    return f"{line}; the LSTM reads {size.rows:,} rows in windows of {spec.window:,}"


def in_words(seconds: float, up: bool = False) -> str:
    """Return a time in words, rounded, at least 10 s; a bound is rounded up."""
    rounded = math.ceil if up else round
    if seconds < 90:
        return f"{max(10, 10 * rounded(seconds / 10))} s"
    if seconds < 5400:
        return f"{rounded(seconds / 60)} min"
    return f"{rounded(seconds / 360) / 10:.1f} h"
