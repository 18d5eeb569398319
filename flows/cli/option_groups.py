"""Groups of options: a command takes related options as one dataclass."""

import csv
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from seqclass.flows.cli.command_line import (
    JsonFlag,
    RootOption,
    RunnerOption,
    existing_writable,
    writable,
)
from seqclass.store.root import Root

if TYPE_CHECKING:
    from seqclass.store.formats import ColumnNames

Said = str | None
LabelRow = tuple[str, str | None, float | None]
MAX_TABLE_BYTES = 2**24
TABLE_COLUMNS = ("file", "label", "tonic_hz")
MIN_HZ, MAX_HZ = 30.0, 1000.0


@dataclass(frozen=True)
class OutputPlace:
    """The storage root of a command, and the format of its output."""

    root: RootOption = None
    as_json: JsonFlag = False

    def store(self) -> Root:
        """Return the root, which must be writable; it must exist if it was named."""
        return existing_writable(self.root)

    def new_store(self) -> Root:
        """Return the root, which must be writable; it is created if it does not exist."""
        return writable(self.root)


@dataclass(frozen=True)
class SpreadPlace(OutputPlace):
    """The place of a command whose series, trainings or answers a cluster can take."""

    runner: RunnerOption = None


def flat(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each field of its dataclasses as an option of its own, for Typer."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: kind for name, kind in hints.items() if is_dataclass(kind)}

    @functools.wraps(command)
    def call(**given: Any) -> None:
        made = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**made, **given)

    parameters = inspect.signature(command).parameters.values()
    options = [option for p in parameters for option in _options(p, hints[p.name])]
    call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    return call


def _options(parameter: inspect.Parameter, kind: Any) -> Iterator[inspect.Parameter]:
    if not is_dataclass(kind):
        yield parameter.replace(kind=parameter.KEYWORD_ONLY, annotation=kind)
        return
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        yield parameter.replace(
            name=field.name,
            kind=parameter.KEYWORD_ONLY,
            default=default,
            annotation=hints[field.name],
        )


@dataclass(frozen=True)
class ReadingOptions:
    """Options for reading files of series."""

    series_id_column: Annotated[Said, typer.Option(help="Column of the series' id.")] = None
    label_column: Annotated[Said, typer.Option(help="Column of the label.")] = None
    step_column: Annotated[Said, typer.Option(help="Column of the step, in long form.")] = None
    group_column: Annotated[
        str | None, typer.Option(help="Column of what a split keeps together.")
    ] = None
    time_column: Annotated[Said, typer.Option(help="Column of each series' time.")] = None
    channels: Annotated[Said, typer.Option(help="The only channels, by comma.")] = None
    ignore: Annotated[Said, typer.Option(help="Columns to leave out, by comma.")] = None
    layout: Annotated[
        Said, typer.Option(help="long: a row is a step; wide: a series; folders: a file.")
    ] = None
    delimiter: Annotated[Said, typer.Option(help="Sign between columns, or tab.")] = None
    decimal: Annotated[Said, typer.Option(help="Decimal sign: a point or a comma.")] = None
    encoding: Annotated[Said, typer.Option(help="Encoding of text, such as latin-1.")] = None
    sheet: Annotated[Said, typer.Option(help="Sheet of a workbook.")] = None
    dates: Annotated[Said, typer.Option(help="How days are written: dd/mm/yyyy, ….")] = None

    def names(self) -> "ColumnNames":
        """Return the reading options; ValueError for an impossible combination."""
        from seqclass.store.formats import ColumnNames
        from seqclass.store.formats.cells import date_formats
        from seqclass.store.formats.table import split_names

        given = asdict(self).items()
        options: dict[str, Any] = {
            key.removesuffix("_column"): value for key, value in given if value
        }
        options |= {name: split_names(options.get(name, "")) for name in ("channels", "ignore")}
        _check_choice("layout", self.layout, ("long", "wide", "folders"))
        _check_choice("decimal", self.decimal, (".", ","))
        if self.delimiter == "tab":
            options["delimiter"] = "\t"
        elif len(self.delimiter or ",") != 1:
            raise ValueError(
                f"--delimiter: expected one sign, or tab, got {self.delimiter!r}; correct it"
            )
        date_formats(self.dates)
        return ColumnNames(**options)


def _check_choice(name: str, given: str | None, choices: tuple[str, ...]) -> None:
    if given and given not in choices:
        raise ValueError(f"--{name}: expected {' or '.join(choices)}, got {given!r}; correct it")


TonicOption = Annotated[
    float | None, typer.Option(help="Recordings: Sa in Hz (default: found in each).")
]


@dataclass(frozen=True)
class RecordingOptions(ReadingOptions):
    """Options for reading files of series, and recordings."""

    label: Annotated[str | None, typer.Option(help="Recordings: their label.")] = None
    labels: Annotated[
        str | None, typer.Option(help="Recordings: CSV of file, label and, if known, tonic_hz.")
    ] = None
    tonic_hz: TonicOption = None
    rate_hz: Annotated[
        float | None, typer.Option(help="Recordings: steps a second (default: 25).")
    ] = None
    window_seconds: Annotated[
        float | None, typer.Option(help="Recordings: longest series (default: 60).")
    ] = None

    def names(self) -> "ColumnNames":
        """Return the reading options; ValueError for an impossible combination."""
        if self.label is not None and self.labels is not None:
            raise ValueError("--label: expected it or --labels, got both; leave one of them out")
        check_tonic(self.tonic_hz)
        check_span("--rate-hz", self.rate_hz, 1.0, 100.0)
        check_span("--window-seconds", self.window_seconds, 1.0, 36_000.0)
        plain = fields(ReadingOptions)
        return replace(
            ReadingOptions(**{field.name: getattr(self, field.name) for field in plain}).names(),
            recording_label=self.label or None,
            label_table=read_label_table(self.labels) if self.labels is not None else (),
            tonic_hz=self.tonic_hz,
            rate_hz=self.rate_hz,
            window_seconds=self.window_seconds,
        )


def check_tonic(given: float | None) -> None:
    """Refuse with ValueError a frequency that no singer calls Sa."""
    check_span("--tonic-hz", given, MIN_HZ, MAX_HZ)


def check_span(name: str, given: float | None, low: float, high: float) -> None:
    """Refuse with ValueError a number outside of its limits."""
    if given is not None and not low <= given <= high:
        raise ValueError(
            f"{name}: expected a number from {low:g} to {high:g}, got {given:g}; correct it"
        )


def read_label_table(path: str) -> tuple[LabelRow, ...]:
    """Read labels and tonics of recordings; file names count from the folder of the labels."""
    if not os.path.isfile(path):
        raise ValueError(f"--labels: expected an existing file, got {path!r}; check the path")
    if os.path.getsize(path) > MAX_TABLE_BYTES:
        raise ValueError(f"--labels: expected at most {MAX_TABLE_BYTES:,} bytes, {path!r} has more")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(
            f"--labels: expected CSV in UTF-8, got {path!r} ({error}); write it again"
        ) from error
    header = [name.strip() for name in rows[0]] if rows else []
    if header not in (list(TABLE_COLUMNS[:2]), list(TABLE_COLUMNS)):
        raise ValueError(
            f"--labels: expected the columns file,label or file,label,tonic_hz, {path!r} has "
            f"{','.join(header) or 'none'}; rename the columns"
        )
    folder = os.path.dirname(os.path.abspath(path))
    table = tuple(_label_row(path, folder, n, row) for n, row in enumerate(rows[1:], 2) if any(row))
    if len({row[0] for row in table}) < len(table):
        raise ValueError(f"--labels: expected each file once, {path!r} has one twice; correct it")
    return table


def _label_row(path: str, folder: str, number: int, row: list[str]) -> LabelRow:
    file, label, tonic, *rest = [*(cell.strip() for cell in row), "", ""]
    try:
        hz = float(tonic) if tonic else None
        if not file or any(rest) or not (hz is None or MIN_HZ <= hz <= MAX_HZ):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"--labels, row {number}: expected a file, a label and a tonic from {MIN_HZ:g} to "
            f"{MAX_HZ:g} Hz or nothing, got {','.join(row)!r} in {path!r}; correct it"
        ) from None
    return os.path.realpath(os.path.join(folder, file)), label or None, hz
