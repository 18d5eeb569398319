"""How a text table is written: encoding, delimiter, decimal sign, header."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, pairwise

from seqclass.store.formats.table import ColumnNames, RefusalError, refusal

SAMPLE_BYTES = 2**17
LINE_END = re.compile(r"\r\n?|\n")
HEADED = "a CSV table with a header"
DELIMITERS = (",", ";", "\t", "|")
SHOWN = {"\t": "tab", " ": "space"}
COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
POINT_NUMBER = re.compile(r"[+-]?\d+\.\d+")
THREE_DIGITS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}(,\d{3})+\.\d+")
DATES = {
    "dd/mm/yyyy": "%d/%m/%Y",
    "mm/dd/yyyy": "%m/%d/%Y",
    "dd.mm.yyyy": "%d.%m.%Y",
    "yyyy/mm/dd": "%Y/%m/%d",
}
"""How days are written, by the words of ``--dates``."""


@dataclass(frozen=True)
class Dialect:
    """What a table of text was found to be; header: its names, skipped: lines above them."""

    encoding: str
    delimiter: str
    decimal: str
    header: tuple[str, ...]
    skipped: int


def dialect_of(path: str, names: ColumnNames) -> Dialect:
    """Look at the first lines; refuse what could be read in two ways, naming the option."""
    with open(path, "rb") as file:
        content = file.read(SAMPLE_BYTES) + file.readline(SAMPLE_BYTES)
        whole = not file.read(1)
    encoding = _encoding(path, content, names)
    text = content.decode(encoding, "ignore")
    lines = LINE_END.split(text) if whole else LINE_END.split(text)[:-1] or [text]
    announced = re.fullmatch(r"sep=(.)", lines[0].strip("\ufeff "))
    filled = (k for k, line in enumerate(lines) if line.strip() and not (announced and k == 0))
    if (first := next(filled, None)) is None:
        raise refusal(path, HEADED, "an empty file", "check the file")
    delimiter = names.delimiter or (announced and announced[1]) or _delimiter(path, lines[first:])
    try:
        rows = [row for row in csv.reader(lines[first:], delimiter=delimiter) if row]
    except csv.Error as error:
        raise refusal(path, HEADED, str(error), "correct the file") from error
    header = tuple(name.strip("\ufeff") for name in rows[0])
    _check_widths(path, rows, delimiter, first)
    cells = [cell.strip() for row in rows[1:] for cell in row]
    return Dialect(encoding, delimiter, _decimal(path, cells, delimiter, names), header, first)


def _encoding(path: str, content: bytes, names: ColumnNames) -> str:
    if names.encoding:
        try:
            content[:4].decode(names.encoding, "ignore")
        except LookupError:
            raise RefusalError(
                f"--encoding: expected a name such as utf-8 or latin-1, got {names.encoding!r}; "
                "correct it"
            ) from None
        return names.encoding
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            raise not_utf8(path) from None
    return "utf-8"


def not_utf8(path: str) -> ValueError:
    """The refusal of bytes that are no UTF-8."""
    return refusal(
        path, "UTF-8 text", "other bytes",
        "save it as UTF-8, or name its encoding: --encoding latin-1 (Excel in the west: cp1252)",
    )  # fmt: skip


def _delimiter(path: str, lines: list[str]) -> str:
    """The sign of the header, outside quotes; where there are two, the one that every line has."""
    plain = [re.sub(r'"[^"]*"', "", line) for line in lines[:50] if line.strip()]
    present = [sign for sign in DELIMITERS if sign in plain[0]]
    if len(present) < 2:
        return present[0] if present else ","
    steady = [s for s in present if len({line.count(s) for line in plain}) == 1]
    if len(steady) == 1:
        return steady[0]
    found = " and ".join(repr(SHOWN.get(sign, sign)) for sign in present)
    raise refusal(
        path, "one sign between columns", found, f"say which with --delimiter '{present[0]}'"
    )


def _check_widths(path: str, rows: list[list[str]], sign: str, skipped: int) -> None:
    """Refuse lines of other widths, which a reader would take for a broken file, by their cause."""
    n_columns, *widths = map(len, rows)
    wrong = next((k for k, n in enumerate(widths) if n != n_columns), None)
    if wrong is None:
        return
    cure = "correct the line"
    if {*widths} == {n_columns + 1} and all(row[0].isdecimal() for row in rows[1:]):
        cure = "name the first column too (R: write.csv(…, row.names = FALSE))"
    elif n_columns < 3 < widths[wrong] or n_columns == 1:
        cure = "remove the lines above the header"
    elif (
        sign == ","
        and widths[wrong] > n_columns
        and any(COMMA_NUMBER.fullmatch(",".join(pair)) for pair in _pairs(rows))
    ):
        cure = "where numbers have decimal commas, separate the columns by semicolons"
    expected, row = f"{n_columns} columns as in the header", 2 + skipped + wrong
    raise refusal(path, expected, f"{widths[wrong]}", cure, row)


def _pairs(rows: list[list[str]]) -> Iterable[tuple[str, str]]:
    return chain.from_iterable(pairwise(row) for row in rows[1:])


def _decimal(path: str, cells: list[str], delimiter: str, names: ColumnNames) -> str:
    if names.decimal:
        return names.decimal
    if thousands := next((cell for cell in cells if THOUSANDS.fullmatch(cell)), None):
        raise refusal(
            path, "numbers without signs between thousands", repr(thousands), "write them without"
        )
    commas = [cell for cell in cells if COMMA_NUMBER.fullmatch(cell)]
    points = [cell for cell in cells if POINT_NUMBER.fullmatch(cell)]
    if not commas and (delimiter != ";" or not points):
        return "."
    said = commas or points
    if (commas and points) or all(THREE_DIGITS.fullmatch(cell) for cell in said):
        pair = f"{said[0]!r} and {points[0]!r}" if commas and points else repr(said[0])
        raise refusal(
            path, "one reading of its numbers", pair,
            "say which sign is the decimal one: --decimal , or --decimal .",
        )  # fmt: skip
    return "," if commas else "."


def date_formats(words: str | None) -> list[str]:
    """Formats of days, with times of the day or without, by the words of ``--dates``."""
    if words is None:
        return []
    if words not in DATES:
        raise RefusalError(
            f"--dates: expected one of {', '.join(DATES)}, got {words!r}; choose one of them"
        )
    day = DATES[words]
    return [f"{day} %H:%M:%S", f"{day} %H:%M", f"{day}T%H:%M:%S", day]
