"""Options that a refusal suggests as the next step, quoted for a shell."""

import csv
import io
import re
import shlex
from collections.abc import Iterable

PLAIN = re.compile(r"[\w.,/@%+=:-]*[\w/@%+=-]")
NAME = "NAME"
"""Placeholder for a name that only the user knows."""
LISTS = ("--ignore", "--channels")
"""Options that take several names."""


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
