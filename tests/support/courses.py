"""Labelled series for the library's tests, which the cheapest members tell apart."""

import numpy as np


def courses(n: int = 60, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Rising and falling series of two channels, of unlike lengths, with holes."""
    rng = np.random.default_rng(seed)
    y = np.array(["falls", "rises"])[np.arange(n) % 2]
    series = []
    for label in y:
        steps = int(rng.integers(20, 31))
        course = np.linspace(-1, 1, steps) * (1 if label == "rises" else -1)
        values = np.stack([course, np.cos(course)], axis=1) + rng.normal(0, 0.2, (steps, 2))
        values[rng.random(values.shape) < 0.05] = np.nan
        series.append(values)
    return series, y
