"""Pictures of the raga benchmark's cells, for ``docs/ragas-evaluation.md``."""

import json
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from seqclass.pages.charts import ACCENT, INK, MUTED, STYLE

WHO = ("histogram", "bigram", "lstm")
TITLES = {"histogram": "pitch-class histogram", "bigram": "bigram naive Bayes", "lstm": "LSTM"}
COLOURS = {"histogram": MUTED, "bigram": "#e8a33d", "lstm": ACCENT}
LENGTHS = (16, 32, 64, 128)


def draw_pictures(root: Path, folder: Path) -> list[Path]:
    """Write what can be drawn from the cells that are there; the paths of the pictures."""
    cells = {path.stem: json.loads(path.read_text()) for path in sorted(root.glob("*.json"))}
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    allied = {n: cells[f"allied-{n}"] for n in LENGTHS if f"allied-{n}" in cells}
    if allied:
        if len(allied) > 1:
            drawn.append(_save(lengths(allied), folder / "ragas-lengths.png"))
        drawn.append(
            _save(confusions(allied.get(64) or allied[min(allied)]), folder / "ragas-b2.png")
        )
    transfers = {n: c for n, c in cells.items() if n.startswith("transfer")}
    if transfers:
        drawn.append(_save(transfer(transfers), folder / "ragas-transfer.png"))
    return drawn


def lengths(cells: dict[int, dict[str, Any]]) -> Figure:
    """Accuracy over all ragas against the length of a melody."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 3.2), layout="constrained")
        axes = figure.subplots()
    for who in WHO:
        found = [cells[n]["who"][who] for n in cells]
        low, high = np.array([f["interval"] for f in found]).T
        axes.fill_between(list(cells), low, high, color=COLOURS[who], alpha=0.25, linewidth=0)
        accuracy = [f["accuracy"] for f in found]
        axes.plot(list(cells), accuracy, color=COLOURS[who], marker="o", label=TITLES[who])
    axes.set_xscale("log", base=2)
    axes.set_xticks(list(cells), [str(n) for n in cells])
    axes.set_xlabel("svaras of a melody")
    axes.set_ylabel(f"accuracy over {next(iter(cells.values()))['classes']} ragas")
    axes.legend(frameon=False)
    return figure


def confusions(cell: dict[str, Any]) -> Figure:
    """Who is taken for whom within B2, by the histogram and by the LSTM."""
    confusion = cell["confusion"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9.0, 4.8), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
    for axes, who in zip(panels, ("histogram", "lstm"), strict=True):
        table = np.array(confusion["tables"][who])
        share = table / table.sum(axis=1, keepdims=True)
        axes.imshow(share, cmap="GnBu", vmin=0, vmax=1)
        for (row, column), value in np.ndenumerate(table):
            if value:
                colour = "white" if share[row, column] > 0.6 else INK
                axes.text(
                    column, row, str(value), ha="center", va="center", color=colour, fontsize=7
                )
        ticks = range(len(confusion["classes"]))
        axes.set_xticks(ticks, confusion["classes"], rotation=60, ha="right", fontsize=8)
        axes.set_yticks(ticks, confusion["classes"], fontsize=8)
        axes.set_title(f"{TITLES[who]}, {cell['n_notes']} svaras", fontsize=10)
        axes.set_xlabel("answered")
    panels[0].set_ylabel("generated as")
    return figure


def transfer(cells: dict[str, dict[str, Any]]) -> Figure:
    """Windows of real pieces answered correctly, by what was changed in the generator."""
    names = list(cells)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 0.9 + 0.6 * len(names)), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
    for axes, half in zip(panels, ("tuning half", "reported half"), strict=True):
        for row, name in enumerate(names[::-1]):
            for k, who in enumerate(WHO):
                found = cells[name][half]["who"][who]["windows"]
                height = row + 0.25 * (1 - k)
                axes.barh(height, found["accuracy"], height=0.22, color=COLOURS[who],
                          label=TITLES[who] if row == 0 else None)  # fmt: skip
                axes.plot(found["interval"], [height] * 2, color=INK, linewidth=0.8)
        axes.set_xlim(0, 1)
        axes.set_title(half, fontsize=10)
        axes.set_xlabel("windows answered correctly")
    panels[0].set_yticks(range(len(names)), [cells[n]["augmented"] for n in names[::-1]])
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, dpi=110, bbox_inches="tight", metadata={"Software": None})
    return path
