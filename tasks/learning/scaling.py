"""Location and spread of each channel over the training rows, overall and step by step."""

import warnings
from dataclasses import dataclass

import numpy as np

SMALLEST = float(np.finfo(np.float32).tiny)
FEWEST = 10
"""Rows that must be observed at a step, for it to have a scale of its own."""
NARROWEST = 0.01
"""Spread at a step, as a share of the channel's, below which it is held to be no smaller."""


@dataclass(frozen=True)
class Scaling:
    """Per channel: ``center`` (median) and ``scale`` (positive), in the channel's own unit."""

    center: tuple[float, ...]
    scale: tuple[float, ...]


def fit_scaling(x: np.ndarray) -> Scaling:
    """Median and interquartile range / 1.349 of each channel of ``(n, steps, channels)``.

    NaN is left out. Where more than half of the values are equal, the standard deviation
    stands in for the range; a channel without any spread has scale 1.
    """
    flat = x.reshape(-1, x.shape[-1]).astype(np.float64)
    center, scale = [], []
    for channel in flat.T:
        seen = channel[np.isfinite(channel)]
        low, middle, high = np.percentile(seen, [25, 50, 75]) if len(seen) else (0.0, 0.0, 0.0)
        spread = (high - low) / 1.349 or (float(np.std(seen)) if len(seen) else 0.0)
        center.append(float(middle))
        scale.append(float(spread) if spread > SMALLEST else 1.0)
    return Scaling(tuple(center), tuple(scale))


@dataclass(frozen=True)
class Profile:
    """Per step and channel: ``center`` (mean) and ``scale`` (positive), in the channel's unit."""

    center: tuple[tuple[float, ...], ...]
    scale: tuple[tuple[float, ...], ...]


def fit_profile(x: np.ndarray, n_steps: int, scaling: Scaling) -> Profile:
    """Mean and standard deviation of ``(n, steps, channels)`` over rows, for the first steps.

    NaN is left out. Where fewer than ``FEWEST`` rows are observed, the channel's own scaling stands
    in; no spread is below ``NARROWEST`` of the channel's.
    """
    first = x[:, :n_steps].astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # steps that no row has
        center, spread = np.nanmean(first, axis=0), np.nanstd(first, axis=0)
    seen = np.isfinite(first).sum(axis=0) >= FEWEST
    usual = np.array(scaling.scale)
    center = np.where(seen, center, scaling.center)
    spread = np.where(seen, np.maximum(spread, np.maximum(NARROWEST * usual, SMALLEST)), usual)
    return Profile(tuple(map(tuple, center.tolist())), tuple(map(tuple, spread.tolist())))


def explained(x: np.ndarray, profile: Profile) -> np.ndarray:
    """Share of each channel's variance, in [0, 1], that a profile's mean at each step accounts for.

    x: ``(n, steps, channels)`` with NaN, the rows that the profile was fitted to.
    """
    first = x[:, : len(profile.center)].astype(np.float64)
    whole, rest = np.nanvar(first, axis=(0, 1)), np.nanvar(first - profile.center, axis=(0, 1))
    return np.where(whole > 0, 1 - rest / np.where(whole > 0, whole, 1), 0).clip(0, 1)
