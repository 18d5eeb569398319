"""Outputs of a network for many series, in batches of one shape; of long series in small ones."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Infer = Callable[[tf.Tensor], Any]
"""Function from rows to the outputs of a network."""
BATCH_STEPS, MAX_BATCH_STEPS = 2**13, 2**18
"""Steps in a batch of predictions, whose intermediate results then fit the processor's cache; and
the most steps in a batch of ``SMALL_BATCH`` long series, which limits its memory to some 400 MB."""
SMALL_BATCH, MAX_BATCH = 16, 256
"""Most rows in a batch of long series, and of short ones."""
FEW_BATCHES = 8
"""Number of batches that a network answers in less time than it takes to compile it."""


class Predictor:
    """A Keras network for many series, compiled at most once, and only if that saves time."""

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        self._compiled = tf.function(self._infer)

    def _infer(self, rows: tf.Tensor) -> Any:
        return self.network(rows, training=False)

    def __call__(self, x: np.ndarray) -> Any:
        """Return the outputs for ``(n, steps, channels)``: one array, or arrays by name."""
        few = len(x) <= FEW_BATCHES * _batch_rows(x.shape[1])
        return answer_in_batches(self._infer if few else self._compiled, x)


def predict_all(network: keras.Model, x: np.ndarray) -> Any:
    """Return the outputs of a network that is used only once; see ``Predictor``."""
    return Predictor(network)(x)


def answer_in_batches(infer: Infer, x: np.ndarray) -> Any:
    """Return the outputs of ``infer`` for ``(n, steps, channels)`` as NumPy arrays.

    All batches have one shape; the last is filled up with its own first row. Batches of long series
    are smaller.
    """
    size = min(_batch_rows(x.shape[1]), max(len(x), 1))
    starts = range(0, max(len(x), 1), size)
    found = [infer(tf.constant(_filled(x[start : start + size], size))) for start in starts]
    return tf.nest.map_structure(
        lambda *parts: np.concatenate([part.numpy() for part in parts])[: len(x)], *found
    )


def _batch_rows(n_steps: int) -> int:
    few = min(SMALL_BATCH, MAX_BATCH_STEPS // n_steps)
    return max(1, min(MAX_BATCH, max(few, BATCH_STEPS // n_steps)))


def _filled(rows: np.ndarray, size: int) -> np.ndarray:
    first = rows[:1] if len(rows) else np.zeros((1, *rows.shape[1:]), rows.dtype)
    return np.concatenate([rows, np.repeat(first, size - len(rows), axis=0)])
