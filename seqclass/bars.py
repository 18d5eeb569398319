"""Progress bars on a terminal or in a notebook; they need no Prefect."""

import os
import sys
import time
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

from seqclass.workers import Progress as Fitted
from seqclass.workers import ProgressCallback


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


@contextmanager
def fitting_bar(verbose: int | None) -> Iterator[ProgressCallback | None]:
    """Provide a callback that draws the progress of the LSTM, or None where nothing is drawn.

    verbose: 0 draws nothing, 1 draws in a notebook or on a terminal, None in a notebook only;
    ValueError for anything else.
    """
    if verbose not in (None, 0, 1):
        raise ValueError(f"verbose: expected None, 0 or 1, got {verbose!r}; correct it")
    if not (_in_notebook() if verbose is None else verbose):
        yield None
    elif _in_notebook():
        yield from _notebook_bar()
    else:
        yield from _terminal_bar()


def _in_notebook() -> bool:
    """Check whether this is the kernel of a notebook, without importing IPython."""
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return "IPKernelApp" in getattr(shell, "config", {})


def _notebook_bar() -> Iterator[ProgressCallback]:
    from IPython.display import HTML, display

    began = time.monotonic()
    handle = display(HTML("<progress></progress> fitting"), display_id=True)

    def show(progress: Fitted) -> None:
        bar = f'<progress value="{progress.update}" max="{progress.of}"></progress>'
        handle.update(HTML(f"{bar} {_note(progress)}"))

    yield show
    handle.update(HTML(f"fitted in {time.monotonic() - began:.0f} s"))


def _terminal_bar() -> Iterator[ProgressCallback]:
    console, columns = Console(stderr=True), (TextColumn("{task.description}"), BarColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True,
        disable=not console.is_terminal, redirect_stdout=False, redirect_stderr=False,
    ) as bar:  # fmt: skip
        task = bar.add_task("fitting", total=None)
        yield lambda progress: bar.update(
            task, description=_note(progress), completed=progress.update, total=progress.of
        )


def _note(progress: Fitted) -> str:
    return f"LSTM, network {progress.network}, update {progress.update} of at most {progress.of}"
