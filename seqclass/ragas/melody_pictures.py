"""Pictures of melodies: pitch over time between the lines of their svaras."""

import io
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from seqclass.pages.charts import ACCENT, INK, MUTED, STYLE, plain_text
from seqclass.ragas.sound import Line, voiced
from seqclass.ragas.svaras import ABOVE, BELOW, Note

ROW_S, MAX_ROWS = 12.0, 8
"""Seconds in a row of a picture, and most rows; the picture says how much is left out."""
SA = "#c2410c"


def melody_picture(
    line: Line,
    notes: tuple[Note, ...],
    svara_s: np.ndarray | None,
    title: tuple[str, str],
    places: dict[int, str],
) -> bytes:
    """Draw a PNG: the line in rows, a thin line for each svara, Sa marked, svaras named.

    svara_s: seconds of each note, if the line is made of them; then each is written above its own
    bar. title: a heading and a line below it. places: names of semitones above Sa.
    """
    rows = int(min(MAX_ROWS, max(1, np.ceil(line.seconds / ROW_S - 0.05))))
    row_s = line.seconds / rows if line.seconds < ROW_S * MAX_ROWS else ROW_S
    low, high = _limits(line)
    height = np.clip((high - low) / 1200 * 1.35, 1.9, 3.8)
    with matplotlib.rc_context({**STYLE, "axes.spines.left": False}):
        figure = Figure(figsize=(11, 0.9 + height * rows), dpi=130, layout="constrained")
        FigureCanvasAgg(figure)
        grid = figure.subplots(rows, 1, squeeze=False, sharey=True)[:, 0]
        for k, axes in enumerate(grid):
            _svara_lines(axes, places, low, high)
            _draw(axes, line, is_contour=svara_s is None)
            if svara_s is not None and notes:
                _name_notes(axes, line, notes, k * row_s, (k + 1) * row_s)
            axes.set_xlim(k * row_s, (k + 1) * row_s)
            axes.set_ylim(low, high)
        has_more = line.seconds > rows * row_s * 1.05
        grid[-1].set_xlabel(f"seconds (of {line.seconds:.0f})" if has_more else "seconds")
        figure.suptitle(
            plain_text(title[0]), x=0.01, ha="left", fontsize=10, weight="bold", color=INK
        )
        grid[0].set_title(plain_text(title[1]), loc="left", fontsize=9, color=INK)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()


def _limits(line: Line) -> tuple[float, float]:
    cents = line.cents[np.isfinite(line.cents)]
    if not len(cents):
        return -100.0, 1300.0
    low, high = float(cents.min()), float(cents.max())
    middle = (low + high) / 2
    half = max((high - low) / 2 + 130, 430)
    return middle - half, middle + half


def _svara_lines(axes: Any, places: dict[int, str], low: float, high: float) -> None:
    heights = [
        (12 * octave + place, name + (ABOVE * octave if octave > 0 else BELOW * -octave))
        for octave in range(-3, 5)
        for place, name in places.items()
        if low < 1200 * octave + 100 * place < high
    ]
    heights.sort()
    for height, name in heights:
        is_sa = name[0] == "S"
        axes.axhline(
            100 * height, color=SA if is_sa else MUTED, linewidth=1.0 if is_sa else 0.6,
            alpha=0.75 if is_sa else 0.8, zorder=0,
        )  # fmt: skip
    axes.set_yticks([100 * h for h, _ in heights], [name for _, name in heights], fontsize=8)
    for label in axes.get_yticklabels():
        is_sa = label.get_text()[0] == "S"
        label.set_color(SA if is_sa else INK)
        label.set_fontweight("bold" if is_sa else "normal")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)


def _draw(axes: Any, line: Line, is_contour: bool) -> None:
    time = (np.arange(len(line.cents)) + 0.5) / line.rate_hz
    if line.evidence is not None:
        low, high = _limits(line)
        strips = line.evidence[None, :]
        ends = (0, len(line.cents) / line.rate_hz, low, high)
        axes.imshow(strips, extent=ends, aspect="auto", cmap="Oranges", vmin=0, vmax=1.6, zorder=-1)
    if is_contour:
        axes.plot(time, line.cents, color=ACCENT, linewidth=1.7, solid_capstyle="round")
        return
    joined = np.isfinite(line.cents)
    axes.plot(time[joined], line.cents[joined], color=ACCENT, linewidth=0.7, alpha=0.45)
    axes.plot(time, line.cents, color=ACCENT, linewidth=3.4, solid_capstyle="butt")


def _name_notes(
    axes: Any, line: Line, notes: tuple[Note, ...], start_s: float, stop_s: float
) -> None:
    for note, stretch in zip(notes, voiced(line), strict=False):
        begin = stretch.start / line.rate_hz
        if start_s <= begin < stop_s:
            axes.annotate(
                note.svara, (begin, line.cents[stretch.start]), (1, 4),
                textcoords="offset points", fontsize=7, color=INK, in_layout=False,
            )  # fmt: skip
