"""Progress bars on a terminal, for commands and tasks; they need no Prefect."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def bars() -> Iterator[Progress]:
    """Provide progress bars, which are drawn only if standard error is a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield progress


def counted(tables: Iterable[pa.Table], total: int | None) -> Iterator[pa.Table]:
    """Pass tables on and count their rows in a bar."""
    with bars() as progress:
        yield from count_rows(progress, tables, total)


def count_rows(
    progress: Progress, tables: Iterable[pa.Table], total: int | None
) -> Iterator[pa.Table]:
    """Pass tables on and count their rows in a bar of these."""
    task = progress.add_task("series", total=total, note="")
    for table in tables:
        yield table
        progress.advance(task, len(table))


class FileBars:
    """A bar of its own for each file that takes long to read, in per cent."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._lines = progress, dict[str, TaskID]()

    def __call__(self, path: str, share: float) -> None:
        """Show that a share (0 to 1) of a recording has been read."""
        if path not in self._lines:
            name = os.path.basename(path)
            self._lines[path] = self._progress.add_task(name, total=100, note="%")
        self._progress.update(self._lines[path], completed=round(100 * share))
        if share >= 1:
            self._progress.update(self._lines[path], visible=False)
