"""Pictures of a report, as SVG text without anything that changes from run to run."""

import io
import warnings
from collections.abc import Sequence
from typing import Any, TypedDict

import matplotlib
import numpy as np
from matplotlib.figure import Figure

INK, ACCENT, MUTED = "#1f2933", "#0b7285", "#adb5bd"
WRONG = "#c92a2a"

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sequence-classification",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
}


def score_bars(bars: dict[str, tuple[float, list[float] | None]], label: str) -> str:
    """Horizontal bars of scores in [0, 1], with an interval where one is given."""
    figure, axes = _figure(6.2, 0.6 + 0.38 * len(bars))
    names = list(bars)[::-1]
    for row, name in enumerate(names):
        value, interval = bars[name]
        first = row == len(names) - 1
        axes.barh(row, value, height=0.6, color=ACCENT if first else MUTED)
        if interval:
            axes.plot(interval, [row, row], color=INK, linewidth=1.5, marker="|")
        axes.text(1.01, row, f"{value:.4f}", va="center")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(0, 1)
    axes.set_xlabel(label)
    return _svg(figure)


def confidence_picture(
    reliability: list[list[float]], curve: list[list[float]], coverage: float
) -> str:
    """Accuracy over confidence, by bin, beside accuracy over the share of rows answered."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 3.0), layout="constrained")
        left, right = figure.subplots(1, 2)
    rows, confidence, accuracy = np.array(reliability).T
    left.plot([0, 1], [0, 1], color=MUTED, linewidth=1)
    left.scatter(confidence, accuracy, 12 + 120 * rows / rows.sum(), color=ACCENT, alpha=0.8)
    left.set_xlabel("mean confidence of a bin")
    left.set_ylabel("accuracy")
    left.set_xlim(0, 1.03)
    left.set_ylim(-0.03, 1.03)
    right.plot(*np.array(curve).T, color=ACCENT, marker=".", markersize=4)
    right.axvline(coverage, color=INK, linewidth=1, linestyle=(0, (2, 2)))
    right.set_xlabel("share answered (dashed: at the threshold)")
    right.set_ylabel("accuracy of the answers")
    right.set_xlim(0, 1.03)
    return _svg(figure)


def strip_plot(strips: dict[str, list[float]], label: str) -> str:
    """A dot per run in a strip per name, and a line at each strip's mean; scores in [0, 1]."""
    figure, axes = _figure(7.2, 0.9 + 0.5 * len(strips))
    names = list(strips)[::-1]
    for row, name in enumerate(names):
        values = np.array(strips[name])
        height = row + 0.5 * (np.arange(len(values)) / max(len(values) - 1, 1) - 0.5)
        axes.plot(values, height, "o", color=ACCENT, alpha=0.6, markersize=4.5)
        axes.plot([values.mean()] * 2, [row - 0.38, row + 0.38], color=INK, linewidth=1.5)
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.set_ylim(-0.6, len(names) - 0.4)
    low, high = (limit(map(limit, strips.values())) for limit in (min, max))
    margin = 0.05 * (high - low) + 0.002
    axes.set_xlim(low - margin, high + margin)
    axes.set_xticks([tick for tick in axes.get_xticks() if low - margin <= tick <= 1])
    axes.set_xlabel(label)
    axes.grid(axis="x", color=MUTED, linewidth=0.4)
    return _svg(figure)


class Shifted(TypedDict):
    """What a picture shows of a row of a drift table."""

    what: str
    shift: float
    adjusted_p: float
    drifted: bool


class LossPoint(TypedDict):
    """Training log-loss (nats) of a seed's network number ``fit`` at an update."""

    seed: int
    fit: int
    update: int
    training_loss: float


def drift_picture(table: Sequence[Shifted], most: int = 20) -> str:
    """Bars of how far each number of a drift table has shifted, in [0, 1]; drifted ones stand
    out."""
    rows = table[:most][::-1]
    figure, axes = _figure(6.6, 0.7 + 0.27 * len(rows))
    colours = [WRONG if row["drifted"] else MUTED for row in rows]
    axes.barh(range(len(rows)), [row["shift"] for row in rows], height=0.6, color=colours)
    for number, row in enumerate(rows):
        axes.text(1.01, number, f"p {row['adjusted_p']:.1g}", va="center", fontsize=8)
    axes.set_yticks(range(len(rows)), [plain(row["what"]) for row in rows])
    axes.set_xlim(0, 1)
    axes.set_xlabel("shift of the distribution (red: drift; p after Holm)")
    return _svg(figure)


def learning_curves(history: Sequence[LossPoint]) -> str:
    """Training log-loss of every seed's first network over its updates."""
    figure, axes = _figure(6.2, 2.8)
    seeds = sorted({point["seed"] for point in history})
    colours = matplotlib.colormaps["viridis"](np.linspace(0.1, 0.85, max(len(seeds), 1)))
    for seed, colour in zip(seeds, colours, strict=False):
        points = [p for p in history if p["seed"] == seed and p["fit"] == 0]
        updates = [p["update"] for p in points]
        axes.plot(updates, [p["training_loss"] for p in points], color=colour, label=f"seed {seed}")
    axes.set_yscale("log")
    axes.set_xlabel("update")
    axes.set_ylabel("log-loss (nats)")
    axes.set_title("the first network of each seed, on training rows", loc="left", fontsize=9)
    if 0 < len(seeds) <= 10:
        axes.legend(frameon=False, ncols=2, fontsize=8)
    return _svg(figure)


def confusion_picture(table: list[list[int]], classes: list[str]) -> str:
    """A confusion matrix, shaded by row share; counts are written in up to 20 classes."""
    counts = np.array(table)
    side = max(2.6, min(7.0, 0.55 * len(classes) + 1.4))
    figure, axes = _figure(side + 0.6, side)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="GnBu", vmin=0, vmax=1)
    if len(classes) <= 20:
        for (row, column), count in np.ndenumerate(counts):
            if count:
                colour = "white" if share[row, column] > 0.6 else INK
                axes.text(column, row, str(count), ha="center", va="center", color=colour)
    names = [plain(name) for name in classes]
    axes.set_xticks(range(len(classes)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(classes)), names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return _svg(figure)


def series_panels(
    values: np.ndarray,
    captions: list[str],
    wrong: list[bool],
    channels: list[str],
    evidence: list[np.ndarray],
) -> str:
    """Series ``(rows, steps, channels)`` drawn in panels, wrong answers captioned in red.

    evidence: of every step of each series, shaded behind it where it is above 0.
    """
    columns = 3
    rows = -(-len(values) // columns)
    figure = Figure(figsize=(9.0, 1.7 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    panels = zip(grid.flat, values, captions, wrong, evidence, strict=False)
    for axes, series, caption, is_wrong, speaking in panels:
        _shade(axes, speaking)
        for channel in range(min(series.shape[1], 6)):
            axes.plot(series[:, channel], linewidth=0.9, marker="." if len(series) < 40 else None)
        axes.set_title(plain(caption), fontsize=8, loc="left", color=WRONG if is_wrong else INK)
        axes.tick_params(labelsize=7)
    for axes in list(grid.flat)[len(values) :]:
        axes.set_axis_off()
    if 1 < len(channels) <= 6:
        figure.legend(
            grid[0, 0].lines,
            [plain(name) for name in channels],
            loc="outside lower center",
            ncols=6,
            fontsize=7,
            frameon=False,
        )
    return _svg(figure)


def _shade(axes: Any, evidence: np.ndarray) -> None:
    height = np.maximum(evidence, 0)
    height = np.repeat(height / max(height.max(), np.finfo(np.float32).tiny), 2)
    edges = np.repeat(np.arange(len(evidence) + 1), 2)[1:-1] - 0.5
    axes.fill_between(
        edges, height, transform=axes.get_xaxis_transform(), color=ACCENT, alpha=0.18, linewidth=0
    )


def plain(text: str) -> str:
    """A text that Matplotlib takes for no formula."""
    return text.replace("$", r"\$")


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots()


def _svg(figure: Figure) -> str:
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)  # the browser has its own fonts
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
