"""The content of a column's cells: numbers, times in any notation, or texts."""

import re
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from seqclass.series import check_choice
from seqclass.store.formats.table import option

DATES = {
    "dd/mm/yyyy": "%d/%m/%Y",
    "mm/dd/yyyy": "%m/%d/%Y",
    "dd.mm.yyyy": "%d.%m.%Y",
    "dd-mm-yyyy": "%d-%m-%Y",
    "mm-dd-yyyy": "%m-%d-%Y",
    "yyyy/mm/dd": "%Y/%m/%d",
    "yyyy.mm.dd": "%Y.%m.%d",
    "dd/mm/yy": "%d/%m/%y",
    "mm/dd/yy": "%m/%d/%y",
    "dd.mm.yy": "%d.%m.%y",
}
"""Notations of dates, by the words of ``--dates``."""
ISO = "2026-01-31 12:00:00"
CELLS = 1000
"""Number of cells that are inspected to determine a column's content."""
PARTS = {
    "dd": r"(0?[1-9]|[12]\d|3[01])",
    "mm": r"(0?[1-9]|1[0-2])",
    "yyyy": r"\d{4}",
    "yy": r"\d\d",
}
CLOCK = r"\d{1,2}:\d\d(:\d\d)?"
NUMBER = re.compile(r"[+-]?((\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?|inf(inity)?)", re.IGNORECASE)
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?)?)?")
TIME_OF_DAY = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?( ?[ap]\.?m\.?)?", re.IGNORECASE)
DAY_OR_CLOCK = re.compile(r"\d{1,4}([/.-])\d{1,2}\1\d{2,4}|\d{1,2}:\d\d")
WORDS = {
    "jan", "feb", "mar", "apr", "may", "mai", "jun", "jul", "aug", "sep", "sept", "oct", "okt",
    "nov", "dec", "dez", "january", "february", "march", "april", "june", "july", "august",
    "september", "october", "november", "december", "mon", "tue", "wed", "thu", "fri", "sat", "sun",
    "am", "pm", "t", "z", "utc", "gmt", "cet", "cest",
}  # fmt: skip
"""Words that occur in times."""
BLANK = {"", "nan", "na", "n/a", "#n/a", "null", "none"}


class Content(NamedTuple):
    """The content of a column.

    dates: the words of ``--dates`` by which its times can be read, empty if they need none. odd:
    the first cell that differs from the others.
    """

    kind: Literal["empty", "number", "time", "clock", "odd time", "text"]
    dates: tuple[str, ...] = ()
    odd: str | None = None


def content_of(column: pa.ChunkedArray) -> Content:
    """Determine the content of a column from its first cells."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return Content("time")
    if pa.types.is_time(kind):
        return Content("clock")
    if column.null_count == len(column):
        return Content("empty")
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return Content("number")
    return content_of_texts(text for text in column.slice(0, CELLS).to_pylist() if text)


def content_of_texts(texts: Iterable[str]) -> Content:
    """Determine the content of cells of text."""
    whole = {bare: text for text in texts if (bare := text.strip()).lower() not in BLANK}
    cells = list(whole)
    if not cells:
        return Content("empty")
    odd = [cell for cell in cells if not NUMBER.fullmatch(cell)]
    if len(odd) <= len(cells) / 2:
        return Content("number", (), whole[odd[0]] if odd else None)
    if all(map(ISO_TIME.fullmatch, cells)):
        return Content("time")
    if dates := tuple(words for words in DATES if all(map(_pattern(words).fullmatch, cells))):
        return Content("time", dates)
    if all(map(TIME_OF_DAY.fullmatch, cells)):
        return Content("clock")
    return Content("odd time" if all(map(_is_like_a_time, cells)) else "text")


def first_odd(texts: Sequence[str | None], dates: str | None) -> int:
    """Return the place of the first text that is written unlike most, 0 if there is none.

    dates: the word of ``--dates``, whose notation is then the only one of days beside ISO.
    """
    notations = [NUMBER, ISO_TIME, TIME_OF_DAY, *map(_pattern, [dates] if dates else DATES)]
    cells = [(place, text.strip()) for place, text in enumerate(texts) if text]
    odd = min(
        ([place for place, cell in cells if not form.fullmatch(cell)] for form in notations),
        key=len,
    )
    return odd[0] if odd else cells[0][0]


def _pattern(words: str) -> re.Pattern[str]:
    first, sign, second, _, third = re.split(r"([/.-])", words)
    day = re.escape(sign).join(PARTS[part] for part in (first, second, third))
    return re.compile(f"{day}([ T]{CLOCK})?")


def _is_like_a_time(cell: str) -> bool:
    """Check whether a cell has a date or a time of day, and no words except those of times."""
    words = re.findall(r"[^\W\d_]+", cell.lower())
    is_day = len(re.findall(r"\d+", cell)) > 1 and any(len(word) > 2 for word in words)
    return bool(is_day or DAY_OR_CLOCK.match(cell)) and all(word in WORDS for word in words)


def dates_cure(content: Content) -> str:
    """Return how to make times readable that are not."""
    if content.dates:
        return "say " + " or ".join(option("--dates", words) for words in content.dates)
    if content.kind == "clock":
        return f"add the date, as in {ISO}"
    return f"correct it, or write times as {ISO}"


def as_floats(times: pa.ChunkedArray) -> np.ndarray:
    """Convert dates, times or times of day to float64, in the order in which they come."""
    if pa.types.is_date(times.type):
        times = times.cast(pa.timestamp("s"))
    whole = pa.int32() if pa.types.is_time32(times.type) else pa.int64()
    return times.cast(whole).cast(pa.float64(), safe=False).to_numpy()


def date_formats(words: str | None) -> list[str]:
    """Return formats of dates, with and without time of day, for the words of ``--dates``."""
    if words is None:
        return []
    check_choice("--dates", words, DATES)
    day = DATES[words]
    return [f"{day} %H:%M:%S", f"{day} %H:%M", f"{day}T%H:%M:%S", f"{day}T%H:%M", day]
