"""Kinds of files: how each is recognised, read, described and shown."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, BinaryIO, NamedTuple, NotRequired

import pyarrow as pa
from typing_extensions import TypedDict

from seqclass.plugins import parts
from seqclass.store.formats.table import ColumnNames, Limits, Reading

HEAD_BYTES = 12
"""Bytes at a file's beginning by which it is recognised."""
MIB = 2**20


class Understood(TypedDict):
    """The form of a file, and the role of each column."""

    layout: str
    delimiter: NotRequired[str]
    decimal: NotRequired[str]
    encoding: NotRequired[str]
    columns: NotRequired[dict[str, str]]


class FileSummary(NamedTuple):
    """Summary of a file for people: its name, a word on it, and named properties."""

    name: str
    subtitle: str
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class FileFacts:
    """How the facts of files, which a reader attaches to its tables (``attach``), are used.

    knows: whether facts, or their line, are of this format.
    check: refuses with ValueError the facts of all files that were read, if they are not sure.
    page: returns the page of a file in HTML, from its facts, the bytes attached and its rows.
    summary: returns what is shown of a file.
    line: returns what the page of a dataset shows of a file, from its facts with its ``page``.
    section: returns these lines as a section of that page, as markup.
    """

    knows: Callable[[Mapping[str, Any]], bool]
    check: Callable[[Sequence[Mapping[str, Any]]], None]
    page: Callable[[Mapping[str, Any], bytes, pa.Table, ColumnNames], str]
    summary: Callable[[Mapping[str, Any]], FileSummary]
    line: Callable[[Mapping[str, Any]], dict[str, Any]]
    section: Callable[[Sequence[Mapping[str, Any]]], str]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    noun: what a file is, with its article.
    endings: of files' names, in lower case.
    read: yields the rows of a file, or of files that belong together.
    understood: returns how a file is read; RefusalError for one that can't be.
    is_text: whether a file's first bytes may be those of a text.
    label_first: whether the first value of a row is its label, which no name says.
    missing_end: returns the end that an open file of so many bytes lacks while it is written, or
        None.
    matches: whether the first ``HEAD_BYTES`` are those of this kind, whatever the name ends in;
        such a file's folder holds no other kind.
    check: refuses files of this kind with ValueError, all together, before they are read.
    bytes_per_s: size for which a reader has a second.
    facts: if readers attach them; such files are recognised by content, and read by an import
        alone, since facts follow from the whole file.
    """

    noun: str
    endings: tuple[str, ...]
    read: Callable[[list[str], Reading], Iterator[pa.Table]]
    understood: Callable[[str, ColumnNames, Limits], Understood]
    is_text: bool = False
    label_first: bool = False
    missing_end: Callable[[BinaryIO, int], str | None] = lambda *_: None
    matches: Callable[[bytes], bool] | None = None
    check: Callable[[list[str], ColumnNames], None] = lambda *_: None
    bytes_per_s: int = MIB
    facts: FileFacts | None = None


@cache
def formats() -> tuple[Format, ...]:
    """Return all kinds of files that can be read, the built-in ones first."""
    return tuple(chain.from_iterable(parts("formats")))


@cache
def by_ending() -> dict[str, Format]:
    """Return the format of each ending."""
    return {ending: form for form in formats() for ending in form.endings}


def ending_of(path: str) -> str:
    """Return the ending of a file's name, in lower case, with its point."""
    return os.path.splitext(path)[1].lower()


def format_by_head(head: bytes) -> Format | None:
    """Return the format that a file's first bytes show; None for one that needs an ending."""
    return next(
        (form for form in formats() if form.matches and form.matches(head)),
        None,
    )


def format_by_content(path: str) -> Format | None:
    """Return the format that ``format_by_head`` finds in a file."""
    with open(path, "rb") as file:
        return format_by_head(file.read(HEAD_BYTES))


def format_of(path: str) -> Format | None:
    """Return the format of a file, by its first bytes or else by its ending."""
    return format_by_content(path) or by_ending().get(ending_of(path))


def check_files(paths: list[str], names: ColumnNames) -> None:
    """Refuse with ValueError what a format refuses before its files are read."""
    of_paths = [(path, format_of(path)) for path in paths]
    for form in formats():
        form.check([path for path, of_path in of_paths if of_path is form], names)


def seconds_to_read(path: str) -> int:
    """Return how many seconds the size of a file adds to the time for reading it."""
    form = format_of(path)
    return os.path.getsize(path) // (form.bytes_per_s if form else MIB)


def all_facts() -> tuple[FileFacts, ...]:
    """Return how facts are used, for each format that has any."""
    return tuple(form.facts for form in formats() if form.facts)


def facts_of(record: Mapping[str, Any]) -> FileFacts | None:
    """Return how the facts of a file are used; None if no format knows them."""
    return next((facts for facts in all_facts() if facts.knows(record)), None)
