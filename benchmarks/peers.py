"""``make bench-peers``: our learner beside three fast classifiers, in docs/accuracy.md.

``python -m benchmarks.peers [--root FOLDER]`` trains nothing: the peers' figures are those that
benchmarks/peer_classifiers.py stored in an environment of their own, ours those that ``make
bench-archive`` stored of the present learning code; a set without any of ours has a dash.
"""

import argparse
import json
import textwrap
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import archive
from benchmarks.peer_classifiers import CLIP, FOLDS, RESULTS, SETS, read_results
from benchmarks.tables import PAGE, as_markdown, write_section
from seqclass.pages.charts import INK, STYLE
from seqclass.runtime import numerics

TITLE = "Other fast classifiers"
PICTURE = PAGE.parent / "pictures" / "peers.png"
OURS = "ours"
METHODS = (OURS, "MiniRocket", "MultiRocket-Hydra", "QUANT")
LOOKS = {
    OURS: ("#0072B2", "o"), "MiniRocket": ("#E69F00", "s"), "MultiRocket-Hydra": ("#009E73", "^"),
    "QUANT": ("#CC79A7", "D"),
}  # fmt: skip
"""Colours of Okabe and Ito 2008, told apart without colour vision, and markers."""
METRICS = {"accuracy": (max, ".4f"), "log-loss": (min, ".3f"), "seconds": (min, ",.1f")}
"""Which of several is ahead, and the digits shown, by which ties are decided."""

Cell = dict[str, float]
Figures = dict[str, dict[str, Cell]]
"""Metrics by set and method; what was not measured is absent."""


def figures(peers: list[dict[str, Any]], ours: dict[str, dict[str, Any]]) -> Figures:
    """Rows of the peers and of the archive benchmark, by set and method, in ``SETS``' order."""
    found: Figures = {name: {} for name in SETS}
    for name, row in ours.items():
        found[name][OURS] = {
            "accuracy": row["mean"], "log-loss": row["log_loss"],
            "calibration error": row["ece"], "seconds": row["seconds"],
        }  # fmt: skip
    for row in peers:
        soft = "_tempered" if "log_loss_tempered" in row else ""
        found[row["set"]][row["method"]] = {
            "accuracy": row["accuracy"], "log-loss": row[f"log_loss{soft}"],
            "calibration error": row[f"ece{soft}"],
            "seconds": row["fit_seconds"] + row["predict_seconds"],
        }  # fmt: skip
    return {name: cells for name, cells in found.items() if cells}


def leaders(cells: dict[str, Cell], metric: str) -> list[str]:
    """The methods of a set that are ahead in a metric by the digits shown; several, if equal."""
    best, digits = METRICS[metric]
    value = format(best(cell[metric] for cell in cells.values()), digits)
    return [name for name, cell in cells.items() if format(cell[metric], digits) == value]


def set_rows(found: Figures) -> list[dict[str, str]]:
    """A row per set: accuracy and log-loss of each method, the leaders bold."""
    rows = []
    for name, cells in found.items():
        row = {"set": name}
        for metric in ("accuracy", "log-loss"):
            ahead = leaders(cells, metric) if len(cells) > 1 else []
            for method in METHODS:
                text = format(cells[method][metric], METRICS[metric][1]) if method in cells else "–"
                row[f"{metric}: {method}"] = f"**{text}**" if method in ahead else text
        rows.append(row)
    return rows


def shared_sets(found: Figures) -> list[str]:
    """The sets that every method has which has any, so that means are of the same rows."""
    methods = {method for cells in found.values() for method in cells}
    return [name for name, cells in found.items() if set(cells) == methods]


def mean_rows(found: Figures) -> list[dict[str, str]]:
    """A row per method: means over the shared sets, the sum of seconds, and where it is ahead."""
    names = shared_sets(found)
    rows = []
    for method in METHODS:
        cells = [found[name][method] for name in names if method in found[name]]
        row = {"method": method}
        for metric in ("accuracy", "log-loss", "calibration error"):
            values = [cell[metric] for cell in cells]
            row[metric] = f"{np.mean(values):.4f}" if values else "–"
        row["seconds, sum"] = f"{sum(c['seconds'] for c in cells):,.0f}" if cells else "–"
        for metric in METRICS:
            count = sum(method in leaders(found[name], metric) for name in names)
            row[f"ahead in {metric}"] = f"{count} of {len(names)}" if cells else "–"
        rows.append(row)
    return rows


def origin(peers: list[dict[str, Any]]) -> str:
    """Return how the peers were measured, with which versions and on what machine."""
    machines = " and ".join(dict.fromkeys(row["machine"] for row in peers))
    versions = [", ".join(f"{k} {v}" for k, v in row["versions"].items()) for row in peers]
    return (
        f"Made by `make bench-peers`; do not edit. {archive.learner()} The other methods are "
        "classifiers of aeon with default settings and seed 0. Missing values are interpolated "
        "linearly, and shorter series are padded with their last value. Each runs on one core "
        f"({machines}; {'; '.join(dict.fromkeys(versions))})."
    )


def reading(found: Figures) -> str:
    """Return what the columns are, and which sets the means leave out."""
    absent = [name for name in SETS if OURS not in found.get(name, {})]
    return (
        f"Means and sums are over the {len(shared_sets(found))} sets that all methods shown have. "
        "Seconds of the other methods are processor seconds for fitting and for answering all test "
        "rows, ours those for training one seed; a model of the default recipe has five. A method "
        "is ahead on a set if none is better in the digits shown. Log-loss is in nats, with "
        f"probabilities of at least {CLIP:.0e}. MiniRocket and MultiRocket-Hydra answer with 0 and "
        "1. Their log-loss and calibration error use the softmax of the scores at a temperature "
        f"fitted on training rows over {FOLDS} folds, which aeon does not offer."
        + (f" Not yet measured: ours on {', '.join(absent)}." if absent else "")
    )


def ruled_out(peers: list[dict[str, Any]]) -> str:
    """Return where probabilities, not votes, of a peer were 0 for the true class of test rows."""
    worst = [row for row in peers if row["clipped"] and not row["hard"]]
    return " ".join(
        f"{row['method']} gave 0 to the true class of {row['clipped']} test rows of {row['set']}, "
        "so its log-loss there depends on this smallest probability."
        for row in worst
    )


def section(peers: list[dict[str, Any]], found: Figures) -> str:
    parts = [
        textwrap.fill(origin(peers), 100, break_on_hyphens=False),
        as_markdown(mean_rows(found)),
        textwrap.fill(f"{reading(found)} {ruled_out(peers)}", 100),
        "![Accuracy against seconds of each method](pictures/peers.png)",
        as_markdown(set_rows(found)),
        "MiniRocket: Dempster, Schmidt and Webb 2021. MultiRocket-Hydra: Tan et al. 2022, Dempster "
        "et al. 2023.\nQUANT: Dempster et al. 2024.",
    ]
    return "\n\n".join(parts)


def draw(found: Figures) -> Figure:
    """Accuracy against seconds: a faint point per set and method, a large one per method's mean."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        axes = figure.subplots()
    for cells in found.values():
        ordered = sorted(cells.values(), key=lambda cell: cell["seconds"])
        axes.plot([c["seconds"] for c in ordered], [c["accuracy"] for c in ordered], color=INK,
                  alpha=0.08, linewidth=0.8, zorder=1)  # fmt: skip
    for method in METHODS:
        if any(method in cells for cells in found.values()):
            _draw_method(axes, method, found)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("seconds on one core (large: geometric mean over the sets)")
    axes.set_ylabel("test accuracy (large: mean over the sets)")
    figure.legend(loc="outside upper center", ncols=len(METHODS), frameon=False)
    return figure


def _draw_method(axes: Axes, method: str, found: Figures) -> None:
    colour, marker = LOOKS[method]
    points = [(c[method]["seconds"], c[method]["accuracy"]) for c in found.values() if method in c]
    axes.scatter(*np.transpose(points), s=22, color=colour, marker=marker, alpha=0.45, linewidths=0)
    own = [found[name][method] for name in shared_sets(found)]
    if own:
        seconds = np.exp(np.mean([np.log(cell["seconds"]) for cell in own]))
        accuracy = np.mean([cell["accuracy"] for cell in own])
        axes.scatter(seconds, accuracy, s=150, color=colour, marker=marker, edgecolors="white",
                     linewidths=1.2, label=method, zorder=3)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=archive.ROOT)
    stored = parser.parse_args().root / f"archive-{numerics()['learning_code']}.json"
    peers = read_results(RESULTS)
    found = figures(peers, json.loads(stored.read_text()) if stored.exists() else {})
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        draw(found).savefig(PICTURE, dpi=110, bbox_inches="tight", metadata={"Software": None})
    write_section(TITLE, section(peers, found))


if __name__ == "__main__":
    main()
