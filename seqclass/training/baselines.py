"""Plain classifiers, with which an LSTM is compared."""

import warnings
from collections.abc import Sequence

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from seqclass.networks.scaling import fit_scaling
from seqclass.training.ngrams import fit_symbol_models
from seqclass.training.splits import Part

MAX_ROWS = 20_000
"""Most training rows that a baseline sees."""


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
    x: np.ndarray,
    y: np.ndarray,
    x_test: np.ndarray,
    seed: int,
    channels: Sequence[str] = (),
) -> dict[str, np.ndarray]:
    """Return class codes ``(n_test,)`` by each baseline, fitted to ``x (n, steps, channels)``.

    ``nearest_neighbour`` is 1-NN by Euclidean distance on channels scaled over the training rows; a
    missing value counts as the channel's median. If channels hold symbols, ``histogram`` and
    ``bigram`` count them. channels: their names, which may be units of symbols.
    """
    if len(x) > MAX_ROWS:
        rows = np.random.default_rng(seed).permutation(len(x))[:MAX_ROWS]
        x, y = x[rows], y[rows]
    features, features_test = summary_features(x), summary_features(x_test)
    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    scaling = fit_scaling(x)
    flat, flat_test = (
        np.nan_to_num((part - scaling.center) / scaling.scale).reshape(len(part), -1)
        for part in (x, x_test)
    )
    fitted = {
        "majority": DummyClassifier(strategy="most_frequent").fit(features, y),
        "logistic_regression": _fit_quietly(regression, features, y),
        "nearest_neighbour": KNeighborsClassifier(1, algorithm="brute").fit(flat, y),
    }
    seen = {"nearest_neighbour": flat_test}
    answers = {name: m.predict(seen.get(name, features_test)) for name, m in fitted.items()}
    counting = fit_symbol_models(x, y, channels, seed)
    return answers | {name: m.log_scores(x_test).argmax(axis=1) for name, m in counting.items()}


def held_back_predictions(
    rows: tuple[np.ndarray, np.ndarray], folds: Sequence[Part], seed: int, channels: Sequence[str]
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
