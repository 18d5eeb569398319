"""``keras.layers.LSTM`` on the compiled kernel: the same weights, faster on a CPU.

TensorFlow calls the kernel through ``tf.numpy_function``; where it can't run, the stock layer does.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from seqclass.networks.pooling import pool_by_kernel

try:
    from seqclass.networks import kernel
except ImportError:
    kernel = None  # type: ignore[assignment]

MAX_STATES = 16
"""Most saved states that wait for a backward pass; older ones never get one and are dropped."""
MAX_SHAPES = 8
"""Most shapes of which used arrays are kept to be used again."""


Shape = tuple[int, ...]
State = tuple[np.ndarray, ...]
"""Inputs, gates and cells of a batch."""


class Engine:
    """The kernel on batches: it computes blocks of series on several threads."""

    def __init__(self, threads: int) -> None:
        self._helpers, self._threads = ThreadPoolExecutor(threads), threads
        self._waiting: dict[int, tuple[Shape, State, np.ndarray, Shape]] = {}
        self._spare: dict[Shape, list[State]] = {}
        self._handles = count()

    def forward(
        self, x: np.ndarray, mask: np.ndarray, w: np.ndarray, backwards: bool, keep: bool,
        every_step: bool = True,
    ) -> tuple[np.ndarray, np.int64]:  # fmt: skip
        """Return hidden states ``h (B, T, U)`` and, with ``keep``, a handle for ``backward``.

        x: ``(B, T, F)``; mask: ``(B, T)``; w: ``(K, 4U)``. Without ``every_step`` only the step
        that is processed last is returned: ``h (B, 1, U)``.
        """
        n_out = x.shape[1] if every_step else 1
        h = np.empty((len(x), n_out, w.shape[1] // 4), np.float32)
        masks, turned = _blocks_of(mask), np.ascontiguousarray(w.T)
        shape = (len(masks), x.shape[1] + 1 if keep else 2, *w.shape)
        state = self._state(shape)
        self._each_block(len(masks), lambda b, rows: kernel.forward(
            kernel.SGEMM, x[rows], masks[b], turned, backwards, keep, *(a[b] for a in state),
            h[rows],
        ))  # fmt: skip
        handle = next(self._handles)
        if keep:
            self._waiting[handle] = shape, state, masks, x.shape
            if len(self._waiting) > MAX_STATES:
                self._waiting.pop(next(iter(self._waiting)))
        else:
            self._spare.setdefault(shape, []).append(state)
        return h, np.int64(handle)

    def backward(
        self, handle: np.ndarray, dh: np.ndarray, w: np.ndarray, backwards: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradients of ``x`` and of ``w (K, 4U)``; blocks are summed in their order."""
        shape, state, masks, x_shape = self._waiting.pop(int(handle))
        dx, dw = np.empty(x_shape, np.float32), np.empty((len(masks), *w.T.shape), np.float32)
        self._each_block(len(masks), lambda b, rows: kernel.backward(
            kernel.SGEMM, dh[rows], masks[b], w, backwards, *(a[b] for a in state), dx[rows], dw[b]
        ))  # fmt: skip
        self._spare.setdefault(shape, []).append(state)
        return dx, np.ascontiguousarray(dw.sum(axis=0).T)

    def _state(self, shape: Shape) -> State:
        """Return arrays for inputs, gates and cells, used ones if there are some.

        shape: ``(blocks, slots, K, 4U)``.
        """
        if shape not in self._spare and len(self._spare) == MAX_SHAPES:
            self._spare.pop(next(iter(self._spare)))
        spare = self._spare.setdefault(shape, [])
        blocks, slots, k, width = shape
        return spare.pop() if spare else tuple(
            np.zeros((blocks, slots, n * kernel.LANES), np.float32) for n in (k, width, width // 4)
        )  # fmt: skip

    def _each_block(self, n_blocks: int, call: Callable[[int, slice], None]) -> None:
        numbers: Iterator[int] = iter(range(n_blocks))

        def work() -> None:
            for b in numbers:
                call(b, slice(b * kernel.LANES, (b + 1) * kernel.LANES))

        others = [self._helpers.submit(work) for _ in range(min(self._threads, n_blocks) - 1)]
        work()
        while not all(other.done() for other in others):
            time.sleep(0)  # waiting to be woken takes longer than the rest of a block
        for other in others:
            other.result()


def _blocks_of(mask: np.ndarray) -> np.ndarray:
    """Divide a mask ``(B, T)`` into ``(blocks, T, LANES)``; lanes without a series are masked."""
    full = np.zeros((-(-len(mask) // kernel.LANES) * kernel.LANES, mask.shape[1]), bool)
    full[: len(mask)] = mask
    return np.ascontiguousarray(full.reshape(-1, kernel.LANES, mask.shape[1]).swapaxes(1, 2))


engine: Engine | None = Engine(threads=1) if kernel else None


def use_kernel(threads: int | None) -> None:
    """Run recurrences that are built from now on with ``threads`` threads; None: as stock layers.

    The number of threads does not change a bit of the result.
    """
    global engine
    engine = Engine(threads) if kernel and threads else None


class KernelLSTM(layers.LSTM):  # type: ignore[misc]
    """A stock LSTM whose recurrence the kernel computes where it can."""

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: Any = False
    ) -> Any:
        """Return hidden states ``(B, T, U)``, or the last one ``(B, U)``, of ``(B, T, F)``.

        mask: ``(B, T)``, or None if all steps are inside.
        """
        if initial_state is not None or engine is None or not self._fits_kernel():
            return super().call(sequences, initial_state, mask, training)
        mask = tf.ones(tf.shape(sequences)[:2], tf.bool) if mask is None else mask
        parts = (self.cell.recurrent_kernel, self.cell.kernel, self.cell.bias[None])
        w = tf.concat(parts, axis=0)
        given = w, self.go_backwards, bool(training), self.return_sequences
        h = _recurrence(sequences, mask, *given, engine)
        return h if self.return_sequences else h[:, 0]

    def _fits_kernel(self) -> bool:
        functions = self.activation.__name__, self.recurrent_activation.__name__
        is_plain = functions == ("tanh", "sigmoid") and self.compute_dtype == "float32"
        other = self.dropout or self.recurrent_dropout or self.stateful or self.return_state
        return is_plain and self.use_bias and not other


def accelerate(model: keras.Model) -> keras.Model:
    """Let the kernel compute a model's LSTMs and fixed convolutions from now on; do not store it.

    Returns this model. The layers change in place: building a model again takes as long as loading
    it.
    """
    if engine:
        pool_by_kernel(model)
    for layer in model._flatten_layers():
        if type(layer) is layers.LSTM:
            layer.__class__ = KernelLSTM
    return model


def _recurrence(
    x: tf.Tensor, mask: tf.Tensor, w: tf.Tensor, backwards: bool, training: bool,
    every_step: bool, engine: Engine,
) -> tf.Tensor:  # fmt: skip
    """Return ``h (B, T, U)``, or ``(B, 1, U)``, of ``x (B, T, F)`` by ``w (U + F + 1, 4U)``."""

    def ahead(x: np.ndarray, mask: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.int64]:
        return engine.forward(x, mask, w, backwards, training, every_step)

    def kept(x: np.ndarray, mask: np.ndarray, w: np.ndarray) -> np.int64:
        return engine.forward(x, mask, w, backwards, True, every_step)[1]

    def back(handle: np.ndarray, dh: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return engine.backward(handle, dh, w, backwards)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(x: tf.Tensor, w: tf.Tensor) -> tuple[tf.Tensor, Callable[..., Any]]:
        h, handle = tf.numpy_function(ahead, [x, mask, w], [tf.float32, tf.int64])

        def gradient(dh: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            kept_handle = handle if training else tf.numpy_function(kept, [x, mask, w], tf.int64)
            dx, dw = tf.numpy_function(back, [kept_handle, dh, w], [tf.float32] * 2)
            return tf.ensure_shape(dx, x.shape), tf.ensure_shape(dw, w.shape)

        n_out = x.shape[1] if every_step else 1
        return tf.ensure_shape(h, (x.shape[0], n_out, w.shape[1] // 4)), gradient

    return run(x, w)
