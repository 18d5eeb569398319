"""``.npz`` archives and pairs of ``.npy`` files: padded arrays and labels."""

import zipfile
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from storage.formats.table import CHUNK_ROWS, Reading, channel_names, label_text, refusal
from storage.rows import from_dense


def read_npz(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    path = paths[0]
    arrays = _load_arrays(path)
    if "X_train" in arrays and reading.split is None:
        for part in ("train", "test"):
            if f"X_{part}" in arrays:
                table_of = _array_tables(
                    path,
                    arrays[f"X_{part}"],
                    _member(path, arrays, f"y_{part}"),
                    arrays.get(f"len_{part}"),
                    part,
                    reading,
                )
                for table in table_of:
                    yield table.append_column("split", pa.array([part] * len(table), pa.string()))
    else:
        x, y = _member(path, arrays, "X"), _member(path, arrays, "y")
        yield from _array_tables(path, x, y, arrays.get("len"), reading.split or "series", reading)


def read_npy(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    x, y = (_load_array(path) for path in paths)
    yield from _array_tables(paths[0], x, y, None, reading.split or "series", reading)


def _load_arrays(path: str) -> dict[str, np.ndarray]:
    expected = "an .npz archive of number and text arrays"
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise refusal(path, expected, str(error), "save it again") from error
    strange = [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]
    if strange:
        raise refusal(path, expected, f"a member {strange[0]!r} of another kind", "save it again")
    return arrays


def _load_array(path: str) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise refusal(path, "an array of numbers or text", str(error), "save it again") from error
    if not isinstance(array, np.ndarray):
        raise refusal(path, "one array", "an archive", "rename the file to .npz")
    return array


def _member(path: str, arrays: dict[str, np.ndarray], name: str) -> np.ndarray:
    if name not in arrays:
        raise refusal(
            path, f"an array {name!r} (X_train, y_train with X_test, y_test; or X, y)",
            ", ".join(arrays) or "an empty archive", "rename the arrays",
        )  # fmt: skip
    return arrays[name]


def _array_tables(
    path: str,
    x: np.ndarray,
    y: np.ndarray,
    lengths: np.ndarray | None,
    prefix: str,
    reading: Reading,
) -> Iterator[pa.Table]:
    """Rows out of ``(n, steps[, channels])`` and labels; trailing NaN is padding."""
    x = x[..., None] if x.ndim == 2 else x
    if (
        x.ndim != 3
        or 0 in x.shape[1:]
        or not np.issubdtype(x.dtype, np.number)
        or np.iscomplexobj(x)
    ):
        raise refusal(
            path, "numbers of shape (series, steps) or (series, steps, channels)",
            f"{x.dtype} of shape {x.shape}", "reshape the array",
        )  # fmt: skip
    labels = _array_labels(path, y, len(x))
    x = x.astype(np.float32)
    if not reading.keep_infinite:
        _refuse_infinite(path, x)
    lengths = observed_lengths(x) if lengths is None else _stated_lengths(path, lengths, x)
    channels = channel_names(x.shape[2])
    for start in range(0, len(x), CHUNK_ROWS):
        cut = slice(start, start + CHUNK_ROWS)
        steps = lengths[cut].astype(np.int32)
        yield pa.table(
            {
                "series_id": [f"{prefix}-{next(reading.serial):06d}" for _ in steps],
                "label": pa.array(labels[cut], pa.string()),
                "n_steps": steps,
                **{name: from_dense(x[cut, :, k], steps) for k, name in enumerate(channels)},
            }
        )


def _array_labels(path: str, y: np.ndarray, n: int) -> list[str | None]:
    if y.ndim not in (1, 2) or len(y) != n:
        raise refusal(
            path, f"as many labels as series ({n})", f"labels of shape {y.shape}",
            "check both arrays",
        )  # fmt: skip
    if y.ndim == 1 or y.shape[1] == 1:
        return [label_text(value) for value in y.reshape(n).tolist()]
    one_hot = np.issubdtype(y.dtype, np.number) or y.dtype == bool
    wrong = (y.astype(float).sum(axis=1) != 1) | ((y != 0) & (y != 1)).any(axis=1) if one_hot else (
        np.ones(n, dtype=bool)
    )  # fmt: skip
    if wrong.any():
        raise refusal(
            path, "one-hot labels, or one label per series", "a row that is not one-hot",
            "correct the labels", int(wrong.argmax()) + 1,
        )  # fmt: skip
    return [str(code) for code in y.argmax(axis=1)]


def _refuse_infinite(path: str, x: np.ndarray) -> None:
    bad = np.isinf(x).any(axis=(1, 2))
    if bad.any():
        row = int(bad.argmax()) + 1
        raise refusal(
            path, "finite numbers, or NaN where one is missing", "Inf (or beyond float32)",
            "correct the value", row,
        )  # fmt: skip


def observed_lengths(x: np.ndarray) -> np.ndarray:
    if not x.shape[1]:
        return np.zeros(len(x), dtype=np.int64)
    seen = ~np.isnan(x).all(axis=2)
    return np.where(seen.any(axis=1), x.shape[1] - seen[:, ::-1].argmax(axis=1), 0)


def _stated_lengths(path: str, lengths: np.ndarray, x: np.ndarray) -> np.ndarray:
    whole = np.issubdtype(lengths.dtype, np.integer)
    if not whole or lengths.shape != (len(x),) or (lengths > x.shape[1]).any():
        raise refusal(
            path, f"a length of at most {x.shape[1]} for each of {len(x)} series",
            f"{lengths.dtype} lengths of shape {lengths.shape}", "correct them",
        )  # fmt: skip
    return lengths
