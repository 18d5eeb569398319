"""The dialect of a text table: encoding, delimiter, decimal sign, header."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, pairwise

from seqclass.store.formats.questions import TableQuestion, ask_all
from seqclass.store.formats.table import ColumnNames, RefusalError, option, refusal

SAMPLE_BYTES = 2**17
LINE_END = re.compile(r"\r\n?|\n")
TELLING = 3
"""Factor by which a sign in the header must outnumber the others to be the delimiter."""
WESTERN = ("cp1252", "latin-1")
LATIN_SHARE = 0.25
"""Share of digits, signs and Latin letters that any table has, whose other byte in UTF-16 is 0."""
HEADED = "a CSV table with a header"
DELIMITERS = (",", ";", "\t", "|")
SHOWN = {"\t": "tab", " ": "space"}
COMMA_NUMBER = re.compile(r"[+-]?\d+,\d+")
POINT_NUMBER = re.compile(r"[+-]?\d+\.\d+")
THREE_DIGITS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d{1,3}(,\d{3})+\.\d+")


@dataclass(frozen=True)
class Dialect:
    """The detected dialect of a text table.

    header: its names. skipped: lines above them. doubts: guesses that need to be confirmed.
    """

    encoding: str
    delimiter: str
    decimal: str
    header: tuple[str, ...]
    skipped: int
    doubts: tuple[TableQuestion, ...] = ()


def dialect_of(path: str, names: ColumnNames) -> Dialect:
    """Detect the dialect from the first lines; if it is ambiguous, the refusal names the option."""
    with open(path, "rb") as file:
        content = file.read(SAMPLE_BYTES) + file.readline(SAMPLE_BYTES)
        whole = not file.read(1)
    encoding, unsure = _encoding(path, content, names)
    text = content.decode(encoding, "ignore").removeprefix("\ufeff")
    lines = LINE_END.split(text) if whole else LINE_END.split(text)[:-1] or [text]
    announced = re.fullmatch(r"sep=(.)", lines[0].strip("\ufeff "))
    filled = (k for k, line in enumerate(lines) if line.strip() and not (announced and k == 0))
    if (first := next(filled, None)) is None:
        raise refusal(path, HEADED, "an empty file", "check the file")
    delimiter = names.delimiter or (announced and announced[1]) or _delimiter(
        path, lines[first:], unsure
    )  # fmt: skip
    try:
        rows = [row for row in csv.reader(lines[first:], delimiter=delimiter) if row]
    except csv.Error as error:
        raise refusal(path, HEADED, str(error), "correct the file") from error
    header = tuple(name.strip("\ufeff ") for name in rows[0])
    _check_widths(path, rows, delimiter, first)
    cells = [cell.strip() for row in rows[1:] for cell in row]
    decimal, either = _decimal(path, cells, delimiter, names)
    return Dialect(encoding, delimiter, decimal, header, first, (*unsure, *either))


def _encoding(path: str, content: bytes, names: ColumnNames) -> tuple[str, list[TableQuestion]]:
    if names.encoding:
        try:
            content[:4].decode(names.encoding, "ignore")
        except LookupError:
            raise RefusalError(
                f"--encoding: expected a name such as utf-8 or latin-1, got {names.encoding!r}; "
                "correct it"
            ) from None
        return names.encoding, []
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", []
    if b"\0" in content:
        guess = _utf16(path, content)
        return guess, [_other_bytes(guess)]
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return "latin-1", [_other_bytes(*WESTERN)]
    return "utf-8", []


def _utf16(path: str, content: bytes) -> str:
    """Return the encoding of text with two bytes a letter; refuse other bytes with zeros."""
    later, earlier = content[1::2].count(0), content[::2].count(0)
    guess = "utf-16-le" if later >= earlier else "utf-16-be"
    letters = content.decode(guess, "ignore")
    is_text = all(letter.isprintable() or letter.isspace() for letter in letters)
    if not is_text or max(later, earlier) < LATIN_SHARE * len(letters):
        raise zeros_refusal(path, content)
    return guess


def zeros_refusal(path: str, content: bytes) -> RefusalError:
    """Return the refusal of a file whose first bytes hold a zero, although none is expected."""
    try:
        content.replace(b"\0", b"").decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":
            return refusal(path, "a text file", "other bytes", "save the table as text in UTF-8")
    return zero_refusal(path, content.count(b"\n", 0, content.index(0)) + 1)


def zero_refusal(path: str, row: int) -> RefusalError:
    """Return the refusal of a text with a byte of zero in a row."""
    return refusal(path, "text", "a zero byte (NUL)", "remove it, or write the file again", row)


def _other_bytes(*guesses: str) -> TableQuestion:
    words = " or ".join(option("--encoding", guess) for guess in guesses)
    cure = f"save it as UTF-8, or name its encoding, such as {words}"
    return TableQuestion("UTF-8 text", "other bytes", cure)


def not_decoded(path: str, encoding: str) -> ValueError:
    """Return the refusal of bytes that can't be decoded."""
    if encoding == "utf-8":
        return refusal(path, *_other_bytes(*WESTERN))
    cure = "save it as UTF-8, or correct --encoding NAME"
    return refusal(path, f"text in {encoding}", "other bytes", cure)


def _delimiter(path: str, lines: list[str], unsure: list[TableQuestion]) -> str:
    """Return the delimiter of the header, outside quotes; of two, the one that is in every line."""
    plain = [re.sub(r'"[^"]*"', "", line) for line in lines[:50] if line.strip()]
    present = [sign for sign in DELIMITERS if sign in plain[0]]
    if not present and len(plain) > 2 and any(all(s in li for li in plain[1:]) for s in DELIMITERS):
        raise refusal(
            path, "the names of the columns in the first line", repr(plain[0]),
            "remove the lines above the header",
        )  # fmt: skip
    if not present and " " in plain[0].strip() and len({line.count(" ") for line in plain}) == 1:
        present = [" "]
    elif len(present) < 2:
        return present[0] if present else ","
    steady = [s for s in present if len({line.count(s) for line in plain}) == 1]
    most, *others = sorted(steady or [""], key=plain[0].count, reverse=True)
    if most and all(plain[0].count(most) >= TELLING * plain[0].count(s) for s in others):
        return most
    signs = " and ".join(repr(SHOWN.get(sign, sign)) for sign in present)
    words = " or ".join(option("--delimiter", "tab" if s == "\t" else s) for s in present)
    ask_all(
        path, [*unsure, TableQuestion("one sign between columns", signs, f"say which: {words}")]
    )
    return present[0]


def _check_widths(path: str, rows: list[list[str]], sign: str, skipped: int) -> None:
    """Refuse lines of different widths by their cause, before a reader reports a broken file."""
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


def _decimal(
    path: str, cells: list[str], delimiter: str, names: ColumnNames
) -> tuple[str, list[TableQuestion]]:
    if names.decimal:
        return names.decimal, []
    if thousands := next((cell for cell in cells if THOUSANDS.fullmatch(cell)), None):
        raise refusal(
            path, "numbers without signs between thousands", repr(thousands), "write them without"
        )
    commas = [cell for cell in cells if COMMA_NUMBER.fullmatch(cell)]
    points = [cell for cell in cells if POINT_NUMBER.fullmatch(cell)]
    if not commas and (delimiter != ";" or not points):
        return ".", []
    numbers = commas or points
    if (commas and points) or all(THREE_DIGITS.fullmatch(cell) for cell in numbers):
        pair = f"{numbers[0]!r} and {points[0]!r}" if commas and points else repr(numbers[0])
        words = " or ".join(option("--decimal", sign) for sign in ",.")
        doubt = TableQuestion("one reading of its numbers", pair, f"say the decimal sign: {words}")
        return numbers[0].strip("+-0123456789"), [doubt]
    return "," if commas else ".", []
