"""Intervals of shares, means and scores of rows, which may be parts of larger units."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from typing_extensions import TypedDict

if TYPE_CHECKING:  # SciPy takes a fifth of a second, which an import of files would pay
    from scipy.sparse import csr_array

AT_ONCE = 50
"""Draws of a bootstrap that are held at once."""
FEWEST_OWNERS = 5
"""Owners below which the spread of a lead can't be told: two that agree would show none."""


class Accuracy(TypedDict):
    """A share of right answers with its 95% interval; both are null if there are no rows."""

    rows: int
    accuracy: float | None
    interval: list[float] | None


class Lead(TypedDict):
    """The lead of one classifier over another. lead: positive if it is better."""

    lead: float
    interval: list[float]


def accuracy_of(right: np.ndarray, owners: np.ndarray | None = None) -> Accuracy:
    """Return rows, accuracy and its 95% interval (Wilson 1927) of right answers ``(n,)`` bool.

    owners: ``(n,)``, the thing that each row is part of, such as the piece of a window (None: rows
    are independent). Parts of one piece are right or wrong together, so the interval is that of the
    effective sample size (Korn and Graubard 1998).
    """
    n = len(right)
    if n == 0:
        return {"rows": 0, "accuracy": None, "interval": None}
    share = float(np.mean(right))
    telling = n if owners is None else effective_sample_size(right, owners)
    return {"rows": n, "accuracy": share, "interval": list(wilson(share, telling))}


def lead_of(right: np.ndarray, other: np.ndarray, owners: np.ndarray | None = None) -> Lead:
    """Return the accuracy of ``right`` minus that of ``other``, with a 95% interval.

    right, other: ``(n,)`` bool, of the same rows; owners: as for ``accuracy_of``. The interval is
    that of the mean of paired differences, by Student's t with one degree of freedom less than
    there are owners. Fewer than ``FEWEST_OWNERS`` show nothing: the interval includes every lead.
    """
    return mean_lead(right.astype(float) - other.astype(float), 1.0, owners)


def mean_lead(gaps: np.ndarray, bound: float, owners: np.ndarray | None = None) -> Lead:
    """Return the mean of paired differences ``(n,)`` with its 95% interval, as in ``lead_of``.

    bound: most that a difference can be.
    """
    error, freedom = clustered_error(gaps, owners)
    lead, margin = float(gaps.mean()), math.inf
    if freedom + 1 >= FEWEST_OWNERS:
        margin = _quantile(freedom) * error
    return {"lead": lead, "interval": [max(lead - margin, -bound), min(lead + margin, bound)]}


def effective_sample_size(right: np.ndarray, owners: np.ndarray) -> float:
    """Return the number of independent rows that estimate the share of right ones as precisely.

    It is at most the number of rows, and at most that of owners if all rows are right or all wrong.
    """
    n, share = len(right), float(np.mean(right))
    error, freedom = clustered_error(right.astype(float), owners)
    if not freedom:
        return 1.0
    alone = share * (1 - share)
    worth = min(alone / error**2 if error else n, n) if alone else freedom + 1
    return worth * float(_quantile(np.inf) / _quantile(freedom)) ** 2


def _quantile(freedom: float) -> float:
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(freedom, 0.975) if np.isfinite(freedom) else ndtri(0.975))


def wilson(share: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share of ``n`` rows (Wilson 1927); ``n`` may be a fraction."""
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
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


def shares_of_draws(y: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Return the share of an independent draw ``(n,)`` that each row of class codes ``y`` is.

    groups: ``(n,)``, None if there are none. The rows of a class in one group may all be right or
    wrong together, so a class has as many draws as independent rows would give its recall the same
    variance (Kish 1965): its number of groups if they are equally large, else fewer.
    """
    if groups is None:
        return np.ones(len(y))
    codes = np.unique(y, return_inverse=True)[1]
    unit = np.unique(np.unique(groups, return_inverse=True)[1] * (codes.max() + 1) + codes,
                     return_inverse=True)[1]  # fmt: skip
    size = np.bincount(unit)[unit]
    return (np.bincount(codes) / np.bincount(codes, size))[codes]


class Counted(NamedTuple):
    """Rows that are counted by kind, as rows of one kind are interchangeable.

    features: what is summed, of a row of each kind ``(kinds, k)``, sparse; rows: their numbers
    ``(kinds,)``; by_group: the same of each group ``(groups, kinds)``, sparse, None if there are no
    groups.
    """

    features: "csr_array"
    rows: np.ndarray
    by_group: "csr_array | None"


def count_kinds(
    kinds: np.ndarray, groups: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, "csr_array | None"]:
    """Return the distinct kinds of rows ``(n,)``, and their numbers as ``Counted`` has them."""
    if groups is None:
        return *np.unique(kinds, return_counts=True), None
    from scipy.sparse import coo_array

    distinct, place = np.unique(kinds, return_inverse=True)
    group = np.unique(groups, return_inverse=True)[1]
    table = coo_array((np.ones(len(group)), (group, place))).tocsr()
    return distinct, np.bincount(place), table


def bootstrap_intervals(
    counted: Counted,
    statistics: Callable[[np.ndarray], np.ndarray],
    seed: int,
    n_resamples: int,
    bounds: tuple[float, float],
) -> np.ndarray:
    """Return bootstrapped 95% intervals ``(s, 2)`` of statistics of sums of features.

    statistics: from sums ``(draws, k)`` to ``(s, draws)``. Rows are drawn with replacement. With
    groups, groups are drawn, too, with all their rows (Davison and Hinkley 1997, 3.8); the interval
    has the outer ends of both, since groups can't tell more than their rows.
    """
    features, rows, by_group = counted
    ends = _ends(statistics(resampled_sums(features, rows, seed, n_resamples)))
    if by_group is None:
        return ends
    n = by_group.shape[0]
    values = statistics((rows @ features)[None])
    drawn = resampled_sums(by_group @ features, np.ones(n, np.intp), seed, n_resamples)
    return outer_ends(ends, widened(_ends(statistics(drawn)), values, n), bounds)


def resampled_sums(
    features: "csr_array | np.ndarray", rows: np.ndarray, seed: int, n_resamples: int
) -> np.ndarray:
    """Return sums ``(n_resamples, k)`` of the features of rows drawn with replacement.

    rows: how many have each features ``(kinds,)``.
    """
    rng, size = np.random.default_rng(seed), rows.sum()
    return np.concatenate([
        rng.multinomial(size, rows / size, AT_ONCE) @ features
        for _ in range(n_resamples // AT_ONCE)
    ])  # fmt: skip


def widened(ends: np.ndarray, center: np.ndarray | float, n: int) -> np.ndarray:
    """Return the ends ``(..., 2)`` of an interval from draws of ``n`` groups, corrected for few.

    They vary too little: the factors are those of an unbiased variance, and of Student's t instead
    of the normal distribution. A single group shows nothing.
    """
    if n == 1:
        return np.broadcast_to([-np.inf, np.inf], ends.shape)
    from scipy.special import ndtri, stdtrit

    return center + (ends - center) * math.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975) / ndtri(0.975)


def outer_ends(first: np.ndarray, second: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """Return the outer ends of intervals ``(..., 2)``, within bounds."""
    low, high = np.minimum(first, second)[..., 0], np.maximum(first, second)[..., 1]
    return np.clip(np.stack([low, high], axis=-1), *bounds)


def _ends(drawn: np.ndarray) -> np.ndarray:
    return np.percentile(drawn, [2.5, 97.5], axis=-1).T
