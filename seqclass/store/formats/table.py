"""Common parts of the readers: limits, column names, refusals and their options, stored types."""

import csv
import inspect
import io
import os
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, TypeVar
from typing import cast as typed

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqclass.store.manifests import ImportSummary, ModelDescription, ReadingRecord, reading_of
from seqclass.store.root import printable
from seqclass.store.rows import KNOWN_COLUMNS
from seqclass.store.validation import Names

END_BYTES, MAX_DIRECTORY_BYTES = 2**16 + 98, 2**22
"""Bytes of an archive's end with the longest comment, and most bytes of its directory."""
SPARED_BYTES = 2**28
"""Decoded bytes that any file may have, however small it is."""
PLAIN = re.compile(r"[\w.,/@%+=:-]*[\w/@%+=-]")
LISTS = ("--ignore", "--channels")
"""Options that take several names."""
Chosen = TypeVar("Chosen")


@dataclass(frozen=True)
class Limits:
    """Upper limits of what a file may hold.

    series: of a file.
    steps: of one series.
    channels: of a file.
    cells: numbers of a channel that one row group of Parquet holds.
    whole_bytes: of what can't be read in parts: labels, lengths, arrays in Fortran order, the texts
        of a block of rows.
    line_bytes: of a line of text.
    ratio: decoded bytes per byte of the file.
    sheet_cells: of a sheet of a workbook.
    seconds: for reading a file, plus one for each MiB of it.
    memory_bytes: for reading a file.
    """

    series: int = 10_000_000
    steps: int = 10_000_000
    channels: int = 4096
    cells: int = 2**28
    whole_bytes: int = 2**28
    line_bytes: int = 2**28
    ratio: int = 200
    sheet_cells: int = 2**20
    seconds: int = 120
    memory_bytes: int = 2**30

    def check(self, path: str, name: str, count: int, of_what: str = "") -> None:
        """Refuse a file that has more of something than the limit of this name."""
        most = getattr(self, name)
        if count > most:
            what = f"{name.replace('_', ' ')}{of_what and ' '}{of_what}"
            raise refusal(
                path, f"at most {most:,} {what}", f"{count:,}",
                f"if you trust the file, --limit {name}={count} takes it",
            )  # fmt: skip

    def check_ratio(self, path: str, decoded_bytes: int) -> None:
        """Refuse a small file that would unpack to a large one."""
        if decoded_bytes > SPARED_BYTES:
            stored_bytes = max(os.path.getsize(path), 1)
            self.check(path, "ratio", -(-decoded_bytes // stored_bytes), "of its size, decoded")


def check_directory(path: str) -> None:
    """Refuse an archive whose directory alone would take long to read."""
    with open(path, "rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - END_BYTES, 0))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    n_bytes = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if end >= 76 and tail[end - 20 : end].startswith(b"PK\x06\x07"):  # of more than 4 GiB
        n_bytes = int.from_bytes(tail[end - 36 : end - 28], "little")
    if n_bytes > MAX_DIRECTORY_BYTES:
        raise refusal(
            path, f"an archive's directory of at most {MAX_DIRECTORY_BYTES:,} bytes",
            f"{n_bytes:,}", "put fewer members into it",
        )  # fmt: skip


def limits_of(choices: list[str]) -> Limits:
    """Return the limits of files with the given choices, each ``name=number``."""
    return chosen_limits(Limits, choices)


def chosen_limits(kind: Callable[..., Chosen], choices: list[str]) -> Chosen:
    """Return a dataclass of limits with the given choices, each ``name=number``."""
    names, numbers = list(inspect.signature(kind).parameters), {}
    for choice in choices:
        name, _, number = choice.partition("=")
        if name not in names or not number.isdecimal() or not int(number):
            raise ValueError(
                f"--limit: expected NAME=NUMBER with a name out of {', '.join(names)}, "
                f"got {choice!r}; correct it"
            )
        numbers[name] = int(number)
    return kind(**numbers)


CHUNK_ROWS = 4096
LONGEST_STEP = 1000
"""Most characters of a suggested next step, which may name all options at once."""
LABELS = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_floating,
    pa.types.is_boolean, pa.types.is_null,
)  # fmt: skip
"""Types of a column that can hold labels."""


MISSING = ("NA", "N/A", "#N/A", "NaN", "nan", "NULL", "null", "None", "?")
"""Texts that programs write for a missing label, and that are hardly ever a class."""


PER_IMPORT = ("tonic_hz", "recording_label", "label_table")
"""Options of single imports, which no manifest keeps."""


@dataclass(frozen=True)
class ColumnNames:
    """The meaning of a table: the roles of its columns, and how its text is written.

    None leaves it to the reader: columns have their standard names (``series_id``, ``label``,
    ``step``, ``group``, ``time``), and the notation is that of the first lines.
    channels: the only ones (empty: every other column).
    ignore: columns to leave out.
    layout: whether a row is a step or a series, or a file a series and its folder a class.
    dates: notation of dates, such as ``dd/mm/yyyy``.
    sheet: of a workbook.
    unlabelled: columns of labels, groups and times may be absent, as in files to be scored.
    repeated_steps: whether rows that repeat a step of their series, with the same values, are
        dropped instead of refused.
    rate_hz, window_seconds: of recordings: steps a second, and the longest series.
    tonic_hz, recording_label: of all recordings; label_table: path, label and tonic of each, where
        they differ. These three are given with each import.
    """

    series_id: str | None = None
    label: str | None = None
    step: str | None = None
    group: str | None = None
    time: str | None = None
    channels: Names = ()
    ignore: Names = ()
    layout: Literal["long", "wide", "folders"] | None = None
    delimiter: str | None = None
    decimal: Literal[".", ","] | None = None
    encoding: str | None = None
    dates: str | None = None
    sheet: str | None = None
    unlabelled: bool = False
    repeated_steps: Literal["refuse", "drop"] | None = None
    rate_hz: float | None = None
    window_seconds: float | None = None
    tonic_hz: float | None = None
    recording_label: str | None = None
    label_table: tuple[tuple[str, str | None, float | None], ...] = ()

    @property
    def roles(self) -> dict[str, str]:
        """The standard names of series, label and further named columns, by the file's names."""
        given = {self.series_id or "series_id": "series_id", self.label or "label": "label"}
        more = {self.group: "group", self.time if self.time != self.step else None: "time"}
        return given | {name: role for name, role in more.items() if name is not None}

    @property
    def named(self) -> set[str | None]:
        """Columns that were named by their role; such a name counts beside ``ignore``."""
        return {self.series_id, self.label, self.step, self.group, self.time}

    def given(self, standard: str) -> str:
        """Return the file's name of a standard column."""
        return next((name for name, role in self.roles.items() if role == standard), standard)

    def merge(self, older: "ColumnNames") -> "ColumnNames":
        """Return these options, completed by the older ones."""
        options = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(older, **{name: value for name, value in options.items() if value})

    def to_record(self) -> ReadingRecord:
        """Return the options for a manifest; ``names_of`` reads them."""
        kept = [f.name for f in fields(self) if f.name not in PER_IMPORT]
        options = {name: value for name in kept if (value := getattr(self, name))}
        return typed(ReadingRecord, options)


def names_of(manifest: ImportSummary | ModelDescription) -> ColumnNames:
    """Return the options by which the files of a dataset or model were read, from its manifest."""
    options = {field.name for field in fields(ColumnNames)}
    stored: dict[str, Any] = {k: v for k, v in reading_of(manifest).items() if k in options}
    lists = {k: tuple(v) for k, v in stored.items() if isinstance(v, list)}
    return ColumnNames(**{**stored, **lists})


CORRECT = "correct the value"
"""What to do about a value that can't be read."""


@dataclass(frozen=True)
class Reading:
    """Options of the readers.

    split: of every row, if it is given.
    serial: numbers for series that have no ids in the files.
    limits: what the files may hold.
    infinite_cure: the advice of a refusal of infinite values; None passes them on.
    progress: called with the share of a recording that is done.
    """

    names: ColumnNames
    split: str | None
    serial: Iterator[int]
    limits: "Limits"
    infinite_cure: str | None = CORRECT
    progress: Callable[[float], None] | None = None


class RefusalError(ValueError):
    """A file that no reader takes; the message is one line."""


def refusal(
    path: str, expected: str, got: str, next_step: str, row: int | None = None
) -> RefusalError:
    """Return an error about a file; rows count from 1, a header line included, blank
    lines and empty rows not."""
    where = path if row is None else f"{path}, row {row}"
    parts = printable(expected), printable(got), printable(next_step, LONGEST_STEP)
    return RefusalError("{}: expected {}, got {}; {}".format(where, *parts))


def renamed(path: str, table: pa.Table, names: ColumnNames) -> pa.Table:
    """Give series, label, group and time their standard names, as text; drop ignored columns."""
    table = table.select(kept_columns(table.column_names, names))
    if names.layout == "folders":
        table = _named_by_place(path, table)
    present, new = table.column_names, names.roles
    for given, standard in new.items():
        if given in present and given != standard and standard in present:
            raise refusal(
                path, f"no column {standard!r} beside {given!r}", ", ".join(present),
                f"leave it out with {option('--ignore', standard)}, or leave out the word on "
                f"{given!r}",
            )  # fmt: skip
    table = table.rename_columns([new.get(name, name) for name in present])
    if "label" not in table.column_names:
        table = table.append_column("label", pa.nulls(len(table), pa.string()))
    place = table.column_names.index("label")
    table = table.set_column(place, "label", _labels(path, table["label"]))
    texts = {"series_id": pa.string(), "label": pa.string()}
    return cast(path, table, texts | ({"group": pa.string()} if names.group else {}))


def refuse_twins(path: str, column: str, texts: Collection[str | None]) -> None:
    """Refuse texts that differ only by spaces around them: two series or classes of one name."""
    for text in texts:
        if text and text != (bare := text.strip()) and bare in texts:
            raise refusal(
                path, f"texts without spaces around them in column {column!r}",
                f"{text!r} beside {bare!r}", "remove the spaces",
            )  # fmt: skip


def _named_by_place(path: str, table: pa.Table) -> pa.Table:
    """Name a series after its file, and its class after the file's folder."""
    folder, name = os.path.split(os.path.abspath(path))
    label = os.path.basename(folder)
    columns = {"series_id": f"{label}/{os.path.splitext(name)[0]}", "label": label}
    for column, value in columns.items():
        if column in table.column_names:
            raise refusal(
                path, f"no column {column!r} where folders are the classes", "one",
                "leave --layout folders out, or the column with --ignore",
            )  # fmt: skip
        table = table.append_column(column, pa.array([value] * len(table), pa.string()))
    return table


def check_columns(path: str, present: list[str], names: ColumnNames) -> None:
    """Refuse columns that can't be told apart, by the cause, and options that name no column."""
    if "" in present:
        cure = "name it, or write the file without it (pandas: index=False; R: row.names = FALSE)"
        if present.index("") == len(present) - 1:
            cure = "name the last column, or remove the separators at the ends of the lines"
        if 2 * present.count("") > len(present):
            cure = "remove the lines above the header"
        raise refusal(path, "a name for every column", ", ".join(map(repr, present)), cure)
    if again := next((name for at, name in enumerate(present) if name in present[:at]), None):
        raise refusal(
            path, "a different name for every column", f"{again!r} twice",
            "rename one of the two, or write the names of the columns above where these are values",
        )  # fmt: skip
    for words, columns in (("--ignore", names.ignore), ("--channels", names.channels)):
        missing = [name for name in columns if name not in present]
        if missing and not (words == "--ignore" and names.unlabelled):
            raise refusal(path, f"a column {missing[0]!r}", ", ".join(present), f"correct {words}")


def kept_columns(present: list[str], names: ColumnNames) -> list[str]:
    """Return the columns of a file that are used, in its order."""
    needed = {*names.roles, names.step, "step", *KNOWN_COLUMNS}
    return [
        name
        for name in present
        if (name not in names.ignore or name in names.named)
        and (not names.channels or name in names.channels or name in needed)
    ]


def _labels(path: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Convert labels to text; NaN is a missing one."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not any(is_kind(kind) for is_kind in LABELS):
        raise refusal(path, "texts or numbers in the label's column", str(kind), "convert it")
    if pa.types.is_floating(kind):
        numbers = column.cast(kind)
        if pc.any(pc.is_inf(numbers)).as_py():
            raise refusal(path, "a class in every label", "inf", "correct the label")
        column = pc.if_else(pc.is_nan(numbers), pa.scalar(None, kind), numbers)
    texts = column.cast(pa.string())
    missing = pc.unique(texts.filter(pc.is_in(texts, pa.array(MISSING)))).to_pylist()
    if missing:
        raise refusal(
            path, "a class in every label, or nothing", f"{missing[0]!r}, a sign of a missing one",
            "leave the label empty where it is missing, or rename the class",
        )  # fmt: skip
    return texts


def cast(path: str, table: pa.Table, kinds: dict[str, pa.DataType] | None = None) -> pa.Table:
    """Cast standard columns to their stored types."""
    for name, kind in (kinds or KNOWN_COLUMNS).items():
        if name in table.column_names:
            try:
                column = table[name].cast(kind)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise refusal(
                    path, f"{kind} in column {name!r}", str(table[name].type), "convert it"
                ) from error
            table = table.set_column(table.column_names.index(name), name, column)
    return table


def channel_names(n_channels: int) -> list[str]:
    """Return names for channels that have none in the file."""
    return ["value"] if n_channels == 1 else [f"channel_{k}" for k in range(n_channels)]


def label_text(value: Any) -> str | None:
    """Return a label as text, or None if it is missing; 1.0 and 1 are the same class."""
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    if isinstance(value, float):
        if np.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    text = str(value).strip()
    return None if text.lower() in ("", "nan", "?") else text


def option(name: str, *values: str) -> str:
    """Return an option with its value, quoted for a shell; several names are joined by comma.

    >>> option("--step-column", "Sample #"), option("--ignore", "a", "b, c")
    ("--step-column 'Sample #'", '--ignore \\'a,"b, c"\\'')
    """
    text = values[0] if name not in LISTS else joined(values)
    if PLAIN.fullmatch(text):
        return f"{name} {text}"
    quoted = shlex.quote(text)  # what ends in a comma or a point would merge with the sentence
    return f"{name} {quoted}" if quoted != text else f"{name} '{text}'"


def joined(names: Iterable[str]) -> str:
    """Join names by comma; a name with a comma or a quote in it is quoted."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(names)
    return line.getvalue()


def split_names(text: str) -> tuple[str, ...]:
    """Split a text into the names that ``joined`` joined."""
    names = next(csv.reader([text], skipinitialspace=True), [])
    return tuple(name.strip() for name in names if name.strip())
