"""Detection of drift: compare new rows with the rows that a model was trained on.

Every series is summarised by a few numbers per channel, and the distribution of each number is
compared between the two sets. Kolmogorov-Smirnov gives a p-value without assumptions about the
distribution; the population stability index and the Wasserstein distance give the size of the
difference. A difference counts as drift only if it is large and significant after Holm's correction
for all comparisons (Holm 1979), so that neither many numbers nor many rows cause a false alarm.
"""

import warnings

import numpy as np
from typing_extensions import TypedDict

from seqclass.monitoring.retrain_spec import DriftSpec

BINS = 10
FEATURES = ("mean", "spread", "min", "max", "slope", "roughness", "missing")
"""Numbers for each channel of a series. slope: from end to end, per series; roughness: the mean
absolute step divided by the spread; missing: a share."""


class DriftRow(TypedDict):
    """One comparison of old rows with new ones; only numbers have ``old_mean`` and ``new_mean``."""

    what: str
    kind: str
    p_value: float
    shift: float
    stability_index: float
    distance: float
    old_mean: float | None
    new_mean: float | None


class JudgedRow(DriftRow):
    """A comparison with its p-value after Holm's correction, and whether it counts as drift."""

    adjusted_p: float
    drifted: bool


class Drift(TypedDict):
    """All comparisons, their number, and the names of those that count as drift."""

    drifted: list[str]
    compared: int
    table: list[JudgedRow]


def summaries(x: np.ndarray, lengths: np.ndarray, channels: list[str]) -> dict[str, np.ndarray]:
    """Summarise series ``(n, steps, channels)``, padded with NaN, as numbers ``(n,)`` by name.

    lengths: steps of each series ``(n,)``. A number that a series does not have is NaN.
    """
    numbers = {"length": lengths.astype(np.float64)}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        for number, channel in enumerate(channels):
            columns = _channel_summaries(x[..., number].astype(np.float64), lengths)
            numbers |= {f"{channel}: {name}": column for name, column in columns.items()}
    return numbers


def _channel_summaries(values: np.ndarray, lengths: np.ndarray) -> dict[str, np.ndarray]:
    seen = np.isfinite(values)
    values = np.where(seen, values, np.nan)
    mean, spread = np.nanmean(values, axis=1), np.nanstd(values, axis=1)
    time = np.arange(values.shape[1]) / np.maximum(lengths - 1, 1)[:, None]
    time = np.where(seen, time, np.nan)
    time = time - np.nanmean(time, axis=1)[:, None]
    slope = np.nansum(time * values, axis=1) / np.nansum(time**2, axis=1)
    steps = np.nanmean(np.abs(np.diff(values, axis=1)), axis=1)
    columns = (
        mean,
        spread,
        np.nanmin(values, axis=1),
        np.nanmax(values, axis=1),
        slope,
        steps / np.where(spread > 0, spread, np.nan),
        1 - seen.sum(axis=1) / lengths,
    )
    return dict(zip(FEATURES, columns, strict=True))


def two_samples(old: np.ndarray, new: np.ndarray) -> tuple[float, float]:
    """Return the Kolmogorov-Smirnov p-value and distance of finite numbers ``(n,)`` and ``(m,)``.

    Both are in [0, 1]; the p-value is asymptotic where the exact one can't be computed.
    """
    from scipy.stats import ks_2samp

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ks_2samp: Exact", RuntimeWarning)
        result = ks_2samp(old, new)
    return float(result.pvalue), float(result.statistic)


def compare_numbers(name: str, old: np.ndarray, new: np.ndarray) -> DriftRow:
    """Compare a number of old rows ``(n,)`` with that of new rows ``(m,)``; one row of the table.

    ``distance`` is the Wasserstein distance in standard deviations of the old rows.
    """
    from scipy.stats import wasserstein_distance

    old, new = old[np.isfinite(old)], new[np.isfinite(new)]
    if not len(old) or not len(new):
        return _nothing_told(name, "numbers")
    p_value, shift = two_samples(old, new)
    scale = float(old.std())
    if scale <= 1e-9 * max(1.0, float(np.abs(old).max())):
        scale = float(np.concatenate([old, new]).std()) or 1.0
    return DriftRow(
        what=name,
        kind="numbers",
        p_value=p_value,
        shift=shift,
        stability_index=_stability_index(*_binned(old, new)),
        distance=float(wasserstein_distance(old, new)) / scale,
        old_mean=float(old.mean()),
        new_mean=float(new.mean()),
    )


def compare_counts(name: str, old: dict[str, int], new: dict[str, int]) -> DriftRow:
    """Compare how often each class occurs; one row of the table.

    ``shift`` is the share of rows that would have to change class (the total variation distance).
    """
    from scipy.stats import chi2_contingency

    names = sorted({*old, *new})
    counts = np.array([[side.get(key, 0) for key in names] for side in (old, new)], dtype=float)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return _nothing_told(name, "classes")
    shares = counts / counts.sum(axis=1, keepdims=True)
    shift = float(np.abs(shares[0] - shares[1]).sum() / 2)
    p_value = float(chi2_contingency(counts).pvalue)
    row = _nothing_told(name, "classes")
    return {
        **row, "p_value": p_value, "shift": shift, "stability_index": _stability_index(*counts),
        "distance": shift,
    }  # fmt: skip


def _nothing_told(name: str, kind: str) -> DriftRow:
    return DriftRow(
        what=name, kind=kind, p_value=1.0, shift=0.0, stability_index=0.0, distance=0.0,
        old_mean=None, new_mean=None,
    )  # fmt: skip


def _binned(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the counts of old and new rows between the deciles of the old rows."""
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    return tuple(  # type: ignore[return-value]
        np.bincount(np.searchsorted(edges, side, side="left"), minlength=len(edges) + 1)
        for side in (old, new)
    )


def _stability_index(old: np.ndarray, new: np.ndarray) -> float:
    """Return the population stability index; half a row in each bin keeps it finite."""
    p, q = ((side + 0.5) / (side + 0.5).sum() for side in (old, new))
    return float(((q - p) * np.log(q / p)).sum())


def judge_drift(rows: list[DriftRow], spec: DriftSpec) -> Drift:
    """Add Holm's p-values to the table and mark what has drifted; lowest p-value first."""
    adjusted = holm([row["p_value"] for row in rows])
    marked: list[JudgedRow] = [
        {
            **row,
            "adjusted_p": p_value,
            "drifted": p_value < spec.significance
            and row["shift"] >= spec.shift
            and row["stability_index"] >= spec.stability_index,
        }
        for row, p_value in zip(rows, adjusted, strict=True)
    ]
    marked.sort(key=lambda row: (not row["drifted"], row["adjusted_p"], -row["shift"], row["what"]))
    drifted = [row["what"] for row in marked if row["drifted"]]
    return {"drifted": drifted, "compared": len(rows), "table": marked}


def holm(p_values: list[float]) -> list[float]:
    """Correct p-values for multiple comparisons (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    running = np.maximum.accumulate(np.array(p_values)[order] * factors)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(running, 1.0)
    return adjusted.tolist()


def drift_words(drift: Drift) -> str:
    """Describe drift in one sentence."""
    if not drift["drifted"]:
        return f"no drift in {drift['compared']} comparisons"
    first = drift["table"][0]
    others = len(drift["drifted"]) - 1
    moved = (
        f" (mean {first['old_mean']:.4g}, now {first['new_mean']:.4g})"
        if first["old_mean"] is not None and first["new_mean"] is not None
        else ""
    )
    return (
        f"drift in {first['what']}{moved}: shift {first['shift']:.2f}, adjusted p "
        f"{first['adjusted_p']:.1g}{f', and in {others} more' if others else ''}"
    )
