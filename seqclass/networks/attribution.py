"""Evidence of each step of a series for the answer that a classifier gave.

Evidence is an integrated gradient (Sundararajan, Taly and Yan, "Axiomatic Attribution for Deep
Networks", ICML 2017, equation 1): the amount that each step adds to the score of a class along the
straight line from a baseline to the series. The baseline is a series that stays at its opening
level, so that a change of level counts from the step where it happens. With the mean of the whole
series as baseline, the steps before the change would count as well.

Three other ways were tried on training rows: hiding windows of steps from the classifier (Zeiler
and Fergus 2014), reading the series step by step, and the series' median as baseline. Each finds
some events, but none finds both bursts and changes. A missing value has no gradient, and a constant
value has little, so stuck sensors and dropouts are found no better than by chance, or worse.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from seqclass.series import series_lengths

Gradient = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Function from series ``(n, steps, channels)``, NaN where missing, and class codes ``(n,)`` to the
gradient of each class's score with respect to its series, of the same shape as the series."""

NODES = 8
"""Gradients per series: points of a Gauss-Legendre quadrature from the baseline to the series."""
OPENING = 0.1
"""Share of a channel's values, from the first on, whose median is the opening level."""
BLUR = 0.05
"""Half-width of the triangular window that smooths the evidence, as a share of the series."""
BATCH_STEPS = 2**13
"""Steps of all series in a batch; intermediate results of so many fit the processor's cache."""


def find_attributions(gradient: Gradient, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return the evidence ``(n, steps)`` float32 of each step for the class of its series.

    x: series ``(n, steps, channels)``, NaN where missing; codes: class codes ``(n,)``. Evidence is
    in units of the score: above 0 for the class, below 0 against it, and exactly 0 at steps where
    nothing is observed. Before it is smoothed, the evidence of a series adds up to its score minus
    the score of its baseline. Padding changes it by rounding errors only.
    """
    evidence = np.zeros(x.shape[:2], dtype=np.float32)
    for rows in _batches(*x.shape[:2]):
        observed = np.isfinite(x[rows]).any(axis=-1)
        added = _integrated_gradient(gradient, x[rows], codes[rows]).sum(axis=-1)
        evidence[rows] = np.where(observed, _evened_out(added, series_lengths(observed)), 0)
    return evidence


def n_batches(n: int, n_steps: int) -> int:
    """Return how often ``find_attributions`` asks for gradients of a batch, for ``n`` series."""
    full, rest = divmod(n, _batch_rows(n_steps))
    return NODES * full + math.ceil(NODES * rest / _batch_rows(n_steps))


def _batch_rows(n_steps: int) -> int:
    return max(1, BATCH_STEPS // n_steps)


def _batches(n: int, n_steps: int) -> Iterator[slice]:
    size = _batch_rows(n_steps)
    for start in range(0, n, size):
        yield slice(start, start + size)


def _integrated_gradient(gradient: Gradient, x: np.ndarray, codes: np.ndarray) -> np.ndarray:
    opening = opening_level(x)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    ways = [opening + np.float32(node) * (x - opening) for node in (nodes + 1) / 2]
    on_the_way, asked = np.concatenate(ways), np.tile(codes, NODES)
    slopes = [gradient(on_the_way[rows], asked[rows]) for rows in _batches(*on_the_way.shape[:2])]
    slope = np.zeros_like(x)
    for weight, part in zip(weights / 2, np.split(np.concatenate(slopes), NODES), strict=True):
        slope += np.float32(weight) * part
    return np.where(np.isfinite(x), (x - opening) * slope, 0)


def opening_level(x: np.ndarray) -> np.ndarray:
    """Return the median ``(n, 1, channels)`` of each channel's opening; 0 if it has no value."""
    observed = np.isfinite(x)
    order = observed.cumsum(axis=1)
    opening = observed & (order <= np.ceil(OPENING * order[:, -1:]))
    values = np.where(opening, x, np.float32(np.nan))
    values[:, 0] = np.where(observed.any(axis=1), values[:, 0], 0)
    return np.nanmedian(values, axis=1, keepdims=True)


def _evened_out(added: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    half_widths = np.maximum(1, np.rint(BLUR * lengths)).astype(int)
    return np.stack(
        [
            np.convolve(row, np.bartlett(2 * half + 1)[1:-1] / half, mode="same")
            for row, half in zip(added, half_widths, strict=True)
        ]
    )


def strongest_steps(evidence: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the observed step ``(n,)`` of highest evidence; -1 if nothing is observed."""
    observed = np.isfinite(x).any(axis=-1)
    strongest = np.where(observed, evidence, -np.inf).argmax(axis=1)
    return np.where(observed.any(axis=1), strongest, -1)


def hit_rates(
    steps: np.ndarray, events: np.ndarray, lengths: np.ndarray, labels: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return, by sorted label, the share of rows whose step lies within the event of its series.

    steps, lengths, labels: ``(n,)``; events: first step and end ``(n, 2)``. ``rows``: number of
    rows; ``hits``: the share; ``chance``: the share that random steps would reach, which is the
    mean share of a series that its event fills.
    """
    start, stop = events.T
    hits = (start <= steps) & (steps < stop)
    shares = (stop - start) / lengths
    return {
        str(label): {
            "rows": int((labels == label).sum()),
            "hits": float(hits[labels == label].mean()),
            "chance": float(shares[labels == label].mean()),
        }
        for label in np.unique(labels)
    }
