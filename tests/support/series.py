"""Series as arrays."""

import numpy as np

from seqclass.training.splits import Keys


def gappy(n: int = 6, steps: int = 40, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, (n, steps, channels)).astype(np.float32)
    x[rng.random(x.shape) < 0.1] = np.nan
    for row in range(1, n):
        x[row, steps - 5 * row :] = np.nan
    return x


def walks(step: int, n: int, seed: int, low: int = 0) -> np.ndarray:
    """Twelve symbols in the order of a fixed step, from a random one on: one class per step."""
    start = np.random.default_rng(seed).integers(0, 12, (n, 1))
    return (low + (start + step * np.arange(24)) % 12).astype(np.float32)[..., None]


def keys_of(texts: np.ndarray) -> Keys:
    """The keys of rows by their texts."""
    names, number = np.unique(texts, return_inverse=True)
    return Keys(number, [names.tolist()])
