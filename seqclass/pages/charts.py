"""Charts of a report as SVG text, identical from run to run."""

import io
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from typing_extensions import TypedDict

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


def strip_plot(strips: dict[str, list[float]], label: str) -> str:
    """Draw a dot per run in a strip per name, and a line at each strip's mean; scores in [0, 1]."""
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
    """The fields of a row of a drift table that are drawn."""

    what: str
    shift: float
    adjusted_p: float
    drifted: bool


def drift_picture(table: Sequence[Shifted], most: int = 20) -> str:
    """Draw bars of the shift of each number of a drift table, in [0, 1], with drift highlighted."""
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


def plain(text: str) -> str:
    """Escape a text so that Matplotlib does not read it as a formula."""
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
