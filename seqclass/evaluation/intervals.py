"""Intervals of shares and means of rows, which may be parts of larger units."""

import math

import numpy as np
from scipy.stats import norm


def wilson(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share of ``n`` rows (Wilson 1927); ``n`` may be a fraction."""
    z = float(norm.ppf(0.5 + confidence / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + (z / (2 * n)) ** 2) ** 0.5
    return max(middle - half, 0.0), min(middle + half, 1.0)


def clustered_error(values: np.ndarray, owners: np.ndarray | None) -> tuple[float, int]:
    """Return the standard error of the mean of values ``(n,)``, and its degrees of freedom.

    owners: ``(n,)``, the thing that each value is part of; None if values are independent. The
    error is that of the ratio estimator of survey sampling (Cochran 1977, 6.4): owners with many
    rows count more.
    """
    off = values - values.mean()
    sums = off if owners is None else np.bincount(np.unique(owners, return_inverse=True)[1], off)
    n, freedom = len(sums), len(sums) - 1
    spread = float(np.square(sums).sum()) * n / freedom if freedom else 0.0
    return math.sqrt(spread) / len(values), freedom
