"""A bar of a fit's progress, in a notebook or on a terminal."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from seqclass.workers import Progress, ProgressCallback


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

    def show(progress: Progress) -> None:
        bar = f'<progress value="{progress.update}" max="{progress.of}"></progress>'
        handle.update(HTML(f"{bar} {_note(progress)}"))

    yield show
    handle.update(HTML(f"fitted in {time.monotonic() - began:.0f} s"))


def _terminal_bar() -> Iterator[ProgressCallback]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console, columns = Console(stderr=True), (TextColumn("{task.description}"), BarColumn())
    with Bar(
        *columns, TimeElapsedColumn(), console=console, transient=True,
        disable=not console.is_terminal, redirect_stdout=False, redirect_stderr=False,
    ) as bar:  # fmt: skip
        task = bar.add_task("fitting", total=None)
        yield lambda progress: bar.update(
            task, description=_note(progress), completed=progress.update, total=progress.of
        )


def _note(progress: Progress) -> str:
    return f"LSTM, network {progress.network}, update {progress.update} of at most {progress.of}"
