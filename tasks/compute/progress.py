"""Progress on standard error: bars on a terminal, a line per finished training in a log."""

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

from tasks.compute.records import SeedRecord


@contextmanager
def bars() -> Iterator[Progress]:
    """A display that is drawn only where standard error is a terminal."""
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
        task = progress.add_task("series", total=total, note="")
        for table in tables:
            yield table
            progress.advance(task, len(table))


class Trainings:
    """A bar for all trainings, and one for each that is under way.

    label of a training: as in what its process tells.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._all = progress.add_task("trainings", total=total, note="")
        self._lines: dict[str, TaskID] = {}

    def show(self, label: str, network: int, update: int, of: int, loss: float) -> None:
        if label not in self._lines:
            self._lines[label] = self._progress.add_task(label, total=of, note="")
        note = f"network {network}, loss {loss:.4f}"
        self._progress.update(self._lines[label], completed=update, total=of, note=note)

    def finish(self, record: SeedRecord) -> None:
        """``record``: what ``tasks.compute.replicas`` returns of a training."""
        self._done += 1
        self._progress.advance(self._all)
        if record["label"] in self._lines:
            self._progress.remove_task(self._lines.pop(record["label"]))
        if not self._progress.console.is_terminal:
            self._progress.console.print(
                f"{record['label']}: {record['updates']} updates in {record['seconds']:.1f} s, "
                f"validation log-loss {record['validation']['log_loss']:.4f} "
                f"({self._done} of {self._total})",
                highlight=False,
                soft_wrap=True,
            )


@contextmanager
def trainings(total: int) -> Iterator[Trainings]:
    with bars() as progress:
        yield Trainings(progress, total)
