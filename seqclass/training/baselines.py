"""Plain classifiers, with which an LSTM is compared."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqclass.networks.outputs import Source
from seqclass.networks.scaling import Scaling, fit_scaling
from seqclass.training.ngrams import fit_symbol_models
from seqclass.training.splits import Part


class Baseline(Protocol):
    """A fitted baseline."""

    def log_scores(self, x: np.ndarray) -> np.ndarray:
        """Return scores ``(n, classes)`` of series ``(n, steps, channels)``."""


Fit = Callable[[np.ndarray, np.ndarray, Sequence[str], Sequence[str], int], Mapping[str, Baseline]]
"""Fits baselines to training rows ``(n, steps, channels)``, their class codes ``(n,)``, the names
of channels and of classes, and a seed; returns none where the channels are not of its kind."""
MAX_ROWS = 20_000
"""Most training rows that a baseline sees, and most rows that it answers at once."""


def summary_features(x: np.ndarray) -> np.ndarray:
    """Return summaries of each channel of ``(n, steps, channels)``, as ``(n, 11 channels)``.

    Per channel: mean, standard deviation, minimum, quartiles, maximum, share missing, mean absolute
    difference of neighbouring steps, correlation with time, lag-1 autocorrelation. Only the last
    three depend on the order of steps. NaN is left out.
    """
    time = np.linspace(-1.0, 1.0, x.shape[1])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        columns = [_channel_features(channel, time) for channel in np.moveaxis(x, 2, 0)]
    return np.nan_to_num(np.concatenate(columns, axis=1), posinf=0.0, neginf=0.0)


def _channel_features(channel: np.ndarray, time: np.ndarray) -> np.ndarray:
    values = channel.astype(np.float64)
    mean, spread = np.nanmean(values, axis=1), np.nanstd(values, axis=1)
    centred = (values - mean[:, None]) / np.where(spread > 0, spread, 1.0)[:, None]
    return np.stack(
        [
            mean,
            spread,
            *np.nanpercentile(values, [0, 25, 50, 75, 100], axis=1),
            np.isnan(values).mean(axis=1),
            np.nanmean(np.abs(np.diff(values, axis=1)), axis=1),
            np.nanmean(centred * time, axis=1),
            np.nanmean(centred[:, 1:] * centred[:, :-1], axis=1),
        ],
        axis=1,
    )


def baseline_predictions(
    x: Source,
    y: np.ndarray,
    x_test: Source,
    seed: int,
    channels: Sequence[str] = (),
    more: Callable[[np.ndarray, np.ndarray], Mapping[str, Baseline]] | None = None,
) -> dict[str, np.ndarray]:
    """Return class codes ``(n_test,)`` by each baseline, fitted to ``x (n, steps, channels)``.

    ``nearest_neighbour`` is 1-NN by Euclidean distance on channels scaled over the training rows; a
    missing value counts as the channel's median. If channels hold symbols, ``histogram`` and
    ``bigram`` count them. channels: their names, which may be units of symbols. more: fits other
    baselines to the rows and codes, in place of those of symbols.
    """
    rows = np.arange(len(x))
    if len(x) > MAX_ROWS:
        rows = np.random.default_rng(seed).permutation(len(x))[:MAX_ROWS]
    x_train, y = x[rows], y[rows]
    features, scaling = summary_features(x_train), fit_scaling(x_train)
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    majority = DummyClassifier(strategy="most_frequent").fit(features, y)
    linear = _fit_quietly(regression, features, y)
    nearest = KNeighborsClassifier(1, algorithm="brute").fit(_scaled(x_train, scaling), y)
    fitted = more(x_train, y) if more else fit_symbol_models(x_train, y, channels, seed)

    def answered(part: np.ndarray) -> dict[str, np.ndarray]:
        seen = summary_features(part)
        plain = {"majority": majority.predict(seen), "logistic_regression": linear.predict(seen),
                 "nearest_neighbour": nearest.predict(_scaled(part, scaling))}  # fmt: skip
        return plain | {n: m.log_scores(part).argmax(axis=1) for n, m in fitted.items()}

    starts = range(0, max(len(x_test), 1), MAX_ROWS)
    parts = [answered(x_test[start : start + MAX_ROWS]) for start in starts]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def fit_symbols(
    x: np.ndarray, y: np.ndarray, channels: Sequence[str], classes: Sequence[str], seed: int
) -> Mapping[str, Baseline]:
    """Fit the baselines of symbols, if a channel holds any; see ``Fit``."""
    return fit_symbol_models(x, y, channels, seed)


def _scaled(x: np.ndarray, scaling: Scaling) -> np.ndarray:
    return np.nan_to_num((x - scaling.center) / scaling.scale).reshape(len(x), -1)


def held_back_predictions(
    rows: tuple[Source, np.ndarray], folds: Sequence[Part], seed: int, channels: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return class codes by each baseline for the held-back rows, in the folds' order.

    Each row is answered by baselines that are fitted to the rows that its fold keeps. rows: series
    and class codes.
    """
    x, y = rows
    parts = [
        baseline_predictions(x[kept], y[kept], x[held], seed, channels) for kept, held in folds
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _fit_quietly(model: LogisticRegression, x: np.ndarray, y: np.ndarray) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y)
