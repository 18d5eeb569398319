"""Progress on standard error: bars on a terminal, a line per finished training in a log."""

import math
from collections.abc import Callable, Iterable, Iterator
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

from seqclass.evaluation.contribution import LSTM
from tasks.compute.records import SeedRecord
from tasks.compute.workers import Progress as Training


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
    """A bar for all trainings, and one for each that is under way; in a log, and by ``run_log``, a
    line whenever the loss of a seed's LSTM has halved, and one for each that ends.

    label of a training: as in what its process tells.
    """

    def __init__(self, progress: Progress, total: int, run_log: Callable[[str], None]) -> None:
        self._run_log = run_log
        self._progress, self._total, self._done = progress, total, 0
        self._all = progress.add_task("trainings", total=total, note="")
        self._lines: dict[str, TaskID] = {}
        self._logged: dict[str, float] = {}

    def show(self, told: Training) -> None:
        if told.label not in self._lines:
            self._lines[told.label] = self._progress.add_task(told.label, total=told.of, note="")
        note = f"{told.member}, network {told.network}, loss {told.loss:.4f}"
        line = self._lines[told.label]
        self._progress.update(line, completed=told.update, total=told.of, note=note)
        if told.member == LSTM and told.network == 1:
            self._log_halved(told)

    def _log_halved(self, told: Training) -> None:
        if told.loss <= self._logged.get(told.label, math.inf) / 2:
            self._logged[told.label] = told.loss
            self._log(
                f"{told.label}: LSTM at update {told.update} of {told.of} at most, "
                f"training loss {told.loss:.4f}"
            )

    def _log(self, line: str) -> None:
        self._run_log(line)
        if not self._progress.console.is_terminal:
            self._progress.console.print(line, highlight=False, soft_wrap=True)

    def finish(self, record: SeedRecord) -> None:
        """``record``: what ``tasks.compute.replicas`` returns of a training."""
        self._done += 1
        self._progress.advance(self._all)
        if record["label"] in self._lines:
            self._progress.remove_task(self._lines.pop(record["label"]))
        self._log(
            f"{record['label']}: {record['updates']} updates in {record['seconds']:.1f} s, "
            f"validation log-loss {record['validation']['log_loss']:.4f} "
            f"({self._done} of {self._total})"
        )


@contextmanager
def trainings(
    total: int, run_log: Callable[[str], None] = lambda line: None
) -> Iterator[Trainings]:
    with bars() as progress:
        yield Trainings(progress, total, run_log)
