"""Reader of ``.npz`` archives and pairs of ``.npy`` files: padded arrays and labels.

An array's header is checked first, and its rows are read block by block.
"""

import math
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from tokenize import TokenError
from typing import IO

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy

from seqclass.series import series_lengths
from seqclass.store.formats.columns import check_precision, to_float32
from seqclass.store.formats.table import (
    CHUNK_ROWS,
    Limits,
    Reading,
    channel_names,
    check_directory,
    label_text,
    refusal,
)
from seqclass.store.rows import from_dense

BLOCK_CELLS = 2**22
"""Numbers that are read at once, unless one series has more."""
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
READABLE = "iufbUS"
"""Kinds of arrays that hold numbers, truth values or text."""


@dataclass(frozen=True)
class StoredArray:
    """An array in a file: its header, and a function that opens its bytes."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype
    is_fortran: bool
    open_data: Callable[[], IO[bytes]]

    @property
    def n_bytes(self) -> int:
        """Unpacked size by the header, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def whole(self, limits: Limits, what: str) -> np.ndarray:
        """Return the array in memory; refuse one that is larger than the limits allow."""
        limits.check(self.path, "whole_bytes", self.n_bytes, f"of {what}")
        with self.open_data() as data:
            flat = self._read(data, math.prod(self.shape))
        return flat.reshape(self.shape, order="F" if self.is_fortran else "C")

    def blocks(self, limits: Limits) -> Iterator[np.ndarray]:
        """Yield the rows in order, some at a time."""
        cells = math.prod(self.shape[1:])
        n_rows = min(max(BLOCK_CELLS // cells, 1), CHUNK_ROWS)
        if self.is_fortran:
            array = self.whole(limits, "series in Fortran order")
            yield from (array[start : start + n_rows] for start in range(0, len(array), n_rows))
            return
        with self.open_data() as data:
            for start in range(0, self.shape[0], n_rows):
                n = min(n_rows, self.shape[0] - start)
                yield self._read(data, n * cells).reshape(n, *self.shape[1:])

    def _read(self, data: IO[bytes], n: int) -> np.ndarray:
        content = data.read(n * self.dtype.itemsize)
        if len(content) < n * self.dtype.itemsize:
            raise refusal(
                self.path, f"an array of {self.n_bytes:,} bytes, as its header says", "fewer",
                "save it again",
            )  # fmt: skip
        return np.frombuffer(content, self.dtype, count=n)


def read_npz(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Yield tables from ``X`` and ``y``, or from ``X_train``, ``X_test`` and their labels."""
    path = paths[0]
    with ExitStack() as stack:
        arrays = _arrays_of(path, reading.limits, stack)
        if "X_train" in arrays and reading.split is None:
            for part in ("train", "test"):
                if f"X_{part}" in arrays:
                    names = f"X_{part}", f"y_{part}", f"len_{part}"
                    for table in _member_tables(path, arrays, names, part, reading):
                        parts = pa.array([part] * len(table), pa.string())
                        yield table.append_column("split", parts)
        else:
            prefix = reading.split or "series"
            yield from _member_tables(path, arrays, ("X", "y", "len"), prefix, reading)


def read_npy(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Yield tables from a pair of files, series and then labels."""
    x, y = (_stored_array(path, os.path.getsize(path), _opener(path)) for path in paths)
    labels = _whole_labels(y, reading.limits)
    yield from _array_tables(x, labels, None, reading.split or "series", reading)


def _opener(path: str) -> Callable[[], IO[bytes]]:
    return lambda: open(path, "rb")


def _arrays_of(path: str, limits: Limits, stack: ExitStack) -> dict[str, StoredArray]:
    """Return the arrays of an archive by name; only their headers are read."""
    expected = "an .npz archive of number and text arrays"
    check_directory(path)
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except (ValueError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
        raise refusal(path, expected, str(error), "save it again") from error
    members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
    limits.check_ratio(path, sum(info.file_size for info in members.values()))
    arrays = {}
    for name, info in members.items():

        def opened(info: zipfile.ZipInfo = info) -> IO[bytes]:
            try:
                return archive.open(info)
            except (UnicodeDecodeError, RuntimeError) as error:  # a broken name, or a password
                raise refusal(path, expected, str(error), "save it again") from error

        arrays[name] = _stored_array(path, info.file_size, opened)
    return arrays


def _stored_array(path: str, n_bytes: int, opened: Callable[[], IO[bytes]]) -> StoredArray:
    expected = "an array of numbers or text"
    with opened() as data:
        try:
            read_header = HEADERS[npy.read_magic(data)]
            shape, is_fortran, dtype = read_header(data)
        except (ValueError, EOFError, KeyError, TokenError, SyntaxError) as error:
            raise refusal(path, expected, str(error), "save it again") from error
        begin = data.tell()
    if dtype.kind not in READABLE or not dtype.itemsize:
        raise refusal(path, expected, f"an array of {dtype}", "save it as numbers or text")
    if min(shape, default=0) < 0:
        raise refusal(path, expected, f"an array of shape {shape}", "save it again")

    def open_data() -> IO[bytes]:
        data = opened()
        data.read(begin)
        return data

    array = StoredArray(path, tuple(map(int, shape)), dtype, is_fortran, open_data)
    if array.n_bytes > n_bytes - begin:
        got = f"{n_bytes - begin:,} bytes"
        raise refusal(path, f"an array of {array.n_bytes:,} bytes", got, "save it again")
    return array


def _member(path: str, arrays: dict[str, StoredArray], name: str) -> StoredArray:
    if name not in arrays:
        raise refusal(
            path, f"an array {name!r} (X_train, y_train with X_test, y_test; or X, y)",
            ", ".join(arrays) or "an empty archive", "rename the arrays",
        )  # fmt: skip
    return arrays[name]


def _member_tables(
    path: str,
    arrays: dict[str, StoredArray],
    names: tuple[str, str, str],
    prefix: str,
    reading: Reading,
) -> Iterator[pa.Table]:
    x, y = (_member(path, arrays, name) for name in names[:2])
    lengths = arrays.get(names[2])
    yield from _array_tables(x, _whole_labels(y, reading.limits), lengths, prefix, reading)


def _whole_labels(y: StoredArray, limits: Limits) -> np.ndarray:
    limits.check(y.path, "series", y.shape[0] if y.shape else 0)
    return y.whole(limits, "labels")


def _array_tables(
    x: StoredArray,
    y: np.ndarray,
    stated: StoredArray | None,
    prefix: str,
    reading: Reading,
) -> Iterator[pa.Table]:
    """Yield rows from ``(n, steps[, channels])`` and labels; trailing NaN is padding."""
    if len(x.shape) not in (2, 3) or 0 in x.shape[1:] or x.dtype.kind not in "iuf":
        raise refusal(
            x.path, "numbers of shape (series, steps) or (series, steps, channels)",
            f"{x.dtype} of shape {x.shape}", "reshape the array",
        )  # fmt: skip
    n_channels = x.shape[2] if len(x.shape) == 3 else 1
    for name, size in zip(("series", "steps", "channels"), (*x.shape, n_channels), strict=False):
        reading.limits.check(x.path, name, size)
    labels = _array_labels(x.path, y, x.shape[0])
    lengths = None if stated is None else _stated_lengths(stated, x, reading.limits)
    names, first = channel_names(n_channels), 0
    for block in x.blocks(reading.limits):
        wide = block.reshape(*block.shape[:2], n_channels)
        values = to_float32(wide)
        for k, name in enumerate(names):
            check_precision(x.path, name, wide[..., k].ravel(), values[..., k].ravel(), False)
        if reading.infinite_cure is not None:
            _refuse_infinite(x.path, values, first, reading.infinite_cure)
        cut = slice(first, first + len(values))
        steps = (unpadded_lengths(values) if lengths is None else lengths[cut]).astype(np.int32)
        yield pa.table(
            {
                "series_id": [f"{prefix}-{next(reading.serial):06d}" for _ in steps],
                "label": labels[cut],
                "n_steps": steps,
                **{name: from_dense(values[:, :, k], steps) for k, name in enumerate(names)},
            }
        )
        first += len(values)


def _array_labels(path: str, y: np.ndarray, n: int) -> pa.Array:
    if y.ndim not in (1, 2) or len(y) != n:
        raise refusal(
            path, f"as many labels as series ({n})", f"labels of shape {y.shape}",
            "check both arrays",
        )  # fmt: skip
    if y.dtype.kind == "f" and np.isinf(y).any():
        row = int(np.isinf(y).reshape(n, -1).any(axis=1).argmax()) + 1
        raise refusal(path, "a class in every label", "inf", "correct the label", row)
    if y.ndim == 1 or y.shape[1] == 1:
        return _label_texts(path, y.reshape(n))
    one_hot = np.issubdtype(y.dtype, np.number) or y.dtype == bool
    wrong = (y.astype(float).sum(axis=1) != 1) | ((y != 0) & (y != 1)).any(axis=1) if one_hot else (
        np.ones(n, dtype=bool)
    )  # fmt: skip
    if wrong.any():
        raise refusal(
            path, "one-hot labels, or one label per series", "a row that is not one-hot",
            "correct the labels", int(wrong.argmax()) + 1,
        )  # fmt: skip
    return pa.array([str(code) for code in y.argmax(axis=1)])


def _label_texts(path: str, y: np.ndarray) -> pa.Array:
    try:
        return pa.array([label_text(value) for value in y.tolist()], pa.string())
    except (SystemError, ValueError) as error:  # numbers that are no character, bytes no UTF-8
        raise refusal(path, "labels of Unicode text", str(error), "correct the labels") from error


def _refuse_infinite(path: str, x: np.ndarray, first: int, cure: str) -> None:
    bad = np.isinf(x).any(axis=(1, 2))
    if bad.any():
        row = first + int(bad.argmax()) + 1
        raise refusal(
            path, "finite numbers, or NaN where one is missing", "Inf (or beyond float32)",
            cure, row,
        )  # fmt: skip


def unpadded_lengths(x: np.ndarray) -> np.ndarray:
    """Return steps ``(n,)`` of ``(n, steps, channels)`` up to the last that is no padding."""
    return series_lengths(~np.isnan(x).all(axis=2))


def _stated_lengths(stated: StoredArray, x: StoredArray, limits: Limits) -> np.ndarray:
    lengths = stated.whole(limits, "lengths")
    whole = np.issubdtype(lengths.dtype, np.integer)
    if not whole or lengths.shape != x.shape[:1] or ((lengths > x.shape[1]) | (lengths < 0)).any():
        raise refusal(
            x.path, f"a length of at most {x.shape[1]} for each of {x.shape[0]} series",
            f"{lengths.dtype} lengths of shape {lengths.shape}", "correct them",
        )  # fmt: skip
    return lengths
