"""Pooled features of fixed convolutions by the compiled kernel, several times as fast.

They are the same to 1e-5; to about 1e-4 for series of three steps, whose outputs hardly vary and
are scaled up. At constant levels, another of a group's equal outputs may win. The stock layers are
what is stored, and give the features where there is no kernel.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from seqclass.networks.convolutions import (
    ABOVE,
    AROUND,
    GROUP,
    HIGHEST,
    LEAST,
    LOWEST,
    ORDER,
    RAMP,
    WIDTH,
)
from seqclass.networks.outputs import Source, answer_in_batches
from seqclass.series import series_lengths

try:
    from seqclass.networks import kernel
except ImportError:
    kernel = None  # type: ignore[assignment]

BATCH_STEPS = 2**17
"""Steps of all series in a batch: the kernel takes one series after the other, and operations of
TensorFlow take longer to be called than to run."""


class _Bank(NamedTuple):
    """weights ``(9 C, 84)`` in ``ORDER``; offsets ``(several, 84)`` of these kernels."""

    view: int
    dilation: int
    weights: np.ndarray
    offsets: np.ndarray
    counts_highest: bool

    @property
    def settings(self) -> tuple[Any, ...]:
        """Arguments of the kernel between the lengths and the sums."""
        factor, n_groups = np.float32(6 / RAMP), len(ORDER) // GROUP
        return self.weights, self.offsets, factor, self.dilation, n_groups, self.counts_highest


class Pooling:
    """A network of ``Convolutions.pooled``, whose features the kernel computes."""

    def __init__(self, network: keras.Model) -> None:
        self.network = network
        names = {layer.name: layer for layer in network.layers}
        numbers = range(sum(name.startswith(AROUND) for name in names))
        padded = [names[f"{AROUND}{number}"] for number in numbers]
        views = list({id(layer.input): layer.input for layer in padded}.values())
        places = {id(view): place for place, view in enumerate(views)}
        self._views = keras.Model(network.input, views)
        self._banks = []
        for number, layer in zip(numbers, padded, strict=True):
            highest = f"{HIGHEST}{number}" in names
            rivals = names[f"{HIGHEST if highest else LOWEST}{number}"]
            offsets = names[f"{ABOVE}{number}"].bias.numpy().reshape(-1, len(ORDER))[:, ORDER]
            dilation = layer.padding[0] // (WIDTH // 2)
            self._banks.append(_Bank(
                places[id(layer.input)], dilation, rivals.kernel.numpy(),
                np.ascontiguousarray(offsets), highest,
            ))  # fmt: skip

    def __call__(self, x: Source) -> np.ndarray:
        """Return features ``(n, p)`` of ``(n, steps, channels)``."""
        batch = max(1, BATCH_STEPS // x.shape[1])
        features: np.ndarray = answer_in_batches(self.infer, x, batch)
        return features

    def infer(self, raw: tf.Tensor) -> tf.Tensor:
        """Return features of a batch."""
        lengths = tf.numpy_function(_lengths, [raw], tf.int64)
        return self._run(lengths, *tf.nest.flatten(self._views(raw, training=False)))

    def _run(self, lengths: tf.Tensor, *views: tf.Tensor) -> tf.Tensor:
        @tf.custom_gradient  # type: ignore[untyped-decorator]
        def run(*views: tf.Tensor) -> tf.Tensor:
            features = tf.numpy_function(self._pooled, [lengths, *views], tf.float32)
            shape = views[0].shape[0], self.network.output_shape[1]

            def gradient(given: tf.Tensor) -> list[tf.Tensor]:
                inputs, kinds = [lengths, features, given, *views], [tf.float32] * len(views)
                slopes = tf.numpy_function(self._gradient, inputs, kinds)
                shapes = [view.shape for view in views]
                return [tf.ensure_shape(*pair) for pair in zip(slopes, shapes, strict=True)]

            return tf.ensure_shape(features, shape), gradient

        return run(*views)

    def _pooled(self, lengths: np.ndarray, *views: np.ndarray) -> np.ndarray:
        n, counts, features = len(lengths), _counts(lengths), list[np.ndarray]()
        for bank in self._banks:
            above = np.empty((n, *bank.offsets.shape), np.float32)
            wins = np.empty((n, len(ORDER)), np.float32)
            kernel.pool_bank(views[bank.view], lengths, *bank.settings, above, wins)
            shares = np.empty_like(above)
            shares[..., ORDER] = above / counts[..., None]
            features += [shares.reshape(n, -1) / 6, np.sqrt(np.maximum(wins / counts, LEAST))]
        return np.concatenate(features, axis=1)

    def _gradient(
        self, lengths: np.ndarray, features: np.ndarray, given: np.ndarray, *views: np.ndarray
    ) -> list[np.ndarray]:
        slopes, counts, start = [np.zeros_like(view) for view in views], _counts(lengths), 0
        for bank in self._banks:
            middle = start + bank.offsets.size
            end = middle + len(ORDER)
            d_above = given[:, start:middle].reshape(-1, *bank.offsets.shape)[..., ORDER]
            roots = features[:, middle:end]
            d_wins = np.where(roots > np.sqrt(np.float32(LEAST)), given[:, middle:end], 0)
            slope = np.empty_like(views[bank.view])
            kernel.pool_bank_gradient(
                views[bank.view], lengths, *bank.settings,
                np.ascontiguousarray(d_above / (6 * counts[..., None])),
                d_wins / (2 * roots * counts), slope,
            )  # fmt: skip
            slopes[bank.view] += slope
            start = end
        return slopes


def _counts(lengths: np.ndarray) -> np.ndarray:
    """Return the steps ``(n, 1)`` inside each series, at least 1."""
    return np.maximum(lengths, 1).astype(np.float32)[:, None]


def _lengths(raw: np.ndarray) -> np.ndarray:
    return series_lengths(~np.isnan(raw).all(axis=-1))


def pool_by_kernel(model: keras.Model) -> None:
    """Let the kernel compute the fixed convolutions in a model from now on.

    What is stored of it stays the same.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.Model) and f"{AROUND}0" in {part.name for part in layer.layers}:
            pooling = Pooling(layer)
            layer.call = lambda raw, training=None, mask=None, infer=pooling.infer: infer(raw)
