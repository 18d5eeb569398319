"""Conversion of series to one padded array; their lengths; checks of ranges in specs."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np


def check_ranges(spec: Any, ranges: Sequence[tuple[str, float, float]]) -> None:
    """Raise ValueError if a named field is below the first number, or not below the second."""
    for names, low, high in ranges:
        for name in names.split():
            value = getattr(spec, name)
            if not low <= value < high:
                wanted = f"at least {low:g}" + (f" and below {high:g}" if high < math.inf else "")
                raise ValueError(f"{name}: expected a number of {wanted}, got {value}; correct it")


def series_lengths(observed: np.ndarray) -> np.ndarray:
    """Return the steps ``(n,)`` up to the last observed one of bool ``(n, steps)``, or 0."""
    return (observed * np.arange(1, observed.shape[1] + 1)).max(axis=1, initial=0)


def observed_lengths(x: np.ndarray) -> np.ndarray:
    """Return the steps ``(n,)`` of series ``(n, steps, channels)`` padded with NaN, at least 1."""
    return np.maximum(series_lengths(np.isfinite(x).any(axis=-1)), 1)


if TYPE_CHECKING:
    import pandas as pd

Series = Union[
    np.ndarray, "pd.DataFrame", Sequence[np.ndarray], Sequence["pd.DataFrame"],
    Sequence[Sequence[float]],
]  # fmt: skip
"""A 3-D array ``(n, steps, channels)``, a 2-D array ``(n, steps)`` of one channel, or a list of
series of any lengths, each ``(steps,)`` or ``(steps, channels)``; or DataFrames: a list with one
for each series, one in long form (``series_id``, ``step``, a column for each channel, a row for
each step), or one in wide form (a row for each series, whose columns are the steps of one channel
or hold the values of a channel each). NaN where a value is missing."""


def as_padded(x: Series, n_channels: int | None = None) -> np.ndarray:
    """Return ``(n, steps, channels)`` float32; series shorter than the longest end in NaN.

    n_channels: as many as a model takes. ValueError if ``x`` is empty, has another form or other
    channels, or holds an infinite number or one beyond float32.
    """
    series = _separate(x)
    if not series:
        raise ValueError("X: expected at least one series, got none; give one")
    channels = {one.shape[1] for one in series}
    wanted = n_channels or series[0].shape[1]
    if channels != {wanted}:
        raise ValueError(
            f"X: expected {wanted} channels in every series, got {sorted(channels)}; give each "
            "series as (steps, channels)"
        )
    padded = np.full((len(series), max(map(len, series)), wanted), np.nan, np.float32)
    for row, one in enumerate(series):
        padded[row, : len(one)] = one
    if np.isinf(padded).any():
        row = int(np.isinf(padded).any(axis=(1, 2)).argmax())
        raise ValueError(
            f"X: expected finite numbers, or NaN where one is missing, got an infinite one or one "
            f"beyond float32 in series {row}; correct it"
        )
    return padded


def _separate(x: Series) -> list[np.ndarray]:
    found = []
    for row, one in enumerate(_whole(x)):
        values = _numbers(one, row)
        if values.ndim not in (1, 2) or not values.size:
            raise ValueError(
                f"X: expected (steps,) or (steps, channels) with at least one step, got shape "
                f"{values.shape} in series {row}; correct it"
            )
        found.append(values[:, None] if values.ndim == 1 else values)
    return found


def _whole(x: Series) -> Series:
    """Return the series as they are, or as an array if they have one."""
    if hasattr(x, "toarray"):
        raise TypeError("X: expected dense series, got a sparse matrix; write X.toarray()")
    whole = x if isinstance(x, list | tuple) or not hasattr(x, "__array__") else np.asarray(x)
    if isinstance(whole, str | bytes | Mapping) or not isinstance(whole, Iterable):
        got = " ".join(repr(whole).split())[:80]
        raise TypeError(
            f"X: expected an array, a list of series or a DataFrame, got {got}; give one"
        )
    if not isinstance(whole, np.ndarray):
        return whole
    if whole.ndim not in (2, 3) and (whole.dtype != object or whole.ndim == 0):
        raise ValueError(
            f"X: expected (n, steps, channels), (n, steps) or a list of series, got an array of "
            f"shape {whole.shape}; Reshape your data: X[None] for one series"
        )
    if whole.ndim > 1 and len(whole) and not whole.size:
        raise ValueError(
            f"X: expected a step and a channel, got 0 feature(s) (shape={whole.shape}) while a "
            "minimum of 1 is required.; give series with values"
        )
    return whole


def _numbers(one: object, row: int) -> np.ndarray:
    try:
        values = np.asarray(one)
        if np.iscomplexobj(values):
            raise ValueError("complex ones: Complex data not supported")
        with np.errstate(over="ignore"):
            return values.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"X: expected numbers, got {str(error)[:100]} in series {row}; correct it"
        ) from error
