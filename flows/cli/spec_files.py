"""Readers of specs and costs in files by users, which are checked before they are parsed.

A parser follows brackets and dotted keys to any depth, and converts numbers of any size: a file of
some kilobytes could end the process.
"""

import csv
import json
import os
import re
import tomllib
from collections.abc import Callable
from typing import Any

from seqclass.store.root import irregular, printable

PARSERS: dict[str, Callable[[str], Any]] = {".toml": tomllib.loads, ".json": json.loads}
MAX_BYTES, MAX_DEPTH, MAX_DIGITS = 2**20, 32, 100
TOKEN = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?'
    r"|'''(?:[^']|'(?!''))*+(?:''')?"
    r'|"(?:[^"\\\n]|\\.)*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+"
    r"|\w++"
    r"|[^\s\w]|\n",
    re.DOTALL,
)
"""Pattern of tokens: whole texts and comments, ended or not, then words and numbers, then signs."""


def read_spec_file(argument: str, path: str) -> Any:
    """Read a JSON file or, by its ending, a TOML file; ValueError if it is invalid."""
    ending = os.path.splitext(path)[1].lower()
    text = _text(argument, path)
    try:
        _check(text)
        return PARSERS.get(ending, json.loads)(text)
    except (ValueError, RecursionError) as error:
        kind = "TOML" if ending == ".toml" else "JSON"
        raise ValueError(
            f"{argument} {path}: expected {kind}, got {printable(str(error))}; correct it"
        ) from error


def read_costs(argument: str, path: str) -> dict[str, dict[str, float]]:
    """Read a CSV file with a row for each true class and a column for each answer.

    ValueError if a row has other columns than the first line, or a cell is no number.
    """
    lines = [row for row in csv.reader(_text(argument, path).splitlines()) if row]
    costs: dict[str, dict[str, float]] = {}
    for truth, *cells in lines[1:]:
        try:
            pairs = zip(lines[0][1:], map(float, cells), strict=True)
            costs[truth.strip()] = {answer.strip(): cost for answer, cost in pairs}
        except ValueError as error:
            raise ValueError(
                f"{argument} {path}: expected {len(lines[0]) - 1} numbers in the row of "
                f"{printable(truth)!r}, got {printable(', '.join(cells))!r}; correct it"
            ) from error
    return costs


def _text(argument: str, path: str) -> str:
    """Return the file's text, without waiting for the writer of a pipe."""
    with open(path, "rb", opener=lambda p, flags: os.open(p, flags | os.O_NONBLOCK)) as file:
        if kind := irregular(os.fstat(file.fileno()).st_mode):
            raise ValueError(f"{argument}: expected a regular file, got {kind}: {path!r}; name one")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(
            f"{argument} {path}: expected at most {MAX_BYTES:,} bytes, got more; shorten it"
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{argument} {path}: expected UTF-8, got {error}; correct it") from error


def _check(text: str) -> None:
    """Refuse deeper nesting and larger numbers than any real file has."""
    depth = dots = 0
    for token in map(re.Match.group, TOKEN.finditer(text)):
        first = token[0]
        if first.isdigit() and len(token) > MAX_DIGITS:
            raise ValueError(f"a number of {len(token):,} digits where {MAX_DIGITS} are the most")
        if first in "[{":
            depth += 1
        elif first in "]}":
            depth -= 1
        dots = dots + 1 if first == "." else 0 if first in "=,:\n[]{}" else dots
        if max(depth, dots) > MAX_DEPTH:
            raise ValueError(f"one that is nested more than {MAX_DEPTH} times")
