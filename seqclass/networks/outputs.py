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


def predict_logits(
    network: keras.Model, x: np.ndarray, infer: Infer | None = None, batch: int = 256
) -> np.ndarray:
    """The output of a network for ``(n, steps, channels)``; see ``predict_all``."""
    infer = infer or tf.function(lambda rows: network(rows, training=False))
    if not len(x):
        return np.empty((0, *network.output_shape[1:]), np.float32)
    return np.concatenate([part.numpy()[:n] for part, n in _batches(infer, x, batch)])


def predict_all(network: keras.Model, x: np.ndarray, batch: int = 256) -> dict[str, np.ndarray]:
    """Outputs by name of a network for ``(n, steps, channels)``, in batches of one shape.

    The last batch is filled up with its own first row, so that there is one shape to compile.
    Batches of long series are smaller.
    """
    infer = tf.function(lambda rows: network(rows, training=False))
    parts = list(_batches(infer, x, batch))
    return {
        name: np.concatenate([found[name].numpy()[:n] for found, n in parts])
        for name in network.output
    }


def _batches(infer: Infer, x: np.ndarray, batch: int) -> Iterator[tuple[Any, int]]:
    few = min(SMALL_BATCH, MAX_BATCH_STEPS // x.shape[1])
    batch = max(1, min(batch, max(few, BATCH_STEPS // x.shape[1])))
    for start in range(0, len(x), batch):
        rows = x[start : start + batch]
        full = np.concatenate([rows, np.repeat(rows[:1], min(batch, len(x)) - len(rows), axis=0)])
        yield infer(tf.constant(full)), len(rows)
