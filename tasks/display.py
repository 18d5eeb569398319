"""Progress on standard error: bars on a terminal, silence in a log."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def bars() -> Iterator[Progress]:
    """A display that is drawn only where standard error is a terminal."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        yield progress


def counted(tables: Iterable[pa.Table], total: int | None) -> Iterator[pa.Table]:
    """Pass tables on and count their rows in a bar."""
    with bars() as progress:
        task = progress.add_task("series", total=total, note="")
        for table in tables:
            yield table
            progress.advance(task, len(table))
