"""Files in which users write what they want: JSON or TOML, looked at before they are parsed.

A parser follows brackets and dotted keys as deep as they go, and turns digits into numbers of any
size: some kilobytes can end a process.
"""

import json
import os
import re
import tomllib
from typing import Any

from seqclass.store.root import irregular, printable

PARSERS = {".toml": tomllib.loads, ".json": json.loads}
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
"""Texts and comments whole, ended or not, then words and numbers, then signs."""


def read_spec_file(argument: str, path: str) -> Any:
    """What a JSON file says, or by its ending a TOML file; ValueError for what it can't say."""
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


def _text(argument: str, path: str) -> str:
    """The file's text; a pipe's writer is not waited for."""
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
    """Refuse what nests deeper, or counts further, than anybody writes."""
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
