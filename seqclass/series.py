"""Lengths of padded series; checks of ranges and choices in specs."""

import math
from collections.abc import Collection, Sequence
from numbers import Real
from typing import Any

import numpy as np


def check_ranges(
    spec: Any, ranges: Sequence[tuple[str, float, float]], closed: bool = False
) -> None:
    """Raise ValueError if a named field is below the first number, or not below the second.

    closed: the second number is allowed, too.
    """
    for names, low, high in ranges:
        for name in names.split():
            value = getattr(spec, name)
            is_number = isinstance(value, Real)
            if not is_number or not (low <= value < high or (closed and value == high)):
                end = f" and below {high:g}" if high < math.inf else ""
                bounds = f"from {low:g} to {high:g}" if closed else f"of at least {low:g}{end}"
                raise ValueError(f"{name}: expected a number {bounds}, got {value!r}; correct it")


def check_choice(name: str, value: Any, choices: Collection[Any]) -> None:
    """Raise ValueError if a value is none of the choices."""
    if value not in choices:
        every = ", ".join(map(str, choices))
        raise ValueError(f"{name}: expected one of {every}, got {value!r}; choose one of them")


def series_lengths(observed: np.ndarray) -> np.ndarray:
    """Return the steps ``(n,)`` up to the last observed one of bool ``(n, steps)``, or 0."""
    return (observed * np.arange(1, observed.shape[1] + 1)).max(axis=1, initial=0)


def observed_lengths(x: np.ndarray) -> np.ndarray:
    """Return the steps ``(n,)`` of series ``(n, steps, channels)`` padded with NaN, at least 1."""
    return np.maximum(series_lengths(np.isfinite(x).any(axis=-1)), 1)
