"""Baselines for sequences of symbols: the counts of each symbol, and of each pair of neighbours.

On melodies the first is the pitch-class histogram, which knows no order, and the second knows the
order of two notes. The lead of an LSTM over both comes from longer orders.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.naive_bayes import MultinomialNB
from sklearn.preprocessing import Normalizer

from seqclass.networks.symbols import (
    MISSING,
    SAMPLED,
    Alphabet,
    Alphabets,
    find_alphabets,
    folded_symbols,
    quantised,
    tokens_of,
    without_repeats,
)

FOLDS = 3
CHOOSING_ROWS = 12_000
"""Most training rows, drawn by the seed, that choose a model; it is then fitted to all."""
MAX_TOKENS = 2**24
"""Most combinations of symbols of all channels; with more, nothing is counted."""
OCTAVE = 12
SMOOTHING = (0.01, 0.1, 1.0)
"""Pseudo-counts that are tried for the bigrams."""
PENALTIES = (1.0, 100.0)
"""Inverse strengths of the penalty that are tried for the histogram's regression."""


@dataclass(frozen=True)
class NgramConfig:
    """The way series become features: counts of symbols, or of pairs of neighbours.

    channels: their names; alphabets: theirs, in the training rows. period: symbols are taken modulo
    it; 0: as they are. order: symbols that are counted together, 1 or 2.
    """

    channels: tuple[str, ...]
    alphabets: Alphabets
    period: int
    order: int

    def grams(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return row numbers and features, one each per gram of ``(n, steps, channels)``."""
        values = quantised(x, self.channels)
        tokens = tokens_of(
            folded_symbols(values, self.period) if self.period else values, self.alphabets
        )
        if self.order == 1:
            rows, steps = np.nonzero(tokens != MISSING)
            return rows, tokens[rows, steps]
        if any(name in SAMPLED for name in self.channels):
            tokens = without_repeats(tokens)
        rows, steps = np.nonzero((tokens[:, 1:] != MISSING) & (tokens[:, :-1] != MISSING))
        return rows, tokens[rows, steps] * n_tokens(self.alphabets) + tokens[rows, steps + 1]


def n_tokens(alphabets: Alphabets) -> int:
    """Return the number of different tokens of all channels of symbols together."""
    return math.prod(a.size for a in alphabets if a is not None)


def count(reading: NgramConfig, x: np.ndarray, vocabulary: np.ndarray) -> csr_matrix:
    """Return counts ``(n, features)`` of the grams in a sorted vocabulary; others are left out."""
    rows, grams = reading.grams(x)
    place = np.minimum(np.searchsorted(vocabulary, grams), len(vocabulary) - 1)
    is_listed = vocabulary[place] == grams
    ones = np.ones(int(is_listed.sum()))
    return csr_matrix((ones, (rows[is_listed], place[is_listed])), shape=(len(x), len(vocabulary)))


class LinearModel(Protocol):
    """The methods that scikit-learn's naive Bayes and regression share."""

    def fit(self, x: csr_matrix, y: np.ndarray) -> "LinearModel":
        """Fit the model to counts ``(n, p)`` and class codes ``(n,)``, and return it."""

    def predict(self, x: csr_matrix) -> np.ndarray:
        """Return class codes ``(n,)``."""

    def predict_log_proba(self, x: csr_matrix) -> np.ndarray:
        """Return log-probabilities ``(n, classes)``."""


@dataclass(frozen=True)
class SymbolModel:
    """A fitted baseline: its features, its vocabulary, and the title of the chosen candidate."""

    reading: NgramConfig
    vocabulary: np.ndarray
    fitted: LinearModel
    choice: str

    def log_scores(self, x: np.ndarray) -> np.ndarray:
        """Return log-probabilities ``(n, classes)`` of series ``(n, steps, channels)``."""
        counts = count(self.reading, x, self.vocabulary)
        return self.fitted.predict_log_proba(_seen(self.fitted, counts))


def _seen(model: LinearModel, counts: csr_matrix) -> csr_matrix:
    """Return a model's input: each feature's share of a series, or its counts for naive Bayes."""
    return counts if isinstance(model, MultinomialNB) else Normalizer("l1").transform(counts)


@dataclass(frozen=True)
class SymbolCandidate:
    """A model that may be chosen, on symbols modulo ``period`` (0: as they are)."""

    title: str
    period: int
    make: Callable[[], LinearModel]


def fit_symbol_models(
    x: np.ndarray, y: np.ndarray, channels: Sequence[str], seed: int
) -> dict[str, SymbolModel]:
    """Fit both baselines to training rows ``(n, steps, channels)``.

    None is fitted if no channel holds symbols. Three-fold cross-validation on these rows chooses,
    by accuracy, the model or its smoothing, and whether symbols are taken modulo the octave.
    """
    alphabets = find_alphabets(x, channels)
    if not any(alphabets) or n_tokens(alphabets) > MAX_TOKENS:
        return {}
    wide = any(a.size > OCTAVE for a in alphabets if a is not None)
    periods = (OCTAVE, 0) if wide else (0,)
    readings = {
        (period, order): NgramConfig(
            tuple(channels), _folded_alphabets(alphabets, period), period, order
        )
        for period in periods
        for order in (1, 2)
    }
    return {
        name: _best(x, y, {p: readings[p, order] for p in periods}, candidates(periods), seed)
        for name, order, candidates in (
            ("histogram", 1, _histogram_candidates),
            ("bigram", 2, _bigram_candidates),
        )
    }


def _folded_alphabets(alphabets: Alphabets, period: int) -> Alphabets:
    if not period:
        return alphabets
    return tuple(None if a is None else Alphabet(0, period) for a in alphabets)


def _histogram_candidates(periods: tuple[int, ...]) -> list[SymbolCandidate]:
    def regression(penalty: float) -> Callable[[], LinearModel]:
        return lambda: LogisticRegression(C=penalty, max_iter=300)

    return [
        candidate
        for period in periods
        for candidate in (
            SymbolCandidate(
                f"naive Bayes{_modulo(period)}", period, lambda: MultinomialNB(alpha=0.1)
            ),
            *(
                SymbolCandidate(f"regression, C={c:g}{_modulo(period)}", period, regression(c))
                for c in PENALTIES
            ),
        )
    ]


def _bigram_candidates(periods: tuple[int, ...]) -> list[SymbolCandidate]:
    def bayes(pseudo_count: float) -> Callable[[], LinearModel]:
        return lambda: MultinomialNB(alpha=pseudo_count)

    return [
        SymbolCandidate(f"naive Bayes, pseudo-count {a:g}{_modulo(period)}", period, bayes(a))
        for period in periods
        for a in SMOOTHING
    ]


def _modulo(period: int) -> str:
    return f", modulo {period}" if period else ""


def _best(
    x: np.ndarray,
    y: np.ndarray,
    readings: dict[int, NgramConfig],
    candidates: list[SymbolCandidate],
    seed: int,
) -> SymbolModel:
    words = {period: np.unique(reading.grams(x)[1]) for period, reading in readings.items()}
    words = {period: grams if len(grams) else np.zeros(1, int) for period, grams in words.items()}
    counts = {period: count(reading, x, words[period]) for period, reading in readings.items()}
    rows = np.random.default_rng(seed).permutation(len(y))[:CHOOSING_ROWS]
    best = max(candidates, key=lambda c: _validated(c.make, counts[c.period][rows], y[rows], seed))
    model, period = best.make(), best.period
    model.fit(_seen(model, counts[period]), y)
    return SymbolModel(readings[period], words[period], model, best.title)


def _validated(
    make: Callable[[], LinearModel], counts: csr_matrix, y: np.ndarray, seed: int
) -> float:
    """Return the accuracy on rows of classes that are in every fold; 0 without two such classes."""
    is_common = (np.bincount(y) >= FOLDS)[y]
    counts, y = counts[is_common], y[is_common]
    if len(np.unique(y)) < 2:
        return 0.0
    right = 0
    for kept, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(counts, y):
        model = make()
        model.fit(_seen(model, counts[kept]), y[kept])
        right += int((model.predict(_seen(model, counts[held])) == y[held]).sum())
    return right / len(y)
