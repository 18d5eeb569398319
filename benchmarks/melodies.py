"""How generated melodies move, beside real ones and beside the author's rule.

Real are the figures of the design (42,061 moves in notation of 37 ragas) and, where the shared data
is there, the gitams and sancharas themselves. A step leads to the next svara of a raga's own scale;
of real pieces, whose letters carry no variants, to the next of the letters that the piece has.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from seqclass.pages.charts import ACCENT, INK, MUTED, STYLE
from seqclass.ragas.melody_statistics import MelodyFigures, melody_statistics, scale_rank
from seqclass.ragas.raga_series import generate_ragas
from seqclass.ragas.raga_spec import RagaSpec
from seqclass.ragas.svaras import LETTERS, PLACES

GITAMS = Path(__file__).parents[2] / "shared" / "data" / "raga" / "geethams.jsonl"
REAL: Mapping[str, Any] = {
    "steps": 0.696, "skips": 0.149, "repeats": 0.109, "larger": 0.045, "over_octave": 0.0045,
    "mean_run": 2.35, "runs_of_one": 0.465, "range": [22.0, 13, 35], "octaves": [0.08, 0.77, 0.15],
}  # fmt: skip
"""Shares of moves and runs, lengths in moves, ranges in semitones, of real notation."""
PIECE_NOTES = (200, 400)
"""As long as the pieces by which the real figures were measured."""


def generated(spec: RagaSpec) -> MelodyFigures:
    """Statistics of a spec's melodies."""
    places = [np.unique([PLACES[s] for s in raga.svaras]) for raga in spec.definitions]
    ranks, heights = [], []
    for block in generate_ragas(spec):
        pitches = block.values[..., 0]
        for code, series, n in zip(block.codes, pitches, block.n_notes, strict=True):
            height = np.rint(series[:n]).astype(int)
            heights.append(height)
            ranks.append(scale_rank(height, places[code]))
    return _statistics(ranks, heights)


def gitams() -> MelodyFigures | None:
    """Statistics of the real pieces in the shared data; None where it is absent."""
    if not GITAMS.is_file():
        return None
    ranks, heights = [], []
    for line in GITAMS.read_text().splitlines():
        piece = json.loads(line)
        letter = np.array([LETTERS.index(s) for s in piece["svaras"]])
        octave = np.array(piece["octaves"])
        used = np.unique(letter)
        ranks.append(np.searchsorted(used, letter) + len(used) * octave)
        heights.append(np.array([0, 2, 4, 5, 7, 9, 11])[letter] + 12 * octave)
    return _statistics(ranks, heights)


def _statistics(ranks: list[np.ndarray], heights: list[np.ndarray]) -> MelodyFigures:
    ends = np.cumsum([len(rank) for rank in ranks])
    return melody_statistics(np.concatenate(ranks), np.concatenate(heights), ends)


def compare(n_series: int = 1000) -> dict[str, dict[str, Any]]:
    """Statistics by what was measured, real ones first."""
    common = {"ragas": ("all",), "n_series": n_series}
    found = {
        "real notation (design)": REAL,
        "gitams and sancharas": gitams(),
        "honest, 200..400 svaras": generated(RagaSpec(**common, n_notes=PIECE_NOTES)),
        "honest, 64 svaras": generated(RagaSpec(**common)),
        "author's rule, 64 svaras": generated(RagaSpec(**common, rule="author")),
    }
    return {name: statistics for name, statistics in found.items() if statistics}


def as_rows(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A row per kind of melody, for a table."""
    keys = [key for key in REAL if key != "octaves"]
    return [
        {
            "what": name,
            **{key: row[key] for key in keys},
            **dict(zip(("lower", "middle", "upper"), row["octaves"], strict=True)),
        }
        for name, row in found.items()
    ]


COLOURS = (INK, "#e8590c", ACCENT, "#74c0c9", MUTED)


def picture(found: dict[str, dict[str, Any]], path: Path) -> None:
    """Moves, lengths of runs and octaves, a colour for each kind of melody."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(11, 3.4), layout="constrained", dpi=120)
        moves, runs, octaves = figure.subplots(1, 3, width_ratios=(5, 5, 3))
    names = ("steps", "skips", "repeats", "larger", "over_octave")
    width = 0.8 / len(found)
    for k, ((label, row), colour) in enumerate(zip(found.items(), COLOURS, strict=False)):
        offset = (k - (len(found) - 1) / 2) * width
        moves.bar(np.arange(5) + offset, [row[n] for n in names], width, color=colour, label=label)
        if "run_lengths" in row:
            runs.plot(range(1, 9), row["run_lengths"], "o-", color=colour, markersize=4)
        octaves.bar(np.arange(3) + offset, row["octaves"], width, color=colour)
    moves.set_xticks(range(5), [name.replace("_", "\n") for name in names])
    moves.set_title("share of all moves", loc="left", fontsize=9)
    runs.set_xticks(range(1, 9), [*map(str, range(1, 8)), "8+"])
    runs.set_xlabel("moves in one direction")
    runs.set_title("share of all runs", loc="left", fontsize=9)
    octaves.set_xticks(range(3), ["lower", "middle", "upper"])
    octaves.set_title("share of svaras by octave", loc="left", fontsize=9)
    figure.legend(loc="outside lower center", ncols=5, frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Software": None})
