"""Fixed random convolutions, pooled over a series.

The 84 kernels of MiniRocket (Dempster, Schmidt and Webb 2021) have nine weights, three of them 2
and six -1, and dilations that double up to the length of a series. Each view of a series has its
own kernels (MultiRocket, Tan et al. 2022, has two views); each kernel sees a few random channels.
Two kinds of features are pooled. One is the share of steps above a threshold, computed with a ramp
instead of a step function, so that gradients pass. The other counts how often each kernel of a
group has the highest or the lowest output (Hydra: Dempster, Schmidt and Webb 2023).
"""

import math
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations, product

import keras
import numpy as np
from keras import layers, ops

from seqclass.networks.layers import masked_mean, series_views
from seqclass.networks.outputs import predict_all
from seqclass.networks.scaling import Scaling
from seqclass.networks.symbols import Alphabets, symbol_features

WIDTH = 9
KERNELS = np.array(
    [[2.0 if k in twos else -1.0 for k in range(WIDTH)] for twos in combinations(range(9), 3)],
    dtype=np.float32,
)
POOLED = 1000
"""Approximate number of pooled features that are shares of steps above a threshold."""
GROUP = 12
"""Kernels of a group, which compete with each other at every step."""
ORDER = np.random.default_rng(0).permutation(len(KERNELS))
"""Random order in which kernels are put into groups, because neighbouring kernels are alike."""
RAMP = 0.5
"""Width of the ramp around a threshold, in standard deviations of a kernel's outputs."""
SAMPLE_ROWS, SAMPLE_STEPS, MIN_SAMPLED = 100, 20_000, 8
"""Limits of the sample of training rows whose outputs give the thresholds as quantiles: the most
rows, the most steps of all rows together, and the fewest rows."""
LEAST = 1e-6
"""Least mean win of which the root is taken: 0 has no gradient."""
AROUND, ABOVE, HIGHEST, LOWEST = "around_", "above_", "highest_", "lowest_"
"""Names of a bank's layers, before its number: the padding of its view, the products for the
thresholds, and those that compete."""


@dataclass(frozen=True)
class Bank:
    """Kernels of one dilation on one view.

    weights: ``(9, channels, 84)``, scaled so that each kernel's outputs have a spread of one.
    thresholds: ``(84, several)``, of these outputs. counts_highest: True if the highest output of a
    group wins, False if the lowest.
    """

    view: int
    dilation: int
    weights: np.ndarray
    counts_highest: bool
    thresholds: np.ndarray


@dataclass(frozen=True)
class Convolutions:
    """Kernels fitted to training rows, which give features of any series."""

    scaling: Scaling
    alphabets: Alphabets
    banks: tuple[Bank, ...]

    def pooled(self) -> keras.Model:
        """Return the network from raw series ``(B, T, C)`` to pooled features ``(B, p)``.

        They are the share of steps above each threshold, and the counts of ``_wins``, view by view.
        """
        raw, views, inside = _inputs(self.scaling, self.alphabets)
        features = []
        for number, bank in enumerate(sorted(self.banks, key=lambda bank: bank.view)):
            steps = _side_by_side(views[bank.view], bank.dilation, f"{AROUND}{number}")
            above = _above(steps, bank, f"{ABOVE}{number}")
            best = f"{HIGHEST if bank.counts_highest else LOWEST}{number}"
            features += [masked_mean(above, inside), _wins(steps, bank, inside, best)]
        return keras.Model(raw, ops.concatenate(features, axis=-1), name="convolutions")

    @property
    def views(self) -> list[slice]:
        """The columns of each view in the pooled features."""
        sizes = np.zeros(1 + max(bank.view for bank in self.banks), int)
        for bank in self.banks:
            sizes[bank.view] += bank.thresholds.size + len(KERNELS)
        ends = np.cumsum(sizes).tolist()
        return [slice(end - size, end) for size, end in zip(sizes.tolist(), ends, strict=True)]


def fit_convolutions(
    x: np.ndarray, typical: int, scaling: Scaling, alphabets: Alphabets, seed: int
) -> Convolutions:
    """Draw the channels of each kernel, and take thresholds from its outputs for training rows.

    x: ``(n, steps, channels)``, NaN where missing, with a value in some row; typical: length that
    few series exceed.
    """
    rng = np.random.default_rng(seed)
    n_sampled = max(min(SAMPLE_ROWS, SAMPLE_STEPS // x.shape[1]), MIN_SAMPLED)
    seen = np.flatnonzero(np.isfinite(x).any(axis=(1, 2)))
    rows = x[np.sort(rng.permutation(seen)[:n_sampled])]
    raw, views, inside = _inputs(scaling, alphabets)
    dilations = [2**k for k in range(max(1, int(math.log2(max((typical - 1) / 8, 1))) + 1))]
    none = np.empty((len(KERNELS), 0))
    plain = [
        Bank(v, d, _kernels(views[v].shape[-1], rng), number % 2 == 0, none)
        for number, (d, v) in enumerate(product(dilations, range(len(views))))
    ]
    each = max(1, round(POOLED / (len(KERNELS) * len(plain))))
    *seen, within = predict_all(keras.Model(raw, [*views, inside]), rows)
    banks = [
        _with_thresholds(bank, _outputs(seen[bank.view], bank, within[..., 0] > 0), each, rng)
        for bank in plain
    ]
    return Convolutions(scaling, alphabets, tuple(banks))


def _outputs(view: np.ndarray, bank: Bank, inside: np.ndarray) -> np.ndarray:
    """Return a bank's outputs ``(84, steps)`` for the steps inside of ``view (n, T, channels)``."""
    around = WIDTH // 2 * bank.dilation
    padded = np.pad(view, ((0, 0), (around, around), (0, 0)))
    ends = [padded.shape[1] - 2 * around + k * bank.dilation for k in range(WIDTH)]
    beside = [padded[:, k * bank.dilation : end][inside] for k, end in enumerate(ends)]
    weights = bank.weights.reshape(-1, bank.weights.shape[-1])
    outputs: np.ndarray = (np.concatenate(beside, axis=1) @ weights).T
    return outputs


def _with_thresholds(bank: Bank, outputs: np.ndarray, each: int, rng: np.random.Generator) -> Bank:
    """Return a bank whose ``outputs (84, steps)`` have a spread of one, with ``each`` thresholds
    per kernel."""
    spread = np.maximum(outputs.std(axis=1), 1e-3)
    shares = (np.arange(each) + rng.random((len(spread), 1))) / each
    pairs = zip(outputs / spread[:, None], shares, strict=True)
    thresholds = np.stack([np.quantile(*pair) for pair in pairs])
    return replace(bank, weights=bank.weights / spread, thresholds=thresholds)


def _inputs(
    scaling: Scaling, alphabets: Alphabets
) -> tuple[keras.KerasTensor, list[keras.KerasTensor], keras.KerasTensor]:
    """Return the input for raw series, the views that kernels see, and the mask."""
    raw = keras.Input((None, len(scaling.center)), name="series")
    series = series_views(raw, scaling)
    views = [series.level, series.within, series.difference]
    if any(alphabets):
        views.append(ops.concatenate(symbol_features(raw, alphabets), axis=-1))
    return raw, views, series.inside


def _kernels(n_channels: int, rng: np.random.Generator) -> np.ndarray:
    """Return weights ``(9, channels, 84)``; the few channels of each are drawn as in MiniRocket."""
    weights = np.zeros((WIDTH, n_channels, len(KERNELS)), np.float32)
    for k, kernel in enumerate(KERNELS):
        size = int(2 ** rng.uniform(0, math.log2(min(n_channels, WIDTH) + 1)))
        drawn = rng.choice(n_channels, min(size, n_channels), replace=False)
        weights[:, drawn, k] = kernel[:, None]
    return weights


def _above(steps: keras.KerasTensor, bank: Bank, name: str) -> keras.KerasTensor:
    """Return how far a bank's outputs are above each threshold, from 0 to 1 over the ramp.

    steps: those that ``_side_by_side`` returns for the bank. The weights and offsets contain the
    ramp, because another pass over all steps takes time.
    """
    several = bank.thresholds.shape[1]
    offsets = 6 * (0.5 - bank.thresholds.T.ravel() / RAMP)
    weights = np.tile(6 * bank.weights / RAMP, several)
    return ops.relu6(_convolved(steps, name, weights, offsets)) / 6


def _wins(
    steps: keras.KerasTensor, bank: Bank, inside: keras.KerasTensor, name: str
) -> keras.KerasTensor:
    """Return the square root of each kernel's mean win over the steps ``(B, 84)``.

    If the highest output of a group wins, a win is this output, from 0 to 6; if the lowest wins, it
    is 1. A step at which a kernel does not win counts 0.
    """
    outputs = _convolved(steps, name, bank.weights[..., ORDER], None)
    rivals = ops.split(outputs, GROUP, axis=-1)
    best = reduce(ops.maximum if bank.counts_highest else ops.minimum, rivals)
    wins = ops.cast(ops.equal(outputs, ops.concatenate([best] * GROUP, axis=-1)), "float32")
    counted = ops.relu6(outputs) * wins if bank.counts_highest else wins
    return ops.sqrt(ops.maximum(masked_mean(counted, inside), LEAST))


def _side_by_side(view: keras.KerasTensor, dilation: int, name: str) -> keras.KerasTensor:
    """Return the nine steps that a kernel sees around each step, ``(B, T, 9 * channels)``."""
    around = WIDTH // 2 * dilation
    padded = layers.ZeroPadding1D(around, name=name)(view)
    starts = [k * dilation for k in range(WIDTH)]
    beside = [padded[:, start : start - 2 * around or None] for start in starts]
    return ops.concatenate(beside, axis=-1)


def _convolved(
    steps: keras.KerasTensor, name: str, weights: np.ndarray, offsets: np.ndarray | None
) -> keras.KerasTensor:
    """Return the outputs of kernels ``(9, channels, n)`` for steps side by side.

    They are one product: TensorFlow's dilated convolution of a few channels takes five times as
    long.
    """
    has_bias = offsets is not None
    layer = layers.Dense(weights.shape[-1], use_bias=has_bias, trainable=False, name=name)
    outputs = layer(steps)
    flat = weights.reshape(-1, weights.shape[-1])
    layer.set_weights([flat] if offsets is None else [flat, offsets])
    return outputs
