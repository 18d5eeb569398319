"""Test series with a copy among the training rows: exact, or of another level and scale."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from typing_extensions import TypedDict

from seqclass.series import series_lengths

DECIMALS = 1
"""Decimals in which the standardised values of near copies agree. A difference of 1e-4 is then
missed in one of 500 values, so near copies with noise are found only if series are short."""
EXAMPLES = 5
NOTHING = b""
Names = Sequence[Any]
"""Ids of all rows, in a list or a column of Arrow; as text they are what ``str`` makes of one."""


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
    """A test series and its copy in training.

    kind: ``exact`` or ``near``. test, train: id of the series.
    """

    kind: str
    test: str
    train: str


class Leaks(TypedDict):
    """Test series that have a copy among the training rows.

    exact, near: number of such series. examples: some of them.
    """

    exact: int
    near: int
    examples: list[Copy]


class ShapeKeys(NamedTuple):
    """The keys of all rows as numbers ``(n,)`` uint64; 0 stands for no shape to share."""

    exact: np.ndarray
    near: np.ndarray


def as_numbers(keys: list[bytes]) -> np.ndarray:
    """Return the first 64 bits of each key; two differ in them if their series do.

    Among ten million series and 200,000 test series, one in nine million data sets has a pair for
    which this is wrong.
    """
    return np.frombuffer(b"".join(key[:8] or bytes(8) for key in keys), np.uint64)


def find_leaks(ids: Names, keys: ShapeKeys, train: np.ndarray, test: np.ndarray) -> Leaks:
    """Return the number of test series that have a copy among the training rows, and some pairs.

    ids, keys: of all rows; train, test: row numbers. ``near`` counts the test series that have a
    near copy and no exact one.
    """
    pairs = [(kind, _matches(getattr(keys, kind), train, test)) for kind in ("exact", "near")]
    found: dict[int, tuple[str, int]] = {}
    for kind, matches in pairs:
        for row, twin in matches.items():
            found.setdefault(row, (kind, twin))
    kinds = [kind for kind, _ in found.values()]
    examples: list[Copy] = [{"kind": kind, "test": str(ids[row]), "train": str(ids[twin])}
                for row, (kind, twin) in list(found.items())[:EXAMPLES]]  # fmt: skip
    return {"exact": kinds.count("exact"), "near": kinds.count("near"), "examples": examples}


def _matches(keys: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[int, int]:
    """Return the first training row with the key of each test row, for those that have one."""
    known, first = np.unique(keys[train], return_index=True)
    wanted = keys[test]
    place = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    there = (known[place] == wanted) & (wanted != 0)
    return dict(zip(test[there].tolist(), train[first[place[there]]].tolist(), strict=True))
