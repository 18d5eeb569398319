"""What a network says of many series: in batches of one shape, which are small for long series."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Infer = Callable[[tf.Tensor], Any]
"""Rows to the outputs of a network."""
BATCH_STEPS, MAX_BATCH_STEPS = 2**13, 2**18
"""Steps of a batch of predictions, so that what is in between stays in the processor's cache; and
of one of ``SMALL_BATCH`` long series, which bounds its memory to some 400 MB."""
SMALL_BATCH = 16
FEW_BATCHES = 4
"""Batches that a network has answered before it would be compiled."""


def predict_logits(
    network: keras.Model, x: np.ndarray, infer: Infer | None = None, batch: int = 256
) -> np.ndarray:
    """The output of a network for ``(n, steps, channels)``; see ``predict_all``."""
    infer = infer or tf.function(lambda rows: network(rows, training=False))
    if not len(x):
        return np.empty((0, *network.output_shape[1:]), np.float32)
    return np.concatenate([part.numpy()[:n] for part, n in _batches(infer, x, batch)])


def predict_all(network: keras.Model, x: np.ndarray, batch: int = 256) -> Any:
    """The outputs of a network for ``(n, steps, channels)``, as it gives them: one, or by name.

    Batches have one shape, the last is filled up with its own first row; those of long series are
    smaller. Few are answered without compiling, which takes longer.
    """

    def infer(rows: tf.Tensor) -> Any:
        return network(rows, training=False)

    few = len(x) <= FEW_BATCHES * _batch_rows(x.shape[1], batch)
    parts = list(_batches(infer if few else tf.function(infer), x, batch))
    cut = [tf.nest.map_structure(lambda part, n=n: part.numpy()[:n], found) for found, n in parts]
    return tf.nest.map_structure(lambda *same: np.concatenate(same), *cut)


def _batch_rows(n_steps: int, most: int) -> int:
    few = min(SMALL_BATCH, MAX_BATCH_STEPS // n_steps)
    return max(1, min(most, max(few, BATCH_STEPS // n_steps)))


def _batches(infer: Infer, x: np.ndarray, batch: int) -> Iterator[tuple[Any, int]]:
    batch = _batch_rows(x.shape[1], batch)
    for start in range(0, len(x), batch):
        rows = x[start : start + batch]
        full = np.concatenate([rows, np.repeat(rows[:1], min(batch, len(x)) - len(rows), axis=0)])
        yield infer(tf.constant(full)), len(rows)
