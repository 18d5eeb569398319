"""Sensor series of twelve classes, on one channel or several, with the place of every event.

The first six classes are those of UCI's "Synthetic Control Chart Time Series" (Alcock, 1999); stuck
values, calibration drift, spikes and noise are among the faults of Ni et al., "Sensor network data
fault types", ACM TOSN 2009. Sizes are in sigmas of a channel's own noise, so that one spec works
for any unit.

With the defaults, neighbouring classes differ in their shape, not in a mean or a maximum: a trend
fills the series, a shift is sudden and stays, drift rises slowly and jumps back when the sensor is
calibrated again, a burst is too short for a shift, interference is faster than a cycle, and a
changed variance is a larger one, since a small one is nearly that of a stuck sensor. A drift that
stayed would be a line with a bend, which coloured noise hides: 4 sigmas over the last three
quarters of 100 steps lie 1.4 standard errors from the nearest trend at an autocorrelation of 0.6.
With the jump, even the faintest of the six shapes that are added to the noise keeps more than 4.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from seqclass.synthesis.random_series import (
    Block,
    Uniform,
    block_rows,
    block_stream,
    check_at_least,
    check_classes,
    check_noise,
    class_codes,
    draw_blocks,
)

NORMAL, CYCLIC = "normal", "cyclic"
UPWARD_TREND, DOWNWARD_TREND = "upward_trend", "downward_trend"
UPWARD_SHIFT, DOWNWARD_SHIFT = "upward_shift", "downward_shift"
VARIANCE_CHANGE, DRIFT, BURST = "variance_change", "drift", "burst"
STUCK, DROPOUT, INTERFERENCE = "stuck", "dropout", "interference"
FAMILIES = (
    NORMAL, CYCLIC, UPWARD_TREND, DOWNWARD_TREND, UPWARD_SHIFT, DOWNWARD_SHIFT,
    VARIANCE_CHANGE, DRIFT, STUCK, DROPOUT, BURST, INTERFERENCE,
)  # fmt: skip
WHOLE = (CYCLIC, UPWARD_TREND, DOWNWARD_TREND)
"""Classes that fill a series. Those in ``LASTING`` begin and stay; all others but normal end."""
LASTING = (UPWARD_SHIFT, DOWNWARD_SHIFT, VARIANCE_CHANGE)
_DIRECTION = {UPWARD_TREND: 1, UPWARD_SHIFT: 1, DOWNWARD_TREND: -1, DOWNWARD_SHIFT: -1}
MIN_STEPS = 24
"""Shortest series in which a passing event leaves room for normal steps before and after it."""


class Sensor(NamedTuple):
    """A channel: its name with the unit, and how level and spread vary between series."""

    name: str
    level: Uniform
    spread: Uniform


SENSORS = (
    Sensor("temperature_c", Uniform(10.0, 30.0), Uniform(0.5, 1.5)),
    Sensor("pressure_kpa", Uniform(80.0, 120.0), Uniform(1.0, 3.0)),
    Sensor("vibration_mm_s", Uniform(4.0, 12.0), Uniform(0.2, 0.6)),
    Sensor("current_a", Uniform(5.0, 15.0), Uniform(0.2, 0.6)),
    Sensor("flow_l_min", Uniform(20.0, 60.0), Uniform(1.0, 3.0)),
    Sensor("humidity_percent", Uniform(30.0, 70.0), Uniform(1.0, 3.0)),
)
"""Sensors, whose levels vary several times as much between series as within one, so that a value
alone does not give the class."""


@dataclass(frozen=True)
class IotSpec:
    """Settings of the sensor series; every ``Uniform`` is drawn anew for each series.

    n_series: how many series, at least 1.
    n_steps: steps of the shortest and of the longest series, both included, at least ``MIN_STEPS``.
    n_channels: at least 1, ``SENSORS`` in order.
    seed: not negative.
    classes: a subset of ``FAMILIES``.
    weights: their shares, positive, in the same order (empty: equal shares).
    noise: factor on the noise alone, positive.
    autocorrelation: of the noise from step to step, in [0, 1).
    correlation: of the noise between two channels, in [0, 1).
    affected: fewest and most channels that an event acts on, as far as there are that many.
    position: where a shift or a change of variance begins, as a fraction of the series in [0, 1).
    duration: of drift, stuck, dropout and interference, as a fraction of the series in [0, 1).
    cycles: of a cyclic series, from its first to its last step, at least 1.
    cycle_height: amplitude, in sigmas.
    trend: change over the whole series, in sigmas.
    shift: change of level, in sigmas.
    spread_ratio: spread after the change over before, at least 1.
    drift: where it ends, in sigmas, upward as often as downward.
    burst_steps: shortest and longest burst, both included.
    burst_height: of each of its steps, in sigmas, upward as often as downward.
    interference_period: in steps, at least 2.
    interference_height: amplitude, in sigmas.
    """

    n_series: int = 5000
    n_steps: tuple[int, int] = (100, 100)
    n_channels: int = 3
    seed: int = 0
    classes: tuple[str, ...] = FAMILIES
    weights: tuple[float, ...] = ()
    noise: float = 1.0
    autocorrelation: Uniform = field(default_factory=lambda: Uniform(0.2, 0.6))
    correlation: Uniform = field(default_factory=lambda: Uniform(0.2, 0.6))
    affected: tuple[int, int] = (1, 2)
    position: Uniform = field(default_factory=lambda: Uniform(0.25, 0.75))
    duration: Uniform = field(default_factory=lambda: Uniform(0.2, 0.4))
    cycles: Uniform = field(default_factory=lambda: Uniform(3.0, 6.0))
    cycle_height: Uniform = field(default_factory=lambda: Uniform(1.5, 2.5))
    trend: Uniform = field(default_factory=lambda: Uniform(6.0, 9.0))
    shift: Uniform = field(default_factory=lambda: Uniform(3.0, 5.0))
    spread_ratio: Uniform = field(default_factory=lambda: Uniform(2.5, 4.0))
    drift: Uniform = field(default_factory=lambda: Uniform(4.0, 7.0))
    burst_steps: tuple[int, int] = (3, 6)
    burst_height: Uniform = field(default_factory=lambda: Uniform(3.0, 6.0))
    interference_period: Uniform = field(default_factory=lambda: Uniform(2.5, 4.0))
    interference_height: Uniform = field(default_factory=lambda: Uniform(1.5, 2.5))

    def __post_init__(self) -> None:
        check_at_least("n_series", self.n_series, 1)
        check_at_least("n_channels", self.n_channels, 1)
        check_at_least("seed", self.seed, 0)
        check_classes(self.classes, self.weights, FAMILIES)
        check_noise(self.noise)
        _check_span("n_steps", self.n_steps, MIN_STEPS)
        _check_span("affected", self.affected, 1)
        _check_span("burst_steps", self.burst_steps, 1, self.n_steps[0] - 2)
        for name in ("autocorrelation", "correlation", "position", "duration"):
            _check_range(name, getattr(self, name), 0, 1)
        for name in ("trend", "shift", "drift", "cycle_height", "burst_height"):
            _check_range(name, getattr(self, name), 0)
        for name, low in (("cycles", 1), ("spread_ratio", 1), ("interference_period", 2)):
            _check_range(name, getattr(self, name), low)
        _check_range("interference_height", self.interference_height, 0)


def _check_span(name: str, span: tuple[int, int], least: int, most: float = np.inf) -> None:
    for end in span:
        check_at_least(name, end, least)
    low, high = span
    if not low <= high <= most:
        raise ValueError(
            f"{name}: expected shortest <= longest{'' if most == np.inf else f' <= {most}'}, "
            f"got {low}..{high}; correct the range"
        )


def _check_range(name: str, drawn: Uniform, low: float, high: float = np.inf) -> None:
    if not low <= drawn.low <= drawn.high < high:
        raise ValueError(
            f"{name}: expected values from {low} on{'' if high == np.inf else f', below {high}'}, "
            f"got {drawn.low}..{drawn.high}; correct the limits"
        )


def sensor_names(n_channels: int) -> list[str]:
    """Return the channels' names; from the seventh on sensors repeat, with numbers."""
    rounds = (divmod(k, len(SENSORS)) for k in range(n_channels))
    return [SENSORS[k].name + (f"_{again + 1}" if again else "") for again, k in rounds]


def generate_iot(spec: IotSpec, start: int = 0, stop: int | None = None) -> Iterator[Block]:
    """Yield the series ``start .. stop`` of a spec, a block at a time.

    A series depends only on the seed and its own index, wherever the range begins or ends. The
    event of a class in ``WHOLE`` is the whole series, ``0 .. n_steps``.
    """
    return draw_blocks(partial(_draw_block, spec), _rows(spec), spec.n_series, start, stop)


def _rows(spec: IotSpec) -> int:
    return block_rows(spec.n_steps[1] * spec.n_channels)


def _draw_block(spec: IotSpec, block: int) -> Block:
    rng, rows = block_stream(spec.seed, block), _rows(spec)
    index = np.arange(block * rows, block * rows + rows)
    codes = class_codes(spec.seed, spec.classes, spec.weights, index)
    family = np.array(spec.classes)[codes]
    n_steps = rng.integers(spec.n_steps[0], spec.n_steps[1] + 1, rows).astype(np.int32)
    sensors = [SENSORS[k % len(SENSORS)] for k in range(spec.n_channels)]
    level = np.stack([sensor.level.draw(rng, (rows,)) for sensor in sensors], axis=1)
    spread = np.stack([sensor.spread.draw(rng, (rows,)) for sensor in sensors], axis=1)
    values = _noise(spec, rng, rows)
    events = _events(spec, rng, family, n_steps)
    affected = _affected(spec, rng, rows) & (events[:, :1] >= 0)
    for name, effect in _EFFECTS.items():
        of_family = np.flatnonzero(family == name)
        part = _part(rng, name, values[of_family], n_steps[of_family], events[of_family])
        changed = effect(spec, rng, part)
        values[of_family] = np.where(affected[of_family, None], changed, part.values)
    values = values * spread[:, None] + level[:, None]
    values[np.arange(spec.n_steps[1]) >= n_steps[:, None]] = np.nan
    return Block(block * rows, values, n_steps, codes, events, affected)


def _noise(spec: IotSpec, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Return stationary noise ``(rows, longest, n_channels)``, correlated in time and channels."""
    shape = (rows, spec.n_steps[1])
    shared = spec.correlation.draw(rng, (rows, 1, 1))
    by_channel = rng.standard_normal((*shape, spec.n_channels), dtype=np.float32)
    common = rng.standard_normal((*shape, 1), dtype=np.float32)
    noise = np.sqrt(1 - shared) * by_channel + np.sqrt(shared) * common
    return _autoregressive(noise, spec.autocorrelation.draw(rng, (rows, 1, 1))) * np.float32(
        spec.noise
    )


def _autoregressive(white: np.ndarray, coefficient: np.ndarray) -> np.ndarray:
    """Turn white noise ``(rows, steps, channels)`` into a first-order process of unit variance.

    The filter 1 / (1 - cB) is the product of (1 + cB), (1 + c^2 B^2), (1 + c^4 B^4) and so on:
    as many passes over the array as the number of steps has binary digits.
    """
    x = white.copy()
    x[:, 1:] *= np.sqrt(1 - coefficient**2)
    lag = 1
    while lag < x.shape[1]:
        x[:, lag:] += coefficient**lag * x[:, :-lag]
        lag *= 2
    return x


def _events(
    spec: IotSpec, rng: np.random.Generator, family: np.ndarray, n_steps: np.ndarray
) -> np.ndarray:
    """Draw first step and end ``(rows, 2)``; normal steps surround a passing event."""
    rows = len(family)
    position = (spec.position.draw(rng, (rows,)) * n_steps).astype(np.int32)
    length = np.rint(spec.duration.draw(rng, (rows,)) * n_steps).astype(np.int32)
    length = np.clip(length, 3, n_steps - 2)
    low, high = spec.burst_steps
    length = np.where(family == BURST, rng.integers(low, high + 1, rows), length)
    first = 1 + (rng.random(rows) * (n_steps - 1 - length)).astype(np.int32)
    lasting, whole = np.isin(family, LASTING), np.isin(family, WHOLE)
    first = np.where(lasting, np.clip(position, 1, n_steps - 1), np.where(whole, 0, first))
    stop = np.where(lasting | whole, n_steps, first + length)
    events = np.stack([first, stop], axis=1).astype(np.int32)
    events[family == NORMAL] = -1
    return events


def _affected(spec: IotSpec, rng: np.random.Generator, rows: int) -> np.ndarray:
    """Draw the channels ``(rows, n_channels)`` that an event acts on."""
    low, high = (min(count, spec.n_channels) for count in spec.affected)
    count = rng.integers(low, high + 1, (rows, 1))
    return rng.random((rows, spec.n_channels)).argsort(axis=1) < count


class _Part(NamedTuple):
    """The series of one class in a block.

    values: ``(rows, longest, n_channels)`` noise in sigmas; step: ``(longest,)``; ``n_steps``,
    ``first``, ``stop`` and ``sign`` (1 or -1): ``(rows, 1)``; inside: ``(rows, longest)`` bool.
    """

    values: np.ndarray
    step: np.ndarray
    n_steps: np.ndarray
    first: np.ndarray
    stop: np.ndarray
    sign: np.ndarray
    inside: np.ndarray


def _part(
    rng: np.random.Generator,
    name: str,
    values: np.ndarray,
    n_steps: np.ndarray,
    events: np.ndarray,
) -> _Part:
    step = np.arange(values.shape[1])
    first, stop = events[:, :1], events[:, 1:]
    random_sign = np.where(rng.random((len(values), 1)) < 0.5, -1, 1)
    sign = np.full_like(random_sign, _DIRECTION[name]) if name in _DIRECTION else random_sign
    inside = (step >= first) & (step < stop)
    return _Part(values, step, n_steps[:, None], first, stop, sign.astype(np.float32), inside)


def _add(part: _Part, shape: np.ndarray) -> np.ndarray:
    """Add one shape ``(rows, longest)`` to every channel, inside the event."""
    return part.values + np.where(part.inside, shape, 0).astype(np.float32)[..., None]


def _cycle(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    size = part.first.shape
    turns = spec.cycles.draw(rng, size) * part.step / part.n_steps + rng.random(size)
    return _add(part, spec.cycle_height.draw(rng, size) * np.sin(2 * np.pi * turns))


def _trend(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    size = part.sign * spec.trend.draw(rng, part.sign.shape)
    return _add(part, size * part.step / (part.n_steps - 1))


def _shift(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    return _add(part, part.sign * spec.shift.draw(rng, part.sign.shape))


def _variance_change(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    ratio = spec.spread_ratio.draw(rng, part.sign.shape)
    return part.values * np.where(part.inside, ratio, 1)[..., None]


def _drift(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    size = part.sign * spec.drift.draw(rng, part.sign.shape)
    return _add(part, size * (part.step - part.first + 1) / (part.stop - part.first))


def _stuck(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    held = np.take_along_axis(part.values, part.first[..., None], axis=1)
    return np.where(part.inside[..., None], held, part.values)


def _dropout(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    return np.where(part.inside[..., None], np.float32(np.nan), part.values)


def _burst(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    return _add(part, part.sign * spec.burst_height.draw(rng, part.inside.shape))


def _interference(spec: IotSpec, rng: np.random.Generator, part: _Part) -> np.ndarray:
    size = part.first.shape
    turns = part.step / spec.interference_period.draw(rng, size) + rng.random(size)
    return _add(part, spec.interference_height.draw(rng, size) * np.sin(2 * np.pi * turns))


_EFFECTS: dict[str, Callable[[IotSpec, np.random.Generator, _Part], np.ndarray]] = {
    CYCLIC: _cycle,
    UPWARD_TREND: _trend,
    DOWNWARD_TREND: _trend,
    UPWARD_SHIFT: _shift,
    DOWNWARD_SHIFT: _shift,
    VARIANCE_CHANGE: _variance_change,
    DRIFT: _drift,
    STUCK: _stuck,
    DROPOUT: _dropout,
    BURST: _burst,
    INTERFERENCE: _interference,
}
