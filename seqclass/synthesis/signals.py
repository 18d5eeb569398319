"""Synthetic signals of three families: common cause, change point and burst.

The families and the ``author`` preset follow the data generator of
aiexplorations/sequence_classification. All sizes but ``level`` and ``spread`` are in
sigmas of the series itself, so one spec serves any unit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from seqclass.synthesis.random_series import (
    Block,
    Distribution,
    Normal,
    Uniform,
    block_rows,
    block_stream,
    check_at_least,
    check_classes,
    check_noise,
    class_codes,
    draw_blocks,
)

COMMON_CAUSE, CHANGE_POINT, BURST = "common_cause", "change_point", "burst"
FAMILIES = (COMMON_CAUSE, CHANGE_POINT, BURST)


@dataclass(frozen=True)
class SignalSpec:
    """Settings of the signals.

    n_series: how many series, at least 1.
    n_steps: steps of each series, at least 2.
    seed: not negative.
    classes: a subset of ``FAMILIES``.
    weights: their shares, positive, in the same order (empty: equal shares).
    level, spread: mean and standard deviation of a series, in the signal's unit.
    change_position: where the change happens, as a fraction of the series in (0, 1).
    shift: change of level, in sigmas.
    spread_ratio: spread after the change over before.
    burst_steps: shortest and longest burst, both included.
    burst_height: height of each step of a burst, in sigmas.
    both_signs: whether shifts and bursts point down as often as up.
    noise: factor on the noise alone, so that shifts and bursts stand out less; positive.
    """

    n_series: int = 5000
    n_steps: int = 100
    seed: int = 0
    classes: tuple[str, ...] = FAMILIES
    weights: tuple[float, ...] = ()
    level: Distribution = field(default_factory=lambda: Uniform(10.0, 10.0))
    spread: Distribution = field(default_factory=lambda: Uniform(0.1, 0.1))
    change_position: Uniform = field(default_factory=lambda: Uniform(0.5, 0.5))
    shift: Distribution = field(default_factory=lambda: Normal(200.0, 0.1))
    spread_ratio: Distribution = field(default_factory=lambda: Normal(15.0, 0.1))
    burst_steps: tuple[int, int] = (10, 19)
    burst_height: Distribution = field(default_factory=lambda: Uniform(4900.0, 4900.0))
    both_signs: bool = False
    noise: float = 1.0

    def __post_init__(self) -> None:
        check_at_least("n_series", self.n_series, 1)
        check_at_least("n_steps", self.n_steps, 2)
        check_at_least("seed", self.seed, 0)
        check_classes(self.classes, self.weights, FAMILIES)
        check_noise(self.noise)
        if not 0 < self.change_position.low <= self.change_position.high < 1:
            raise ValueError(
                "change_position: expected a fraction between 0 and 1, "
                f"got {self.change_position.low}..{self.change_position.high}; narrow it"
            )
        low, high = self.burst_steps
        if BURST in self.classes and not 1 <= low <= high <= self.n_steps:
            raise ValueError(
                f"burst_steps: expected 1 <= shortest <= longest <= n_steps={self.n_steps}, "
                f"got {low}..{high}; raise n_steps, or leave out the class {BURST!r}"
            )


PRESETS: dict[str, Mapping[str, Any]] = {
    "author": {},
    "hard": {
        "level": Normal(0.0, 10.0),
        "spread": Uniform(0.5, 5.0),
        "change_position": Uniform(0.05, 0.95),
        "shift": Uniform(1.0, 3.0),
        "spread_ratio": Uniform(1.0, 1.0),
        "burst_steps": (1, 5),
        "burst_height": Uniform(3.0, 6.0),
        "both_signs": True,
    },
}
"""Named parameter sets: ``author`` is the author's generator; ``hard`` varies level and spread, so
that neither a maximum nor a mean reveals the class."""


def generate_signals(spec: SignalSpec, start: int = 0, stop: int | None = None) -> Iterator[Block]:
    """Yield the series ``start .. stop`` of a spec, a block at a time.

    A series depends only on the seed and its own index, wherever the range begins or ends: blocks
    are fixed by ``n_steps``, and each has its own random stream. An event is the change, which
    lasts to the end, or the burst.
    """
    rows = block_rows(spec.n_steps)
    return draw_blocks(partial(_draw_block, spec), rows, spec.n_series, start, stop)


def _draw_block(spec: SignalSpec, block: int) -> Block:
    rng = block_stream(spec.seed, block)
    rows = block_rows(spec.n_steps)
    first = block * rows
    codes = class_codes(spec.seed, spec.classes, spec.weights, np.arange(first, first + rows))
    family = np.array([FAMILIES.index(name) for name in spec.classes])[codes]
    level, spread = (d.draw(rng, (rows, 1)) for d in (spec.level, spec.spread))
    sign = np.where(rng.random((rows, 1)) < 0.5 * spec.both_signs, -1, 1).astype(np.float32)
    values = rng.standard_normal((rows, spec.n_steps), dtype=np.float32)
    values *= np.float32(spec.noise)
    events = np.full((rows, 2), -1, dtype=np.int32)
    _add_changes(spec, rng, values, sign, events, family == FAMILIES.index(CHANGE_POINT))
    _add_bursts(spec, rng, values, sign, events, family == FAMILIES.index(BURST))
    values *= np.abs(spread)
    values += level
    n_steps = np.full(rows, spec.n_steps, dtype=np.int32)
    return Block(first, values[..., None], n_steps, codes, events, events[:, :1] >= 0)


def _add_changes(
    spec: SignalSpec,
    rng: np.random.Generator,
    values: np.ndarray,
    sign: np.ndarray,
    events: np.ndarray,
    rows: np.ndarray,
) -> None:
    """Change ``values (n, steps)`` and ``events (n, 2)`` of the marked rows in place.

    sign: of the event, 1 or -1 ``(n, 1)``.
    """
    n, n_steps = values.shape
    position = spec.change_position.draw(rng, (n,)) * n_steps
    first = np.clip(position.astype(np.int32), 1, n_steps - 1)
    shift = spec.shift.draw(rng, (n, 1)) * sign
    ratio = spec.spread_ratio.draw(rng, (n, 1))
    after = np.arange(n_steps) >= first[rows, None]
    values[rows] = np.where(after, values[rows] * ratio[rows] + shift[rows], values[rows])
    events[rows] = np.stack([first[rows], np.full(rows.sum(), n_steps)], axis=1)


def _add_bursts(
    spec: SignalSpec,
    rng: np.random.Generator,
    values: np.ndarray,
    sign: np.ndarray,
    events: np.ndarray,
    rows: np.ndarray,
) -> None:
    n, n_steps = values.shape
    low, high = (min(steps, n_steps) for steps in spec.burst_steps)
    length = rng.integers(low, high + 1, n)
    first = (rng.random(n) * (n_steps - length + 1)).astype(np.int64)
    height = spec.burst_height.draw(rng, (n, high)) * sign
    offset = np.arange(high)
    inside = (offset < length[:, None]) & rows[:, None]
    row, column = np.nonzero(inside)
    values[row, first[row] + column] += height[row, column]
    events[rows] = np.stack([first, first + length], axis=1)[rows]
