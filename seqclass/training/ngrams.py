"""Baselines for sequences of symbols: how often each comes, and which follows which.

On melodies the first is the pitch-class histogram, which hears no order at all, and the second
hears an order of two notes. What an LSTM adds is what it knows beyond them.
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
    folded,
    quantised,
    tokens_of,
    without_repeats,
)

FOLDS = 3
CHOOSING_ROWS = 12_000
"""Training rows, drawn by the seed, that a choice is made on at most; all of them are fitted."""
MAX_TOKENS = 2**24
"""Different symbols of all channels together, beyond which nothing is counted."""
OCTAVE = 12
SMOOTHING = (0.01, 0.1, 1.0)
"""Pseudo-counts of the bigrams that are tried."""
PENALTIES = (1.0, 100.0)
"""Inverse strengths of the histogram regression's penalty that are tried."""


@dataclass(frozen=True)
class NgramConfig:
    """How series become features: which symbols, or pairs of neighbours, a series has.

    alphabets: of the channels, of the training rows; channels: their names. period: symbols are
    taken modulo it, 0 for not at all. order: symbols that are counted together, 1 or 2.
    """

    channels: tuple[str, ...]
    alphabets: Alphabets
    period: int
    order: int

    def grams(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers and features, one of each for every gram of ``(n, steps, channels)``."""
        values = quantised(x, self.channels)
        tokens = tokens_of(folded(values, self.period) if self.period else values, self.alphabets)
        if self.order == 1:
            rows, steps = np.nonzero(tokens != MISSING)
            return rows, tokens[rows, steps]
        if any(name in SAMPLED for name in self.channels):
            tokens = without_repeats(tokens)
        rows, steps = np.nonzero((tokens[:, 1:] != MISSING) & (tokens[:, :-1] != MISSING))
        return rows, tokens[rows, steps] * n_tokens(self.alphabets) + tokens[rows, steps + 1]


def n_tokens(alphabets: Alphabets) -> int:
    """How many different tokens channels of symbols have together."""
    return math.prod(a.size for a in alphabets if a is not None)


def count(reading: NgramConfig, x: np.ndarray, vocabulary: np.ndarray) -> csr_matrix:
    """Counts ``(n, features)`` of the grams in a sorted vocabulary; others are left out."""
    rows, grams = reading.grams(x)
    place = np.minimum(np.searchsorted(vocabulary, grams), len(vocabulary) - 1)
    known = vocabulary[place] == grams
    ones = np.ones(int(known.sum()))
    return csr_matrix((ones, (rows[known], place[known])), shape=(len(x), len(vocabulary)))


class LinearModel(Protocol):
    """What scikit-learn's naive Bayes and regression have in common."""

    def fit(self, x: csr_matrix, y: np.ndarray) -> "LinearModel":
        """Fit counts ``(n, p)`` to class codes ``(n,)``."""

    def predict(self, x: csr_matrix) -> np.ndarray:
        """Class codes ``(n,)``."""

    def predict_log_proba(self, x: csr_matrix) -> np.ndarray:
        """Log-probabilities ``(n, classes)``."""


@dataclass(frozen=True)
class SymbolModel:
    """A fitted baseline: how it reads series, what it counts, and what was chosen for it."""

    reading: NgramConfig
    vocabulary: np.ndarray
    fitted: LinearModel
    choice: str

    def log_scores(self, x: np.ndarray) -> np.ndarray:
        """Log-probabilities ``(n, classes)`` of series ``(n, steps, channels)``."""
        counts = count(self.reading, x, self.vocabulary)
        return self.fitted.predict_log_proba(_seen(self.fitted, counts))


def _seen(model: LinearModel, counts: csr_matrix) -> csr_matrix:
    """A regression sees each feature's share of a series, naive Bayes its counts."""
    return counts if isinstance(model, MultinomialNB) else Normalizer("l1").transform(counts)


@dataclass(frozen=True)
class Candidate:
    """A model that may be chosen, on symbols modulo ``period`` (0: as they are)."""

    title: str
    period: int
    make: Callable[[], LinearModel]


def fit_symbol_models(
    x: np.ndarray, y: np.ndarray, channels: Sequence[str], seed: int
) -> dict[str, SymbolModel]:
    """Fit both baselines on training rows ``(n, steps, channels)``; none where no symbols are.

    Whether symbols are taken modulo the octave, and which model or smoothing, is chosen by the
    accuracy of three-fold cross-validation on these rows.
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


def _histogram_candidates(periods: tuple[int, ...]) -> list[Candidate]:
    def regression(penalty: float) -> Callable[[], LinearModel]:
        return lambda: LogisticRegression(C=penalty, max_iter=300)

    return [
        candidate
        for period in periods
        for candidate in (
            Candidate(f"naive Bayes{_modulo(period)}", period, lambda: MultinomialNB(alpha=0.1)),
            *(
                Candidate(f"regression, C={c:g}{_modulo(period)}", period, regression(c))
                for c in PENALTIES
            ),
        )
    ]


def _bigram_candidates(periods: tuple[int, ...]) -> list[Candidate]:
    def bayes(pseudo_count: float) -> Callable[[], LinearModel]:
        return lambda: MultinomialNB(alpha=pseudo_count)

    return [
        Candidate(f"naive Bayes, pseudo-count {a:g}{_modulo(period)}", period, bayes(a))
        for period in periods
        for a in SMOOTHING
    ]


def _modulo(period: int) -> str:
    return f", modulo {period}" if period else ""


def _best(
    x: np.ndarray,
    y: np.ndarray,
    readings: dict[int, NgramConfig],
    candidates: list[Candidate],
    seed: int,
) -> SymbolModel:
    words = {period: np.unique(reading.grams(x)[1]) for period, reading in readings.items()}
    words = {period: found if len(found) else np.zeros(1, int) for period, found in words.items()}
    counts = {period: count(reading, x, words[period]) for period, reading in readings.items()}
    rows = np.random.default_rng(seed).permutation(len(y))[:CHOOSING_ROWS]
    best = max(candidates, key=lambda c: _validated(c.make, counts[c.period][rows], y[rows], seed))
    model, period = best.make(), best.period
    model.fit(_seen(model, counts[period]), y)
    return SymbolModel(readings[period], words[period], model, best.title)


def _validated(
    make: Callable[[], LinearModel], counts: csr_matrix, y: np.ndarray, seed: int
) -> float:
    """Accuracy over the folds; 0 where a class has fewer rows than there are folds."""
    if np.unique(y, return_counts=True)[1].min() < FOLDS:
        return 0.0
    right = 0
    for kept, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(counts, y):
        model = make()
        model.fit(_seen(model, counts[kept]), y[kept])
        right += int((model.predict(_seen(model, counts[held])) == y[held]).sum())
    return right / len(y)
