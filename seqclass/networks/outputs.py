"""What a network says of many series: in batches of one shape, which are small for long series."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Infer = Callable[[tf.Tensor], Any]
"""Rows to the outputs of a network."""
BATCH_STEPS, MAX_BATCH_STEPS = 2**13, 2**18
"""Steps of a batch of predictions, so that what is in between stays in the processor's cache; and
of one of ``SMALL_BATCH`` long series, which bounds its memory to some 400 MB."""
SMALL_BATCH, MAX_BATCH = 16, 256
"""Rows of a batch of long series, and of short ones, at most."""
FEW_BATCHES = 8
"""Batches that a network has answered before it would be compiled."""


class Predictor:
    """A Keras network for many series, compiled no more than once, and only where that pays."""

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        self._compiled = tf.function(self._infer)

    def _infer(self, rows: tf.Tensor) -> Any:
        return self.network(rows, training=False)

    def __call__(self, x: np.ndarray) -> Any:
        """The outputs for ``(n, steps, channels)``, as the network gives them: one, or by name."""
        few = len(x) <= FEW_BATCHES * _batch_rows(x.shape[1])
        return answer_in_batches(self._infer if few else self._compiled, x)


def predict_all(network: keras.Model, x: np.ndarray) -> Any:
    """The outputs of a network that is asked once; see ``Predictor``."""
    return Predictor(network)(x)


def answer_in_batches(infer: Infer, x: np.ndarray) -> Any:
    """What ``infer`` says of ``(n, steps, channels)``, as NumPy arrays.

    Batches have one shape, the last is filled up with its own first row; those of long series are
    smaller.
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
