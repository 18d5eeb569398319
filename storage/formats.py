"""Readers of the user's files: each turns a file into rows of a dataset, or refuses it.

A refusal names the file, the row where there is one, what was expected and what came.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from storage.rows import FIXED_COLUMNS, OPTIONAL_COLUMNS, SERIES, channels_of, from_dense

CHUNK_ROWS = 4096


@dataclass(frozen=True)
class ColumnNames:
    """What the columns of a table are called: series, label and step (long form only).

    Without a name for it, the step is the column ``step`` where there is one.
    """

    series_id: str = "series_id"
    label: str = "label"
    step: str | None = None


def refusal(
    path: str, expected: str, got: str, next_step: str, row: int | None = None
) -> ValueError:
    """An error about a file; rows count from 1, a header line included, blank lines not."""
    where = path if row is None else f"{path}, row {row}"
    return ValueError(f"{where}: expected {expected}, got {got}; {next_step}")


def read_files(
    paths: list[str], names: ColumnNames, split: str | None = None
) -> Iterator[pa.Table]:
    """Rows of all files in order, with ``split`` as their split where it is given."""
    serial = count()
    for group in _file_groups(paths):
        try:
            for table in _reader(group[0])(group, names, split, serial):
                if len(table):
                    yield table if split is None else _with_split(table, split)
        except (pa.ArrowException, UnicodeError, zlib.error) as error:
            reason = str(error).split("\n")[0]
            raise refusal(group[0], "a sound file", reason, "write it again") from error


def _with_split(table: pa.Table, split: str) -> pa.Table:
    """The split that the user named counts, whatever the file says."""
    if "split" in table.column_names:
        table = table.drop_columns(["split"])
    return table.append_column("split", pa.array([split] * len(table), pa.string()))


def expand(paths: list[str], argument: str) -> list[str]:
    """Replace folders by the readable files in them; refuse what is missing or not readable."""
    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            inside = sorted(os.path.join(path, name) for name in os.listdir(path))
            readable = [p for p in inside if _ending(p) in READERS and _ending(p) != ".npy"]
            if not readable:
                raise refusal(argument, f"a folder with {_endings()} files", path, "add files")
            found += readable
        elif not os.path.isfile(path):
            raise ValueError(
                f"{argument}: expected an existing file or folder, got {path!r}; check the path"
            )
        elif not path.isprintable():
            raise ValueError(f"{argument}: expected a printable name, got {path!r}; rename it")
        else:
            _reader(path)
            found.append(path)
    return found


def _reader(path: str) -> Callable[..., Iterator[pa.Table]]:
    try:
        return READERS[_ending(path)]
    except KeyError:
        raise ValueError(
            f"PATH: expected a file ending in {_endings()}, got {path!r}; convert the file"
        ) from None


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _endings() -> str:
    return ", ".join(READERS)


def _file_groups(paths: list[str]) -> list[list[str]]:
    """Files to read together, in order: an ``.npy`` of series takes the next one for labels."""
    groups: list[list[str]] = []
    waiting: list[str] = []
    for path in paths:
        if _ending(path) != ".npy":
            groups.append([path])
            continue
        waiting.append(path)
        if len(waiting) == 2:
            groups.append(waiting)
            waiting = []
    if waiting:
        raise refusal(
            waiting[0], "pairs of .npy files, series then labels", "one without its labels",
            "name the labels' file right after the series' file",
        )  # fmt: skip
    return groups


def _read_npz(
    paths: list[str], names: ColumnNames, split: str | None, serial: Iterator[int]
) -> Iterator[pa.Table]:
    path = paths[0]
    arrays = _load_arrays(path)
    if "X_train" in arrays and split is None:
        for part in ("train", "test"):
            if f"X_{part}" in arrays:
                table_of = _array_tables(
                    path,
                    arrays[f"X_{part}"],
                    _member(path, arrays, f"y_{part}"),
                    arrays.get(f"len_{part}"),
                    part,
                    serial,
                )
                for table in table_of:
                    yield table.append_column("split", pa.array([part] * len(table), pa.string()))
    else:
        x, y = _member(path, arrays, "X"), _member(path, arrays, "y")
        yield from _array_tables(path, x, y, arrays.get("len"), split or "series", serial)


def _read_npy(
    paths: list[str], names: ColumnNames, split: str | None, serial: Iterator[int]
) -> Iterator[pa.Table]:
    x, y = (_load_array(path) for path in paths)
    yield from _array_tables(paths[0], x, y, None, split or "series", serial)


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
    serial: Iterator[int],
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
    _refuse_infinite(path, x)
    lengths = _observed_lengths(x) if lengths is None else _stated_lengths(path, lengths, x)
    channels = channel_names(x.shape[2])
    for start in range(0, len(x), CHUNK_ROWS):
        cut = slice(start, start + CHUNK_ROWS)
        steps = lengths[cut].astype(np.int32)
        yield pa.table(
            {
                "series_id": [f"{prefix}-{next(serial):06d}" for _ in steps],
                "label": pa.array(labels[cut], pa.string()),
                "n_steps": steps,
                **{name: from_dense(x[cut, :, k], steps) for k, name in enumerate(channels)},
            }
        )


def channel_names(n_channels: int) -> list[str]:
    """Names for channels that the file leaves unnamed."""
    return ["value"] if n_channels == 1 else [f"channel_{k}" for k in range(n_channels)]


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


def label_text(value: Any) -> str | None:
    """A label as text, None where it is missing; 1.0 and 1 are the same class."""
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, float):
        if np.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    text = str(value).strip()
    return None if text.lower() in ("", "nan", "?") else text


def _refuse_infinite(path: str, x: np.ndarray) -> None:
    bad = np.isinf(x).any(axis=(1, 2))
    if bad.any():
        row = int(bad.argmax()) + 1
        raise refusal(
            path, "finite numbers, or NaN where one is missing", "Inf (or beyond float32)",
            "correct the value", row,
        )  # fmt: skip


def _observed_lengths(x: np.ndarray) -> np.ndarray:
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


def _read_tsv(
    paths: list[str], names: ColumnNames, split: str | None, serial: Iterator[int]
) -> Iterator[pa.Table]:
    """UCR archive text: a label, then the values, tab-separated; trailing NaN is padding."""
    path = paths[0]
    labels: list[str | None] = []
    series: list[list[np.ndarray]] = []
    for row, line in _text_lines(path):
        label, *tokens = line.split("\t")
        if not tokens:
            raise refusal(
                path, "a label and values, separated by tabs", repr(line[:40]),
                "separate them by tabs", row,
            )  # fmt: skip
        values = _numbers(path, row, tokens)
        series.append([values[: int(_observed_lengths(values[None, :, None])[0])]])
        labels.append(_tsv_label(label))
    yield from _ragged_tables(path, labels, series, split, serial)


def _tsv_label(text: str) -> str | None:
    """UCR files write the class 1 as 1, 1.0 or 1.0000000e+00."""
    is_number = re.fullmatch(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*", text)
    return label_text(float(text) if is_number else text)


def _read_ts(
    paths: list[str], names: ColumnNames, split: str | None, serial: Iterator[int]
) -> Iterator[pa.Table]:
    """The ``.ts`` text of aeon and sktime: ``@`` header, then channels by colon, label last."""
    path = paths[0]
    classes: list[str] | None = None
    labels: list[str | None] = []
    series: list[list[np.ndarray]] = []
    in_data = False
    for row, line in _text_lines(path):
        if not in_data:
            classes, in_data = _ts_header(path, row, line, classes)
            continue
        *channels, label = line.split(":")
        label = label.strip()
        if not channels or (label != "?" and classes is not None and label not in classes):
            raise refusal(
                path, f"channels and then a label out of {', '.join(classes or [])}",
                repr(label[:40]), "correct the line", row,
            )  # fmt: skip
        values = [_numbers(path, row, channel.split(",")) for channel in channels]
        if len({len(channel) for channel in values}) > 1:
            raise refusal(
                path, "channels of one length", f"{[len(v) for v in values]} values",
                "pad the shorter ones with ?", row,
            )  # fmt: skip
        series.append(values)
        labels.append(label_text(label))
    if not in_data:
        raise refusal(path, "a line @data", "none", "check that this is a .ts file")
    yield from _ragged_tables(path, labels, series, split, serial)


def _ts_header(
    path: str, row: int, line: str, classes: list[str] | None
) -> tuple[list[str] | None, bool]:
    word, *rest = line.split()
    if not word.startswith("@"):
        raise refusal(path, "a header line that begins with @", repr(line[:40]), "correct it", row)
    key = word.lower()
    if key == "@timestamps" and rest and rest[0].lower() == "true":
        raise refusal(
            path, "series without time stamps", "@timeStamps true", "leave the stamps out", row
        )
    if key == "@classlabel":
        if not rest or rest[0].lower() != "true":
            raise refusal(path, "@classLabel true and the classes", line, "add labels", row)
        classes = rest[1:]
    if key == "@data" and classes is None:
        raise refusal(path, "a line @classLabel before @data", "none", "add it", row)
    return classes, key == "@data"


def _text_lines(path: str) -> Iterator[tuple[int, str]]:
    """Non-empty lines that are no comments, with their numbers."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            for row, line in enumerate(file, start=1):
                if line.strip() and not line.startswith("#"):
                    yield row, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise refusal(path, "UTF-8 text", str(error), "convert the file") from error


def _numbers(path: str, row: int, tokens: list[str]) -> np.ndarray:
    texts = ["nan" if token.strip() in ("?", "") else token for token in tokens]
    try:
        if any("_" in text for text in texts):
            raise ValueError("Python's own 1_000 is no number in a file")
        values = np.array(texts, dtype=np.float64).astype(np.float32)
    except ValueError:
        wrong = next(text for text in texts if not _is_number(text))
        raise refusal(path, "numbers", repr(wrong), "correct the value", row) from None
    if np.isinf(values).any():
        raise refusal(
            path, "finite numbers, or NaN where one is missing", "Inf (or beyond float32)",
            "correct the value", row,
        )  # fmt: skip
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _ragged_tables(
    path: str,
    labels: list[str | None],
    series: list[list[np.ndarray]],
    split: str | None,
    serial: Iterator[int],
) -> Iterator[pa.Table]:
    """Rows out of one array per channel per series."""
    n_channels = len(series[0]) if series else 0
    for row, channels in enumerate(series, start=1):
        if len(channels) != n_channels:
            raise refusal(
                path, f"{n_channels} channels as in the first series", f"{len(channels)} channels",
                f"correct series {row}",
            )  # fmt: skip
    names = channel_names(n_channels)
    for start in range(0, len(series), CHUNK_ROWS):
        part = series[start : start + CHUNK_ROWS]
        columns = {name: [channels[k] for channels in part] for k, name in enumerate(names)}
        yield pa.table(
            {
                "series_id": [f"{split or 'series'}-{next(serial):06d}" for _ in part],
                "label": pa.array(labels[start : start + CHUNK_ROWS], pa.string()),
                "n_steps": np.array([len(channels[0]) for channels in part], dtype=np.int32),
                **{name: pa.array(values, SERIES) for name, values in columns.items()},
            }
        )


def _read_parquet(
    paths: list[str], names: ColumnNames, split: str | None, serial: Iterator[int]
) -> Iterator[pa.Table]:
    path = paths[0]
    try:
        parquet = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise refusal(
            path, "a Parquet file", str(error).split("\n")[0], "write it again"
        ) from error
    with parquet:
        if channels_of(parquet.schema_arrow):
            for group in range(parquet.num_row_groups):
                yield _wide_rows(path, parquet.read_row_group(group), names)
        else:
            yield _long_rows(path, parquet.read(), names, first_row=1)


def _wide_rows(path: str, table: pa.Table, names: ColumnNames) -> pa.Table:
    """Our own layout: a row is a series, a channel is a list."""
    table = _renamed(path, table, names)
    channels = channels_of(table.schema)
    columns = {name: table[name] for name in table.column_names if name not in channels}
    columns |= {name: _float_lists(path, table[name], name) for name in channels}
    if "n_steps" not in columns:
        columns["n_steps"] = pc.list_value_length(columns[channels[0]])
    return _cast(path, pa.table(columns))


def _float_lists(path: str, column: pa.ChunkedArray, name: str) -> pa.Array:
    lists = column.combine_chunks()
    if lists.null_count:
        row = int(np.flatnonzero(lists.is_null().to_numpy(zero_copy_only=False))[0]) + 1
        raise refusal(path, f"a list in column {name!r}", "null", "drop the row", row)
    try:
        flat = lists.flatten().cast(pa.float32(), safe=False)
    except pa.ArrowInvalid as error:
        raise refusal(path, f"lists of numbers in column {name!r}", str(error), "fix it") from error
    except pa.ArrowNotImplementedError:
        kind = str(lists.type)
        raise refusal(path, f"lists of numbers in column {name!r}", kind, "fix it") from None
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pc.fill_null(flat, float("nan")))


def _read_csv(
    paths: list[str], names: ColumnNames, split: str | None, serial: Iterator[int]
) -> Iterator[pa.Table]:
    path = paths[0]
    text = {names.series_id: pa.string(), names.label: pa.string(), "group": pa.string()}
    try:
        table = pyarrow.csv.read_csv(
            path, convert_options=pyarrow.csv.ConvertOptions(column_types=text)
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError, UnicodeDecodeError) as error:
        reason = str(error).split("\n")[0]
        raise refusal(path, "a CSV table with a header", reason, "correct the file") from error
    for name in text:
        if name in table.column_names:
            blank = pc.equal(table[name], "")
            filled = pc.if_else(blank, pa.scalar(None, pa.string()), table[name])
            table = table.set_column(table.column_names.index(name), name, filled)
    yield _long_rows(path, table, names, first_row=2)


def _long_rows(path: str, table: pa.Table, names: ColumnNames, first_row: int) -> pa.Table:
    """Long form, a row per step: gather each series, in the order of its steps."""
    table = _renamed(path, table, names)
    if not len(table):
        raise refusal(path, "at least one row", "none", "check the file")
    step = _step_column(path, table, names)
    known = {*FIXED_COLUMNS, *OPTIONAL_COLUMNS, step}
    channels = [name for name in table.column_names if name not in known]
    if not channels:
        raise refusal(
            path, "at least one column of numbers besides series, label and step",
            ", ".join(table.column_names), "add the channels",
        )  # fmt: skip
    if table["series_id"].null_count:
        row = int(np.flatnonzero(table["series_id"].is_null().to_numpy())[0]) + first_row
        raise refusal(path, "a series_id in every row", "none", "fill it in", row)
    ids = table["series_id"].combine_chunks().dictionary_encode()
    codes = ids.indices.to_numpy()
    order = _step_order(path, table, step, codes, first_row)
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    lengths = np.diff(np.append(starts, len(codes))).astype(np.int32)
    offsets = pa.array(np.append(starts, len(codes)).astype(np.int32))
    columns: dict[str, Any] = {"series_id": ids.dictionary, "n_steps": lengths}
    for name in ("label", *OPTIONAL_COLUMNS):
        if name in table.column_names and name != step:
            columns[name] = _constant(path, table[name], name, codes, order, starts, first_row)
    for name in channels:
        flat = _float_column(path, table[name], name, first_row)[order]
        columns[name] = pa.ListArray.from_arrays(offsets, pa.array(flat))
    return _cast(path, pa.table(columns))


def _step_column(path: str, table: pa.Table, names: ColumnNames) -> str | None:
    if names.step is None:
        return "step" if "step" in table.column_names else None
    if names.step not in table.column_names:
        raise refusal(
            path, f"a column {names.step!r}", ", ".join(table.column_names),
            "correct --step-column",
        )  # fmt: skip
    return names.step


def _step_order(
    path: str, table: pa.Table, step: str | None, codes: np.ndarray, first_row: int
) -> np.ndarray:
    if step is None:
        torn = np.flatnonzero(np.diff(codes) < 0)
        if len(torn):
            raise refusal(
                path, "the rows of a series together, or a column 'step'", "a series in pieces",
                "sort the rows or say which column is the step with --step-column",
                int(torn[0]) + 1 + first_row,
            )  # fmt: skip
        return np.arange(len(codes))
    steps = table[step]
    if steps.null_count or pa.types.is_string(steps.type):
        bad = steps.is_null().to_numpy() if steps.null_count else np.array([True])
        raise refusal(
            path, f"a number or a time in column {step!r}", str(steps[int(bad.argmax())]),
            "correct it", int(bad.argmax()) + first_row,
        )  # fmt: skip
    values = steps.to_numpy()
    order = np.lexsort((values, codes))
    same = (np.diff(codes[order]) == 0) & (values[order][1:] == values[order][:-1])
    if same.any():
        first = int(same.argmax())
        row = max(order[first], order[first + 1]) + first_row
        raise refusal(
            path, "one row per step of a series", "the same step again", "drop the repeat", int(row)
        )
    return order


def _constant(
    path: str,
    column: pa.ChunkedArray,
    name: str,
    codes: np.ndarray,
    order: np.ndarray,
    starts: np.ndarray,
    first_row: int,
) -> pa.Array:
    values = column.combine_chunks()
    first = values.take(pa.array(order[starts]))
    expected = first.take(pa.array(codes))
    same = pc.fill_null(pc.equal(values, expected), False).to_numpy(zero_copy_only=False)
    same |= (values.is_null().to_numpy(False)) & (expected.is_null().to_numpy(False))
    if not same.all():
        row = int((~same).argmax())
        raise refusal(
            path, f"one {name} for all steps of a series",
            f"{values[row].as_py()!r} beside {expected[row].as_py()!r}", "correct the column",
            row + first_row,
        )  # fmt: skip
    return first


def _float_column(path: str, column: pa.ChunkedArray, name: str, first_row: int) -> np.ndarray:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = column.to_pandas()
        numbers = pd.to_numeric(texts, errors="coerce")
        blank = texts.isna() | texts.str.strip().str.lower().isin(["", "nan", "na", "null"])
        bad = (numbers.isna() & ~blank).to_numpy()
        if bad.any():
            row = int(bad.argmax())
            raise refusal(
                path, f"a number in column {name!r}", repr(texts.iloc[row]),
                "correct the value, or drop the column: every other column is a channel",
                row + first_row,
            )  # fmt: skip
        values = numbers.to_numpy(dtype=np.float64)
    elif pa.types.is_null(column.type):
        values = np.full(len(column), np.nan)
    else:
        try:
            values = column.cast(pa.float64(), safe=False).to_numpy()
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise refusal(
                path, f"numbers in column {name!r}", str(column.type), "drop or convert it"
            ) from None
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if np.isinf(narrow).any():
        row = int(np.isinf(narrow).argmax()) + first_row
        raise refusal(
            path, f"finite numbers in column {name!r}", "Inf (or beyond float32)",
            "correct the value", row,
        )  # fmt: skip
    return narrow


def _renamed(path: str, table: pa.Table, names: ColumnNames) -> pa.Table:
    """Give the series and label columns their own names, and text."""
    present = table.column_names
    if "" in present or len(set(present)) < len(present):
        raise refusal(
            path, "a different name for every column", ", ".join(map(repr, present)),
            "name the columns (pandas: index=False)",
        )  # fmt: skip
    if len(present) == 1 and re.search(r"[;|\t]", present[0]):
        raise refusal(path, "columns separated by commas", repr(present[0]), "change the separator")
    new = {names.series_id: "series_id", names.label: "label"}
    for given, own in new.items():
        if given not in present:
            raise refusal(
                path, f"a column {given!r}", ", ".join(present),
                f"rename a column or say which it is with --{own.replace('_', '-')}-column",
            )  # fmt: skip
        if given != own and own in present:
            raise refusal(
                path, f"no column {own!r} beside {given!r}", ", ".join(present), "drop one of them"
            )
    table = table.rename_columns([new.get(name, name) for name in present])
    return _cast(path, table, {"series_id": pa.string(), "label": pa.string()})


def _cast(path: str, table: pa.Table, kinds: dict[str, pa.DataType] | None = None) -> pa.Table:
    """Give known columns their stored types."""
    for name, kind in (kinds or {**FIXED_COLUMNS, **OPTIONAL_COLUMNS}).items():
        if name in table.column_names:
            try:
                column = table[name].cast(kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise refusal(
                    path, f"{kind} in column {name!r}", str(table[name].type), "convert it"
                ) from error
            table = table.set_column(table.column_names.index(name), name, column)
    return table


READERS: dict[str, Callable[..., Iterator[pa.Table]]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".ts": _read_ts,
    ".tsv": _read_tsv,
    ".npz": _read_npz,
    ".npy": _read_npy,
}
