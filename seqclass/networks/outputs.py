"""Outputs of a network for many series, in batches of one shape; of long series in small ones."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf


class Source(Protocol):
    """Series ``(n, steps, channels)``: an array, or what reads them from a dataset."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of series, of steps and of channels."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: Any) -> np.ndarray:
        """Return the series at a slice, or at places in any order."""


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
        self._compiled = tf.function(self._infer, autograph=False)

    def _infer(self, rows: tf.Tensor) -> Any:
        return self.network(rows, training=False)

    def __call__(self, x: Source) -> Any:
        """Return the outputs for ``(n, steps, channels)``: one array, or arrays by name."""
        few = len(x) <= FEW_BATCHES * _batch_rows(x.shape[1])
        return answer_in_batches(self._infer if few else self._compiled, x)


def predict_all(network: keras.Model, x: Source) -> Any:
    """Return the outputs of a network that is used only once; see ``Predictor``."""
    return Predictor(network)(x)


def answer_in_batches(infer: Infer, x: Source, batch: int | None = None) -> Any:
    """Return the outputs of ``infer`` for ``(n, steps, channels)`` as NumPy arrays.

    All batches have one shape; the last is filled up with its own first row. batch: their rows;
    without, batches of long series are smaller.
    """
    n_rows = len(x)
    size = min(batch or _batch_rows(x.shape[1]), max(n_rows, 1))
    whole: Any = None
    for start in range(0, max(n_rows, 1), size):
        part = infer(tf.constant(_filled(x[start : start + size], size)))
        if whole is None:
            whole = tf.nest.map_structure(lambda output: _empty(n_rows, output), part)
        tf.nest.map_structure(partial(_fill, start), whole, part)
    return whole


def _empty(n_rows: int, like: tf.Tensor) -> np.ndarray:
    return np.empty((n_rows, *like.shape[1:]), like.dtype.as_numpy_dtype)


def _fill(start: int, whole: np.ndarray, part: tf.Tensor) -> None:
    whole[start : start + len(part)] = part.numpy()[: len(whole) - start]


def _batch_rows(n_steps: int) -> int:
    few = min(SMALL_BATCH, MAX_BATCH_STEPS // n_steps)
    return max(1, min(MAX_BATCH, max(few, BATCH_STEPS // n_steps)))


def _filled(rows: np.ndarray, size: int) -> np.ndarray:
    first = rows[:1] if len(rows) else np.zeros((1, *rows.shape[1:]), rows.dtype)
    return np.concatenate([rows, np.repeat(first, size - len(rows), axis=0)])
