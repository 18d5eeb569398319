"""Whether new rows are still like the rows that a model was trained on.

Every series is summarised by a few numbers per channel, and each number's distribution is compared
between the two sets: Kolmogorov-Smirnov for a p-value that asks nothing of the distribution, the
population stability index and the Wasserstein distance for how much it is. Only what is both
significant after Holm's correction for all comparisons (Holm 1979) and large counts as drift, so
that neither many numbers nor many rows make an alarm.
"""

import warnings
from typing import TypedDict

import numpy as np
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

from seqclass.monitoring.retrain_spec import DriftSpec

BINS = 10
FEATURES = ("mean", "spread", "min", "max", "slope", "roughness", "missing")
"""Of each channel of a series; slope is per series, from end to end; roughness is the mean
absolute step over the spread; missing is a share."""


class DriftRow(TypedDict):
    """One comparison of old rows with new ones; ``old_mean`` and ``new_mean`` of numbers alone."""

    what: str
    kind: str
    p_value: float
    shift: float
    stability_index: float
    distance: float
    old_mean: float | None
    new_mean: float | None


class JudgedRow(DriftRow):
    """A comparison with Holm's p-value, and whether it counts as drift."""

    adjusted_p: float
    drifted: bool


class Drift(TypedDict):
    """What has drifted, how many comparisons there were, and all of them."""

    drifted: list[str]
    compared: int
    table: list[JudgedRow]


def summaries(x: np.ndarray, lengths: np.ndarray, channels: list[str]) -> dict[str, np.ndarray]:
    """Numbers ``(n,)`` by name of series ``(n, steps, channels)``, padded with NaN.

    lengths: steps of each series ``(n,)``. A number that a series does not have is NaN.
    """
    found = {"length": lengths.astype(np.float64)}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        for number, channel in enumerate(channels):
            columns = _channel_summaries(x[..., number].astype(np.float64), lengths)
            found |= {f"{channel}: {name}": column for name, column in columns.items()}
    return found


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
    """p-value and distance, both in [0, 1], of finite numbers ``(n,)`` and ``(m,)``, by
    Kolmogorov and Smirnov; the p-value is asymptotic where the exact one is out of reach."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "ks_2samp: Exact", RuntimeWarning)
        found = ks_2samp(old, new)
    return float(found.pvalue), float(found.statistic)


def compare_numbers(name: str, old: np.ndarray, new: np.ndarray) -> DriftRow:
    """One row of the drift table: a number of old rows ``(n,)`` against new rows ``(m,)``.

    ``distance`` is the Wasserstein distance in standard deviations of the old rows.
    """
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
    """One row of the table: how often each class occurs. ``shift`` is the share of rows that would
    have to change class, which is the total variation distance."""
    names = sorted({*old, *new})
    counts = np.array([[side.get(key, 0) for key in names] for side in (old, new)], dtype=float)
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return _nothing_told(name, "classes")
    shares = counts / counts.sum(axis=1, keepdims=True)
    shift = float(np.abs(shares[0] - shares[1]).sum() / 2)
    p_value = float(chi2_contingency(counts).pvalue)
    found = _nothing_told(name, "classes")
    return {
        **found, "p_value": p_value, "shift": shift, "stability_index": _stability_index(*counts),
        "distance": shift,
    }  # fmt: skip


def _nothing_told(name: str, kind: str) -> DriftRow:
    return DriftRow(
        what=name, kind=kind, p_value=1.0, shift=0.0, stability_index=0.0, distance=0.0,
        old_mean=None, new_mean=None,
    )  # fmt: skip


def _binned(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts between the deciles of the old rows."""
    edges = np.unique(np.quantile(old, np.linspace(0, 1, BINS + 1)[1:-1]))
    return tuple(  # type: ignore[return-value]
        np.bincount(np.searchsorted(edges, side, side="left"), minlength=len(edges) + 1)
        for side in (old, new)
    )


def _stability_index(old: np.ndarray, new: np.ndarray) -> float:
    """Population stability index of counts, half a row added to each bin so that it is finite."""
    p, q = ((side + 0.5) / (side + 0.5).sum() for side in (old, new))
    return float(((q - p) * np.log(q / p)).sum())


def judge_drift(rows: list[DriftRow], spec: DriftSpec) -> Drift:
    """The table with Holm's p-values and a mark on what has drifted, most certain first."""
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
    """P-values corrected for all of them being looked at (Holm 1979)."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    running = np.maximum.accumulate(np.array(p_values)[order] * factors)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(running, 1.0)
    return adjusted.tolist()


def drift_words(found: Drift) -> str:
    """One sentence for people."""
    if not found["drifted"]:
        return f"no drift in {found['compared']} comparisons"
    first = found["table"][0]
    others = len(found["drifted"]) - 1
    moved = (
        f" (mean {first['old_mean']:.4g}, now {first['new_mean']:.4g})"
        if first["old_mean"] is not None and first["new_mean"] is not None
        else ""
    )
    return (
        f"drift in {first['what']}{moved}: shift {first['shift']:.2f}, adjusted p "
        f"{first['adjusted_p']:.1g}{f', and in {others} more' if others else ''}"
    )
