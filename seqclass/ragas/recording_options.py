"""Options for importing recordings."""

import csv
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from seqclass.flows.cli.option_groups import ReadingOptions

if TYPE_CHECKING:
    from seqclass.store.formats import ColumnNames

LabelRow = tuple[str, str | None, float | None]
MAX_TABLE_BYTES = 2**24
TABLE_COLUMNS = ("file", "label", "tonic_hz")
MIN_HZ, MAX_HZ = 30.0, 1000.0
TonicOption = Annotated[
    float | None, typer.Option(help="Recordings: Sa in Hz (default: found in each).")
]


@dataclass(frozen=True)
class RecordingOptions(ReadingOptions):
    """Options for reading recordings."""

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
        return replace(
            super().names(),
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
