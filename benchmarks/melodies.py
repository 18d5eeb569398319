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
from typing_extensions import TypedDict

from seqclass.pages.charts import ACCENT, INK, MUTED, STYLE
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


class MelodyFigures(TypedDict):
    """The figures that ``melody_statistics`` returns."""

    moves: int
    steps: float
    skips: float
    repeats: float
    larger: float
    over_octave: float
    mean_run: float
    runs_of_one: float
    run_lengths: list[float]
    range: list[float]
    octaves: list[float]


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


def melody_statistics(rank: np.ndarray, height: np.ndarray, ends: np.ndarray) -> MelodyFigures:
    """Return figures of melodies that are laid end to end.

    rank: ``(notes,)`` places in the raga's scale, one step to the next svara, octaves counted;
    height: ``(notes,)`` semitones above the middle Sa; ends: ``(melodies,)`` index after the last
    note of each.

    Shares of all moves: ``steps`` (to the next svara of the scale), ``skips`` (over one svara),
    ``repeats``, ``larger``, ``over_octave`` (in semitones). A run is a sequence of moves in one
    direction; repeats neither end nor lengthen it: ``mean_run``, ``runs_of_one``, and
    ``run_lengths``, shares of runs of 1 to 8 (and more) moves. ``range``: median, lowest and
    highest, in semitones. ``octaves``: shares of the lower, the middle and the upper ones.
    """
    inner = np.ones(len(rank) - 1, bool)
    inner[ends[:-1] - 1] = False
    moves, leaps = np.diff(rank)[inner], np.abs(np.diff(height))[inner]
    size = np.abs(moves)
    runs = run_lengths(rank, ends)
    pieces = np.split(height, ends[:-1])
    ranges = [int(np.ptp(piece)) for piece in pieces]
    octave = np.clip(height // 12, -1, 1)
    return {
        "moves": len(moves),
        "steps": float((size == 1).mean()),
        "skips": float((size == 2).mean()),
        "repeats": float((size == 0).mean()),
        "larger": float((size > 2).mean()),
        "over_octave": float((leaps > 12).mean()),
        "mean_run": float(runs.mean()),
        "runs_of_one": float((runs == 1).mean()),
        "run_lengths": [float((np.minimum(runs, 8) == n).mean()) for n in range(1, 9)],
        "range": [float(np.median(ranges)), min(ranges), max(ranges)],
        "octaves": [float((octave == n).mean()) for n in (-1, 0, 1)],
    }


def run_lengths(rank: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the number of moves of every run, melody after melody."""
    found = []
    for piece in np.split(rank, ends[:-1]):
        signs = np.sign(np.diff(piece))
        signs = signs[signs != 0]
        edges = np.flatnonzero(np.diff(signs)) + 1
        found.append(np.diff(np.concatenate([[0], edges, [len(signs)]])))
    runs = np.concatenate(found)
    return runs[runs > 0]


def scale_rank(height: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return places in a scale of distinct semitones above Sa, ascending, octaves counted."""
    return np.searchsorted(places, height % 12) + len(places) * (height // 12)
