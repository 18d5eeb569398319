"""Readers of UCR ``.tsv`` and sktime ``.ts`` text: a line is a series."""

import re
from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa

from seqclass.store.formats.arrays import BLOCK_CELLS, unpadded_lengths
from seqclass.store.formats.columns import check_precision, to_float32
from seqclass.store.formats.dialect import zero_refusal
from seqclass.store.formats.filetypes import check_first_line, ucr_sign
from seqclass.store.formats.table import (
    CHUNK_ROWS,
    Limits,
    Reading,
    channel_names,
    label_text,
    refusal,
)
from seqclass.store.rows import SERIES


def read_tsv(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Read UCR archive text: a label, then the values; trailing NaN is padding.

    Tabs separate them, or commas, or spaces, as in the archive's older files.
    """
    path = paths[0]
    lines = Lines(path, reading)
    for row, line in _text_lines(path, reading.limits):
        reading.limits.check(path, "steps", line.count(ucr_sign(line) or " "))
        label, *tokens = line.split(ucr_sign(line))
        if not tokens:
            raise refusal(
                path, "a label and values, separated by tabs", repr(line[:40]),
                "separate them by tabs", row,
            )  # fmt: skip
        if not lines.n_series:
            check_first_line(path, line)
        values = _numbers(path, row, tokens, reading.infinite_cure)
        length = int(unpadded_lengths(values[None, :, None])[0])
        yield from lines.add(_tsv_label(label), [values[:length]])
    yield from lines.rest()


def _tsv_label(text: str) -> str | None:
    """Return the label of a UCR file, in which the class 1 is 1, 1.0 or 1.0000000e+00."""
    bare = text.strip()
    is_number = re.fullmatch(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?", bare)
    return label_text(float(bare) if is_number else text)


def read_ts(paths: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Read ``.ts`` text of aeon and sktime: ``@`` header, then channels by colon, label last."""
    path = paths[0]
    classes: list[str] | None = None
    in_data, lines = False, Lines(path, reading)
    for row, line in _text_lines(path, reading.limits):
        if not in_data:
            classes, in_data = _ts_header(path, row, line, classes)
            continue
        reading.limits.check(path, "channels", line.count(":"))
        reading.limits.check(path, "steps", line.count(",") // max(line.count(":"), 1) + 1)
        *channels, label = line.split(":")
        label = label.strip()
        if not channels or (label != "?" and classes is not None and label not in classes):
            raise refusal(
                path, f"channels and then a label out of {', '.join(classes or [])}",
                repr(label[:40]), "correct the line", row,
            )  # fmt: skip
        values = [
            _numbers(path, row, channel.split(","), reading.infinite_cure, name)
            for name, channel in zip(channel_names(len(channels)), channels, strict=True)
        ]
        if len({len(channel) for channel in values}) > 1:
            raise refusal(
                path, "channels of one length", f"{[len(v) for v in values]} values",
                "pad the shorter ones with ?", row,
            )  # fmt: skip
        yield from lines.add(label_text(label), values)
    if not in_data:
        raise refusal(path, "a line @data", "none", "check that this is a .ts file")
    yield from lines.rest()


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


def _text_lines(path: str, limits: Limits) -> Iterator[tuple[int, str]]:
    """Yield non-empty lines without comments, with their numbers."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = iter(partial(file.readline, limits.line_bytes + 1), "")
            for row, line in enumerate(lines, start=1):
                limits.check(path, "line_bytes", len(line))
                if "\0" in line:
                    raise zero_refusal(path, row)
                if line.strip() and not line.startswith("#"):
                    yield row, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise refusal(path, "UTF-8 text", "other bytes", "save it as UTF-8") from error


def _numbers(
    path: str, row: int, tokens: list[str], infinite_cure: str | None, name: str = "value"
) -> np.ndarray:
    texts = ["nan" if token.strip() in ("?", "") else token for token in tokens]
    try:
        if any("_" in text for text in texts):
            raise ValueError("Python's own 1_000 is no number in a file")
        wide = np.array(texts, dtype=np.float64)
    except ValueError:
        wrong = next(text for text in texts if not _is_number(text))
        raise refusal(path, "numbers", repr(wrong), "correct the value", row) from None
    values = to_float32(wide)
    check_precision(path, name, wide, values, False)
    if infinite_cure is not None and np.isinf(values).any():
        raise refusal(
            path, "finite numbers, or NaN where one is missing", "Inf (or beyond float32)",
            infinite_cure, row,
        )  # fmt: skip
    return values


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


class Lines:
    """A buffer of series, one array per channel each, that yields them as tables.

    It yields one after as many series, or as many numbers, as memory is to hold.
    """

    def __init__(self, path: str, reading: Reading) -> None:
        self.path, self.reading = path, reading
        self.labels: list[str | None] = []
        self.series: list[list[np.ndarray]] = []
        self.n_channels = self.n_cells = self.n_series = 0

    def add(self, label: str | None, channels: list[np.ndarray]) -> Iterator[pa.Table]:
        """Add a series ``(steps,)`` by channel; a table is yielded when enough have come."""
        self.n_series += 1
        self.n_channels = self.n_channels or len(channels)
        self.reading.limits.check(self.path, "series", self.n_series)
        if len(channels) != self.n_channels:
            raise refusal(
                self.path, f"{self.n_channels} channels as in the first series",
                f"{len(channels)} channels", f"correct series {self.n_series}",
            )  # fmt: skip
        self.labels.append(label)
        self.series.append(channels)
        self.n_cells += sum(map(len, channels))
        if len(self.series) == CHUNK_ROWS or self.n_cells >= BLOCK_CELLS:
            yield from self.rest()

    def rest(self) -> Iterator[pa.Table]:
        """Yield the remaining series."""
        if not self.series:
            return
        prefix, part = self.reading.split or "series", self.series
        names = channel_names(self.n_channels)
        columns = {name: [channels[k] for channels in part] for k, name in enumerate(names)}
        yield pa.table(
            {
                "series_id": [f"{prefix}-{next(self.reading.serial):06d}" for _ in part],
                "label": pa.array(self.labels, pa.string()),
                "n_steps": np.array([len(channels[0]) for channels in part], dtype=np.int32),
                **{name: pa.array(values, SERIES) for name, values in columns.items()},
            }
        )
        self.labels, self.series, self.n_cells = [], [], 0
