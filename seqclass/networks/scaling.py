"""Location and spread of each channel over the training rows."""

from dataclasses import dataclass

import numpy as np

SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Scaling:
    """The ``center`` (median) and ``scale`` (positive) of each channel, in its own unit."""

    center: tuple[float, ...]
    scale: tuple[float, ...]


def fit_scaling(x: np.ndarray) -> Scaling:
    """Return median and interquartile range / 1.349 of each channel of ``(n, steps, channels)``.

    NaN is left out. If the range is 0, because at least half of the values are equal, the standard
    deviation replaces it; a channel without any spread has scale 1. A scale is at most ``2**126``,
    since TensorFlow takes the reciprocal of a larger one for 0.
    """
    flat = x.reshape(-1, x.shape[-1]).astype(np.float64)
    center, scale = [], []
    for channel in flat.T:
        seen = channel[np.isfinite(channel)]
        low, middle, high = np.percentile(seen, [25, 50, 75]) if len(seen) else (0.0, 0.0, 0.0)
        spread = (high - low) / 1.349 or (float(np.std(seen)) if len(seen) else 0.0)
        center.append(float(middle))
        scale.append(min(float(spread), 1 / SMALLEST) if spread > SMALLEST else 1.0)
    return Scaling(tuple(center), tuple(scale))


def inverse_spread(spread: np.ndarray) -> np.ndarray:
    """Return one over the spread of each column, and 0 for a column that does not vary."""
    return np.where(spread > 1e-6, 1 / np.maximum(spread, 1e-6), 0)
