"""Readers of the user's files: each turns a file into rows of a dataset, or refuses it.

A refusal names the file, the row if there is one, what was expected and what came.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from itertools import count

import pyarrow as pa

from seqclass.store.formats.file_format import (
    Format,
    Understood,
    by_ending,
    ending_of,
    format_by_content,
    format_of,
)
from seqclass.store.formats.filetypes import check_content, ending_of_text
from seqclass.store.formats.table import (
    CORRECT,
    ColumnNames,
    Limits,
    Reading,
    RefusalError,
    limits_of,
    names_of,
    refusal,
)
from seqclass.store.root import irregular

__all__ = [
    "ColumnNames",
    "Limits",
    "RefusalError",
    "error_summary",
    "expand",
    "file_groups",
    "limits_of",
    "names_of",
    "read_files",
    "read_group",
    "refusing",
    "understood",
]  # fmt: skip


def read_files(
    paths: list[str],
    names: ColumnNames,
    split: str | None = None,
    infinite_cure: str | None = CORRECT,
    limits: Limits | None = None,
) -> Iterator[pa.Table]:
    """Yield rows of all files in order, with ``split`` as their split if it is given.

    Long tables are streamed: only a part of the file and the ids of its series are in memory.
    """
    reading = Reading(names, split, count(), limits or Limits(), infinite_cure)
    for group in file_groups(paths):
        yield from read_group(group, reading)


def read_group(group: list[str], reading: Reading) -> Iterator[pa.Table]:
    """Yield rows of one file, or of a pair of files that belong together."""
    with refusing(group[0]):
        for table in _format(group[0]).read(group, reading):
            if len(table):
                yield table if reading.split is None else _with_split(table, reading.split)


def understood(path: str, names: ColumnNames, limits: Limits) -> Understood:
    """Return how one file is read: its form, and the role of each of its columns."""
    return _format(path).understood(path, names, limits)


@contextlib.contextmanager
def refusing(path: str) -> Iterator[None]:
    """Turn any error in the block into a refusal of this file, except errors of the disk.

    "Invalid argument" is no error of the disk: the file sends its reader to a negative offset.
    """
    try:
        yield
    except RefusalError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise refusal(path, "a sound file", error_summary(error), "write it again") from error


def error_summary(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its type."""
    return str(error).strip().split("\n")[0] or type(error).__name__


def _with_split(table: pa.Table, split: str) -> pa.Table:
    """Set the split that the user named, whatever the file says."""
    if "split" in table.column_names:
        table = table.drop_columns(["split"])
    return table.append_column("split", pa.array([split] * len(table), pa.string()))


def expand(paths: list[str], argument: str) -> list[str]:
    """Replace folders by the readable files in them, or else by those in their subfolders.

    Refuse what is missing or not readable.
    """
    files: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            inside = [os.path.join(path, name) for name in os.listdir(path)]
            folders = [p for p in inside if os.path.isdir(p) and not os.path.islink(p)]
            readable = _readable(path) or [
                p for folder in sorted(folders) for p in _readable(folder)
            ]
            if not readable:
                raise refusal(argument, f"a folder with {_endings()} files", path, "add files")
            files += _alone(readable) or readable
        elif not os.path.isfile(path):
            raise ValueError(
                f"{argument}: expected an existing file or folder, got {path!r}; check the path"
            )
        elif not path.isprintable():
            raise ValueError(f"{argument}: expected a printable name, got {path!r}; rename it")
        else:
            _format(path)
            files.append(path)
    for path in files:
        if format_by_content(path) is None:
            check_content(path)
    return files


def _readable(folder: str) -> list[str]:
    """Return the files of a folder that a reader takes, sorted by name."""
    inside = sorted(os.path.join(folder, name) for name in os.listdir(folder))
    files = [p for p in inside if _is_taken(p) and ending_of(p) != ".npy"]
    for path in files:
        _check_regular(path)
    return files


def _alone(paths: list[str]) -> list[str]:
    """Return the files of formats that are known by content, if there are any, and no others."""
    forms = {path: form for path in paths if (form := format_by_content(path))}
    endings = {ending for form in forms.values() for ending in form.endings}
    return [path for path in paths if path in forms or ending_of(path) in endings]


def _is_taken(path: str) -> bool:
    """Check whether a reader takes a file: by its ending, or by its content."""
    if ending_of(path) in by_ending():
        return True
    try:
        is_file = os.path.isfile(path) and not os.path.islink(path)
        return is_file and format_by_content(path) is not None
    except PermissionError:  # most likely no file of series
        return False


def _check_regular(path: str) -> None:
    """Refuse links and irregular files in a folder; a file that the user names may be a link."""
    kind = irregular(os.lstat(path).st_mode)
    if kind:
        raise refusal(
            path, "regular files in a folder", kind, "remove it, or name the file that is meant"
        )


def _format(path: str) -> Format:
    form = format_of(path)
    if form is None:
        raise ValueError(
            f"PATH: expected a file ending in {_endings()}, got {path!r}; {_cure(path)}"
        )
    return form


def _cure(path: str) -> str:
    """Return how to convert a file of another kind.

    Arrow files are not read: their buffers are compressed as a whole, so their size can't be
    checked before they are unpacked.
    """
    ending = ending_of(path)
    if ending in (".feather", ".arrow"):
        return "convert it to Parquet"
    if ending in ("", ".txt", ".dat", ".tab", ".log") and (right := ending_of_text(path)):
        return f"rename it to end in {right}"
    return "save it as .xlsx" if ending == ".xls" else "convert it"


def _endings() -> str:
    return ", ".join(by_ending())


def file_groups(paths: list[str]) -> list[list[str]]:
    """Group files that are read together, in order: an ``.npy`` of series with one of labels."""
    groups: list[list[str]] = []
    waiting: list[str] = []
    for path in paths:
        if ending_of(path) != ".npy":
            groups.append([path])
            continue
        waiting.append(path)
        if len(waiting) == 2:
            groups.append(waiting)
            waiting = []
    if waiting:
        raise refusal(
            waiting[0], "pairs of .npy files, series then labels", "one without its labels",
            "name the labels' file right after the series' file",
        )  # fmt: skip
    return groups
