"""Pictures of a classifier from Python: matplotlib figures for notebooks and files."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np

from seqclass.pages.charts import ACCENT, INK, STYLE, plain_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AGAINST = "#c2410c"
STRONGEST = 0.55
"""Opacity of the band behind the step that speaks most."""
MAX_SERIES = 24


def explained_figure(
    x: np.ndarray,
    contributions: np.ndarray,
    titles: Sequence[str],
    channels: Sequence[str],
) -> "Figure":
    """Draw a panel per series and channel, with a band behind each step that speaks.

    x: ``(n, steps, channels)`` with NaN where missing. contributions: ``(n, steps)``; blue speaks
    for the answer in the title, orange against it, the more opaque the stronger.

    Raises ValueError for more than ``MAX_SERIES`` series.
    """
    n, _, n_channels = x.shape
    if n > MAX_SERIES:
        raise ValueError(
            f"X: expected at most {MAX_SERIES} series to draw, got {n}; pass a part of them"
        )
    panels = _panels(n, n_channels, (3.6, 1.7))
    for row, column in np.ndindex(n, n_channels):
        axes = panels[row, column]
        _draw_series(axes, x[row, :, column], contributions[row])
        axes.set_ylabel(plain_text(channels[column]), fontsize=8)
        if column == 0:
            axes.set_title(plain_text(titles[row]), loc="left", fontsize=9)
    panels[-1, 0].set_xlabel("step")
    return panels[0, 0].figure


def losses_figure(losses: Sequence[Sequence[float]]) -> "Figure":
    """Draw the training loss (nats) of every update, a line per network of the LSTM."""
    axes = _panels(1, 1, (5.0, 2.8))[0, 0]
    for number, curve in enumerate(losses, start=1):
        axes.plot(range(1, len(curve) + 1), curve, linewidth=1, label=f"network {number}")
    axes.set_yscale("log")
    axes.set_xlabel("update")
    axes.set_ylabel("training log-loss (nats)")
    if len(losses) > 1:
        axes.legend(frameon=False, fontsize=8)
    return axes.figure


def _panels(rows: int, columns: int, size: tuple[float, float]) -> Any:
    """Return an array ``(rows, columns)`` of axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
        FigureCanvasAgg(figure)
        return figure.subplots(rows, columns, squeeze=False)


def _draw_series(axes: Any, values: np.ndarray, contributions: np.ndarray) -> None:
    steps = np.arange(len(values))
    shares = STRONGEST * contributions / max(np.abs(contributions).max(), 1e-12)
    for step in np.flatnonzero(np.abs(shares) > 0.02):
        colour = ACCENT if shares[step] > 0 else AGAINST
        axes.axvspan(step - 0.5, step + 0.5, color=colour, alpha=abs(shares[step]), linewidth=0)
    is_alone = np.isfinite(values).sum() < 2
    axes.plot(steps, values, color=INK, linewidth=1, marker="." if is_alone else None)
    observed = np.flatnonzero(np.isfinite(values))
    axes.set_xlim(-0.5, (observed[-1] if len(observed) else len(values) - 1) + 0.5)
