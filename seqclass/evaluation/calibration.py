"""Temperature scaling and calibration error (Guo et al. 2017, "On Calibration of Modern Neural
Networks")."""

import numpy as np
from scipy.special import log_softmax, softmax

COLDEST, HOTTEST = 1e-3, 20.0
N_BINS = 15
"""Bins of confidence of a calibration error and a reliability table."""


def half_a_row(n: int) -> float:
    """Return the share of half a row beside ``n`` others: the doubt that remains without errors."""
    return 0.5 / (n + 0.5)


def fit_temperature(logits: np.ndarray, y: np.ndarray) -> float:
    """Return the temperature that minimises the log-loss of ``logits (n, classes)``.

    Half a row is added that is answered by chance, since rows without an error would ask for
    infinite confidence (Krichevsky and Trofimov 1981; Platt 1999 smooths targets likewise). y:
    class codes ``(n,)``.
    """
    from scipy.optimize import minimize_scalar

    chance = half_a_row(len(y))

    def loss(log_temperature: float) -> float:
        logs = log_softmax(logits / np.exp(log_temperature), axis=1)
        right = float(logs[np.arange(len(y)), y].mean())
        return -(1 - chance) * right - chance * float(logs.mean())

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    grid = np.linspace(*bounds, 11)
    place = int(np.argmin([loss(t) for t in grid]))
    around = grid[max(place - 1, 0)], grid[min(place + 1, len(grid) - 1)]
    return float(
        np.exp(minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-3}).x)
    )


def mean_log_probabilities(logits: list[np.ndarray]) -> np.ndarray:
    """Return the mean log-softmax ``(n, classes)`` of several members' logits.

    logits: of the same rows in the same order, ``(n or more, classes)`` each; only rows that all
    have count.
    """
    shared = min(map(len, logits))
    return np.mean([log_softmax(part[:shared], axis=1) for part in logits], axis=0)


def tempered_loss(logits: np.ndarray, y: np.ndarray) -> float:
    """Return the log-loss (nats) of ``logits (n, classes)`` at their best temperature.

    It measures how well classes are told apart, which may still improve when a network is already
    overconfident.
    """
    logs = log_softmax(logits / fit_temperature(logits, y), axis=1)
    return -float(logs[np.arange(len(y)), y].mean())


def soften(logits: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities ``(n, classes)`` at a temperature; above 1 they are less confident."""
    return softmax(logits / temperature, axis=1)


def without_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return the probabilities ``(n, classes)`` that ``soften`` returns at a temperature of 1."""
    floor = np.finfo(np.float32).tiny
    return softmax(temperature * np.log(np.maximum(probabilities, floor)), axis=1)


def calibration_error(probabilities: np.ndarray, y: np.ndarray) -> float:
    """Return the expected calibration error, in [0, 1].

    It is the mean gap between confidence and accuracy over bins of equal width, weighted by their
    rows.
    """
    rows, confidence, accuracy = np.array(reliability_table(probabilities, y)).T
    return float((rows * np.abs(confidence - accuracy)).sum() / len(y))


def reliability_table(probabilities: np.ndarray, y: np.ndarray) -> list[list[float]]:
    """Return rows, mean confidence and accuracy of each bin that is not empty, by confidence."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == y
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    return [
        [int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean())]
        for inside in (bins == number for number in np.unique(bins))
    ]
