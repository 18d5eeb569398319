"""Real recordings of ragas told by distributions of pitch, from generated contours and from others.

Cross-validation over recordings: numbers of how a raga is sung are fitted on some recordings of
each raga, contours are generated with them, and the recordings left out are named by the nearest
generated distribution. The blur of the distributions, and the weight of real beside generated ones,
are chosen on a recording of each raga held back from those that are learned from.
"""

from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from benchmarks.contour_fit import COMPOSITIONS, ONE_VOICE, Stage, fit_ragas, stage
from benchmarks.pitch_distributions import (
    Recordings,
    distributions,
    scale_templates,
    smoothed,
)
from seqclass.ragas.definitions import Raga
from seqclass.ragas.raga_series import perform
from seqclass.ragas.singing import as_sung, usual
from seqclass.ragas.sung_table import FITTED_ON

Row = dict[str, Any]
BLURS, BLUR = (0.0, 1.0, 2.0, 3.0), 2.0
"""Bins by which distributions are blurred, and by how many where nothing can be held back."""
WEIGHTS, WEIGHT = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0), 0.5
"""Weights of real recordings beside generated ones, and the one where nothing can be held back."""
FOLDS, COUNTS = 6, (1, 3, 5)
GENERATED, SECONDS = 24, 300.0
"""Compositions generated of each raga, and their length."""


class Library(NamedTuple):
    """Distributions ``(n, BINS)`` to compare with, and the raga of each."""

    share: np.ndarray
    label: np.ndarray

    def nearest(self, asked: np.ndarray, blur: float, n_ragas: int) -> np.ndarray:
        """Return Bhattacharyya's coefficient with the nearest of each raga, ``(asked, ragas)``."""
        roots = (np.sqrt(smoothed(a, blur)) for a in (asked, self.share))
        alike = np.einsum("ab,cb->ac", *roots)
        return np.stack([alike[:, self.label == r].max(axis=1) for r in range(n_ragas)], axis=1)


class Stages(NamedTuple):
    """The compositions that are sung to fit numbers, and those that are generated."""

    fit: Stage
    generate: Stage

    def library(self, ragas: tuple[Raga, ...]) -> Library:
        """Return the distributions of contours of ragas that have their numbers."""
        spec, composition = self.generate.spec, self.generate.sung_by(ragas)
        cents = perform(spec, composition, np.random.default_rng(2)).cents
        return Library(distributions(cents), composition.of.codes)


def ranks(scores: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return how many ragas come before the right one, for each recording."""
    return (scores > scores[np.arange(len(label)), label][:, None]).sum(axis=1)


class Fold(NamedTuple):
    """Recordings to learn from, those of them that are held back to choose by, and test ones."""

    known: Recordings
    kept: Recordings
    held: Recordings
    asked: Recordings


def fold_of(all_of: Recordings, turn: int, count: int) -> Fold:
    """Return the fold that asks every ``FOLDS``-th recording and knows the next ``count`` ones."""
    asked = all_of.turn % FOLDS == turn
    known, held = np.zeros((2, len(asked)), bool)
    for raga in range(len(all_of.ragas)):
        others = np.flatnonzero((all_of.label == raga) & ~asked)
        others = np.roll(others, -(all_of.turn[others] > turn).argmax())[:count]
        known[others] = True
        held[others[1:][-1:]] = True
    return Fold(*(all_of.only(chosen) for chosen in (known, known & ~held, held, asked)))


def measure(recordings: Recordings) -> list[Row]:
    """Return a row of each way to name recordings."""
    ragas = recordings.ragas
    stages = Stages(
        stage(ragas, COMPOSITIONS, seed=0, **ONE_VOICE),
        stage(ragas, GENERATED, seed=1, seconds=SECONDS),
    )
    found: dict[tuple[str, int], list[np.ndarray]] = {}
    for turn, count in product(range(min(FOLDS, recordings.turn.max() + 1)), COUNTS):
        for who, rank in _ranks_of(fold_of(recordings, turn, count), stages).items():
            found.setdefault((who, count), []).append(rank)
    rows = [_row(who, np.concatenate(parts), count) for (who, count), parts in found.items()]
    return [*_fixed_rows(recordings, stages), *sorted(rows, key=lambda row: row["what"])]


def _row(who: str, rank: np.ndarray, count: int | None = None) -> Row:
    return {
        "what": who,
        "real ones a raga": count,
        "first": float((rank == 0).mean()),
        "first five": float((rank < 5).mean()),
        "recordings": len(rank),
    }


def _fixed_rows(recordings: Recordings, stages: Stages) -> list[Row]:
    """Return rows of libraries that learn nothing from these recordings, or not in folds."""
    ragas, asked = recordings.ragas, recordings
    scale = Library(scale_templates(ragas), np.arange(len(ragas)))
    shipped = "shipped numbers" + (", fitted on these" if recordings.digest == FITTED_ON else "")
    libraries = {
        "scale": scale,
        "contours before any fit": stages.library(stages.fit.spec.definitions),
        shipped: stages.library(tuple(as_sung(replace(raga, sung=())) for raga in ragas)),
    }
    return [
        _row(who, ranks(library.nearest(asked.share, BLUR, len(ragas)), asked.label))
        for who, library in libraries.items()
    ]


def _ranks_of(fold: Fold, stages: Stages) -> dict[str, np.ndarray]:
    """Return ranks of the right raga by who was asked, for the test recordings of a fold."""
    n, asked = len(fold.asked.ragas), fold.asked
    fitted = fit_ragas(stages.fit, fold.known.mean(), fold.known.each)
    generated, real = stages.library(fitted), Library(fold.known.share, fold.known.label)
    blur = {"generated": BLUR, "real": BLUR}
    weight = WEIGHT
    if len(fold.held.label):
        blur, weight = _chosen(fold, stages)
    scores = {
        "generated": generated.nearest(asked.share, blur["generated"], n),
        "real": real.nearest(asked.share, blur["real"], n),
    }
    mixed = weight * scores["real"] + (1 - weight) * scores["generated"]
    named = {
        "generated contours": scores["generated"],
        "real recordings": scores["real"],
        "real beside generated": mixed,
    }
    if len(fold.known.label) == COUNTS[-1] * n:
        named["contours, each raga left out of the fit"] = _left_out(fitted, stages).nearest(
            asked.share, blur["generated"], n
        )
    return {who: ranks(score, asked.label) for who, score in named.items()}


def _left_out(fitted: tuple[Raga, ...], stages: Stages) -> Library:
    """Return contours of ragas that have the numbers of all others' svaras."""
    return stages.library(
        tuple(
            usual(replace(raga, sung=()), tuple(other for other in fitted if other != raga))
            for raga in fitted
        )
    )


def _chosen(fold: Fold, stages: Stages) -> tuple[dict[str, float], float]:
    """Return the blurs and the weight by which held-back recordings are named best."""
    n, held = len(fold.held.ragas), fold.held
    libraries = {
        "generated": stages.library(fit_ragas(stages.fit, fold.kept.mean(), fold.kept.each)),
        "real": Library(fold.kept.share, fold.kept.label),
    }
    best, blurs = {}, {}
    for who, library in libraries.items():
        tried = {blur: library.nearest(held.share, blur, n) for blur in BLURS}
        blurs[who] = max(tried, key=lambda blur: _worth(tried[blur], held.label))
        best[who] = tried[blurs[who]]
    mixed = {w: w * best["real"] + (1 - w) * best["generated"] for w in WEIGHTS}
    return blurs, max(mixed, key=lambda w: _worth(mixed[w], held.label))


def _worth(scores: np.ndarray, label: np.ndarray) -> float:
    """Return the mean reciprocal rank of the right raga."""
    return float((1 / (1 + ranks(scores, label))).mean())
