"""Tools of all generators: distributions, random streams, shares of classes, blocks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

BLOCK_ROWS, BLOCK_VALUES = 1024, 2**22
"""Series per random stream, and most values of a block of long series."""

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
        """Draw float32 values of this shape."""
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
        """Draw float32 values of this shape."""
        return rng.normal(self.mean, self.sd, size).astype(np.float32)


Distribution = Uniform | Normal


@dataclass(frozen=True)
class Block:
    """Series ``start .. start + rows`` of a spec, with their true classes and events.

    values: ``(rows, longest, n_channels)`` float32, NaN from a series' end on; n_steps: ``(rows,)``
    steps of each series; codes: ``(rows,)`` index into ``spec.classes``; events: ``(rows, 2)``
    first step of the event and the step after its last, ``-1, -1`` without an event; affected:
    ``(rows, n_channels)`` bool, the channels of the event.
    """

    start: int
    values: np.ndarray
    n_steps: np.ndarray
    codes: np.ndarray
    events: np.ndarray
    affected: np.ndarray

    def cut(self, rows: slice) -> "Block":
        """Return a part of the series, by their place in the block."""
        return Block(
            self.start + rows.start,
            self.values[rows],
            self.n_steps[rows],
            self.codes[rows],
            self.events[rows],
            self.affected[rows],
        )


def draw_blocks(
    draw: Callable[[int], Block], rows: int, n_series: int, start: int, stop: int | None
) -> Iterator[Block]:
    """Yield the series ``start .. stop`` from whole blocks of ``rows`` series.

    A block is always drawn whole, so that a series depends only on the seed and its own index.
    """
    stop = n_series if stop is None else stop
    if not 0 <= start <= stop <= n_series:
        raise ValueError(
            f"range: expected 0 <= start <= stop <= n_series={n_series}, "
            f"got {start}..{stop}; correct the range"
        )
    for block in range(start // rows, -(-stop // rows)):
        first = block * rows
        yield draw(block).cut(slice(max(start - first, 0), min(stop - first, rows)))


def block_rows(n_values: int) -> int:
    """Return the series per block, for series of ``n_values`` (steps times channels)."""
    return min(BLOCK_ROWS, max(1, BLOCK_VALUES // n_values))


def block_stream(seed: int, block: int) -> np.random.Generator:
    """Return the random stream of a block."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(1, block))))


def class_codes(
    seed: int, classes: tuple[str, ...], weights: tuple[float, ...], index: np.ndarray
) -> np.ndarray:
    """Assign classes by a golden-ratio sequence, which meets the shares within a few series."""
    shares = np.array(weights or (1.0,) * len(classes), dtype=float)
    edges = np.cumsum(shares / shares.sum())[:-1]
    offset = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,))).random()
    return np.searchsorted(edges, (offset + index * _GOLDEN) % 1.0, side="right")


def check_at_least(name: str, value: int, low: int) -> None:
    """Raise ValueError, naming the field, if a value is no whole number or below ``low``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise ValueError(
            f"{name}: expected a whole number of at least {low}, got {value!r}; correct the value"
        )


def check_classes(
    classes: tuple[str, ...], weights: tuple[float, ...], families: tuple[str, ...]
) -> None:
    """Raise ValueError if classes are unknown, repeated, or not as many as weights."""
    unknown = [name for name in classes if name not in families]
    if unknown or not classes or len(set(classes)) != len(classes):
        raise ValueError(
            f"classes: expected distinct names out of {', '.join(families)}, "
            f"got {', '.join(classes) or 'none'}; correct the list"
        )
    if weights and (len(weights) != len(classes) or not all(0 < w < np.inf for w in weights)):
        raise ValueError(
            f"weights: expected {len(classes)} positive numbers, one a class, "
            f"got {list(weights)}; give one weight for each class"
        )


def check_noise(noise: float) -> None:
    """Raise ValueError if a factor on the noise is not positive and finite."""
    if not 0 < noise < np.inf:
        raise ValueError(f"noise: expected a positive factor, got {noise}; correct the value")
