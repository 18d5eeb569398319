"""How long series are whose ends are padded."""

import numpy as np


def series_lengths(observed: np.ndarray) -> np.ndarray:
    """Steps up to the last observed one, ``(n,)``, of ``(n, steps)`` bool; 0 where none is."""
    return (observed * np.arange(1, observed.shape[1] + 1)).max(axis=1, initial=0)
