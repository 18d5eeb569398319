"""Test series with a copy among the training rows: exact, or of another level and scale."""

import hashlib
from typing import TypedDict

import numpy as np

from seqclass.series import series_lengths

DECIMALS = 1
"""Decimals in which the standardised values of near copies agree. A difference of 1e-4 is then
missed in one of 500 values, so near copies with noise are found only if series are short."""
EXAMPLES = 5
NOTHING = b""


def exact_keys(x: np.ndarray) -> list[bytes]:
    """Return a digest of each series' float32 values, without NaN tails.

    x: ``(n, steps, channels)``.
    """
    return [_digest(series) for series in _observed(x.astype(np.float32))]


def near_keys(x: np.ndarray) -> list[bytes]:
    """Return a digest of each series that does not depend on level and scale.

    x: ``(n, steps, channels)``. The median of every channel is subtracted. Then it is divided by
    the range between its quartiles, so that one burst does not hide everything else, or by its
    standard deviation if the quartiles are equal. Values are rounded to ``DECIMALS`` decimals; NaN
    tails are cut off. The digest is empty if no channel changes, since such series have no shape to
    share.
    """
    z = _standard(x.astype(np.float64))
    flat = ~(np.nan_to_num(z) != 0).any(axis=(1, 2))
    rounded = np.round(z, DECIMALS) + 0.0  # no negative zero
    return [NOTHING if f else _digest(s) for s, f in zip(_observed(rounded), flat, strict=True)]


def _standard(x: np.ndarray) -> np.ndarray:
    seen = ~np.isnan(x)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    ordered = np.sort(x, axis=1)  # NaN comes last
    low, middle, high = (
        np.take_along_axis(ordered, np.round(share * (count - 1)).astype(int), axis=1)
        for share in (0.25, 0.5, 0.75)
    )
    centred = x - middle
    mean = np.nansum(x, axis=1, keepdims=True) / count
    sd = np.sqrt(np.nansum((x - mean) ** 2, axis=1, keepdims=True) / count)
    largest = np.where(seen, np.abs(x), 0).max(axis=1, keepdims=True)
    spread = np.where(high - low > 1e-6 * largest, high - low, sd)
    changes = spread > 1e-6 * largest
    return np.where(seen, np.where(changes, centred / np.where(changes, spread, 1), 0), np.nan)


def _observed(x: np.ndarray) -> list[np.ndarray]:
    ends = series_lengths(~np.isnan(x).all(axis=2))
    plain = np.where(np.isnan(x), np.nan, x)  # one bit pattern for every NaN
    return [series[:end] for series, end in zip(plain, ends, strict=True)]


def _digest(series: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(series).tobytes(), digest_size=16).digest()


class Copy(TypedDict):
    """A test series and its copy in training, by their ids; kind: ``exact`` or ``near``."""

    kind: str
    test: str
    train: str


class Leaks(TypedDict):
    """Number of test series that have a copy among the training rows, and some examples."""

    exact: int
    near: int
    examples: list[Copy]


def find_leaks(
    ids: list[str], exact: list[bytes], near: list[bytes], train: np.ndarray, test: np.ndarray
) -> Leaks:
    """Return the number of test series that have a copy among the training rows, and some pairs.

    ids, exact, near: of all rows; train, test: row numbers. ``near`` counts the test series that
    have a near copy and no exact one.
    """
    pairs = [("exact", _matches(exact, train, test)), ("near", _matches(near, train, test))]
    found: dict[int, tuple[str, int]] = {}
    for kind, matches in pairs:
        for row, twin in matches.items():
            found.setdefault(row, (kind, twin))
    kinds = [kind for kind, _ in found.values()]
    examples: list[Copy] = [{"kind": kind, "test": ids[row], "train": ids[twin]}
                for row, (kind, twin) in list(found.items())[:EXAMPLES]]  # fmt: skip
    return {"exact": kinds.count("exact"), "near": kinds.count("near"), "examples": examples}


def _matches(keys: list[bytes], train: np.ndarray, test: np.ndarray) -> dict[int, int]:
    """Return the first training row with the key of each test row, for those that have one."""
    first: dict[bytes, int] = {}
    for row in train.tolist():
        first.setdefault(keys[row], row)
    return {row: first[keys[row]] for row in test.tolist() if keys[row] and keys[row] in first}
