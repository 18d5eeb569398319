"""Synthetic signals of three families: common cause, change point and burst.

The families and the ``author`` preset follow the data generator of
aiexplorations/sequence_classification. All sizes but ``level`` and ``spread`` are in
sigmas of the series itself, so one spec serves any unit.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

COMMON_CAUSE, CHANGE_POINT, BURST = "common_cause", "change_point", "burst"
FAMILIES = (COMMON_CAUSE, CHANGE_POINT, BURST)
BLOCK_ROWS, BLOCK_VALUES = 1024, 2**22
"""Series per random stream, and values where series are long."""

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Uniform:
    """A uniform distribution on ``[low, high]``; ``low == high`` is a constant."""

    low: float
    high: float
    kind: Literal["uniform"] = "uniform"

    def __post_init__(self) -> None:
        if not (np.isfinite([self.low, self.high]).all() and self.low <= self.high):
            raise ValueError(
                f"uniform: expected finite low <= high, got low={self.low}, high={self.high}; "
                "swap or correct the limits"
            )

    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        return rng.uniform(self.low, self.high, size).astype(np.float32)


@dataclass(frozen=True)
class Normal:
    """A normal distribution; ``sd`` is not negative."""

    mean: float
    sd: float
    kind: Literal["normal"] = "normal"

    def __post_init__(self) -> None:
        if not (np.isfinite([self.mean, self.sd]).all() and self.sd >= 0):
            raise ValueError(
                f"normal: expected a finite mean and sd >= 0, got mean={self.mean}, sd={self.sd}; "
                "correct the spec"
            )

    def draw(self, rng: np.random.Generator, size: tuple[int, ...]) -> np.ndarray:
        return rng.normal(self.mean, self.sd, size).astype(np.float32)


Distribution = Uniform | Normal


@dataclass(frozen=True)
class SignalSpec:
    """What to draw.

    n_series: how many series, at least 1. n_steps: steps of each series, at least 2.
    seed: not negative. classes: a subset of ``FAMILIES``; weights: their shares, positive,
    in the same order (empty: equal shares).
    level, spread: mean and standard deviation of a series, in the signal's unit.
    change_position: where the change happens, as a fraction of the series in (0, 1).
    shift: change of level, in sigmas; spread_ratio: spread after the change over before.
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
        _at_least("n_series", self.n_series, 1)
        _at_least("n_steps", self.n_steps, 2)
        _at_least("seed", self.seed, 0)
        self._check_classes()
        if not 0 < self.noise < np.inf:
            raise ValueError(
                f"noise: expected a positive factor, got {self.noise}; correct the value"
            )
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

    def _check_classes(self) -> None:
        unknown = [name for name in self.classes if name not in FAMILIES]
        if unknown or not self.classes or len(set(self.classes)) != len(self.classes):
            raise ValueError(
                f"classes: expected distinct names out of {', '.join(FAMILIES)}, "
                f"got {', '.join(self.classes) or 'none'}; correct the list"
            )
        if self.weights and (
            len(self.weights) != len(self.classes) or not all(0 < w < np.inf for w in self.weights)
        ):
            raise ValueError(
                f"weights: expected {len(self.classes)} positive numbers, one a class, "
                f"got {list(self.weights)}; give one weight for each class"
            )


PRESETS: dict[str, dict] = {
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
"""Named parameter sets: ``author`` is his generator; in ``hard`` neither a maximum nor a
mean gives the answer away."""


@dataclass(frozen=True)
class SignalBlock:
    """Series ``start .. start + len`` of a spec.

    values: ``(rows, n_steps)`` float32; codes: ``(rows,)`` index into ``spec.classes``;
    events: ``(rows, 2)`` first step and end of the change or burst, ``-1, -1`` where none.
    """

    start: int
    values: np.ndarray
    codes: np.ndarray
    events: np.ndarray


def generate_signals(
    spec: SignalSpec, start: int = 0, stop: int | None = None
) -> Iterator[SignalBlock]:
    """Yield the series ``start .. stop`` of a spec, a block at a time.

    A series' numbers depend on the seed and its own index alone, wherever the range begins or
    ends: blocks are fixed by ``n_steps``, and each has a random stream of its own.
    """
    stop = spec.n_series if stop is None else stop
    if not 0 <= start <= stop <= spec.n_series:
        raise ValueError(
            f"range: expected 0 <= start <= stop <= n_series={spec.n_series}, "
            f"got {start}..{stop}; correct the range"
        )
    rows = block_rows(spec.n_steps)
    for block in range(start // rows, -(-stop // rows)):
        first = block * rows
        cut = slice(max(start - first, 0), min(stop - first, rows))
        whole = _draw_block(spec, block)
        yield SignalBlock(first + cut.start, whole.values[cut], whole.codes[cut], whole.events[cut])


def block_rows(n_steps: int) -> int:
    """Series in a block of series of ``n_steps``."""
    return min(BLOCK_ROWS, max(1, BLOCK_VALUES // n_steps))


def _draw_block(spec: SignalSpec, block: int) -> SignalBlock:
    rng = np.random.Generator(
        np.random.SFC64(np.random.SeedSequence(spec.seed, spawn_key=(1, block)))
    )
    rows = block_rows(spec.n_steps)
    first = block * rows
    codes = _class_codes(spec, np.arange(first, first + rows))
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
    return SignalBlock(first, values, codes, events)


def _class_codes(spec: SignalSpec, index: np.ndarray) -> np.ndarray:
    """Classes by a golden-ratio sequence: shares are met within a few series at any count."""
    shares = np.array(spec.weights or (1.0,) * len(spec.classes), dtype=float)
    edges = np.cumsum(shares / shares.sum())[:-1]
    offset = np.random.default_rng(np.random.SeedSequence(spec.seed, spawn_key=(0,))).random()
    return np.searchsorted(edges, (offset + index * _GOLDEN) % 1.0, side="right")


def _add_changes(
    spec: SignalSpec,
    rng: np.random.Generator,
    values: np.ndarray,
    sign: np.ndarray,
    events: np.ndarray,
    rows: np.ndarray,
) -> None:
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


def _at_least(name: str, value: int, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise ValueError(
            f"{name}: expected a whole number of at least {low}, got {value!r}; correct the value"
        )
