"""UCR ``.tsv`` and sktime ``.ts`` text: a line is a series."""

import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from storage.formats.arrays import observed_lengths
from storage.formats.table import CHUNK_ROWS, Reading, channel_names, label_text, refusal
from storage.rows import SERIES


def read_tsv(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
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
        values = _numbers(path, row, tokens, reading.keep_infinite)
        series.append([values[: int(observed_lengths(values[None, :, None])[0])]])
        labels.append(_tsv_label(label))
    yield from _ragged_tables(path, labels, series, reading)


def _tsv_label(text: str) -> str | None:
    """UCR files write the class 1 as 1, 1.0 or 1.0000000e+00."""
    is_number = re.fullmatch(r"\s*[+-]?\d+(\.\d*)?([eE][+-]?\d+)?\s*", text)
    return label_text(float(text) if is_number else text)


def read_ts(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
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
        values = [
            _numbers(path, row, channel.split(","), reading.keep_infinite) for channel in channels
        ]
        if len({len(channel) for channel in values}) > 1:
            raise refusal(
                path, "channels of one length", f"{[len(v) for v in values]} values",
                "pad the shorter ones with ?", row,
            )  # fmt: skip
        series.append(values)
        labels.append(label_text(label))
    if not in_data:
        raise refusal(path, "a line @data", "none", "check that this is a .ts file")
    yield from _ragged_tables(path, labels, series, reading)


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


def _numbers(path: str, row: int, tokens: list[str], keep_infinite: bool) -> np.ndarray:
    texts = ["nan" if token.strip() in ("?", "") else token for token in tokens]
    try:
        if any("_" in text for text in texts):
            raise ValueError("Python's own 1_000 is no number in a file")
        values = np.array(texts, dtype=np.float64).astype(np.float32)
    except ValueError:
        wrong = next(text for text in texts if not _is_number(text))
        raise refusal(path, "numbers", repr(wrong), "correct the value", row) from None
    if not keep_infinite and np.isinf(values).any():
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
    reading: Reading,
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
        prefix = reading.split or "series"
        yield pa.table(
            {
                "series_id": [f"{prefix}-{next(reading.serial):06d}" for _ in part],
                "label": pa.array(labels[start : start + CHUNK_ROWS], pa.string()),
                "n_steps": np.array([len(channels[0]) for channels in part], dtype=np.int32),
                **{name: pa.array(values, SERIES) for name, values in columns.items()},
            }
        )
