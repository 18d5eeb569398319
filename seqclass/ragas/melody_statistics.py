"""Statistics of how melodies move, to compare generated melodies with real ones."""

import numpy as np
from typing_extensions import TypedDict


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
