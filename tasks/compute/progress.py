"""Progress of trainings on standard error: bars on a terminal, a line for each end in a log."""

import contextlib
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, cast
from uuid import UUID

import httpx
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException
from rich.progress import Progress, TaskID

from seqclass.bars import bars
from seqclass.workers import Progress as Training

if TYPE_CHECKING:
    from seqclass.stored_records import SeedRecord
    from tasks.compute.expectation import Outlook

TELL_EVERY_S, DONE = 2.0, 100.0
"""Seconds between two reports of a training's progress to Prefect, which is in percent."""


class Trainings:
    """Display of trainings that run at the same time.

    A terminal has a bar for all, and one for each; a log has a line whenever the loss of a seed's
    LSTM has halved, and one for each training that ends. ``call_off``: no further training may
    begin.
    """

    def __init__(
        self, progress: Progress, total: int, what: str, outlook: "Outlook | None" = None
    ) -> None:
        self.progress, self.total, self._outlook = progress, total, outlook
        self.done, self.is_called_off = 0, False
        if outlook is not None:
            outlook.begin()
        self._all = progress.add_task(what, total=total, note="")

    def call_off(self) -> None:
        self.is_called_off = True

    def say(self, line: str) -> None:
        if not self.progress.console.is_terminal:
            self.progress.console.print(line, highlight=False, soft_wrap=True)

    def reach(self, done: int) -> None:
        """Count those that have ended on other machines, where they had no display."""
        while self.done < done:
            self.finish_one()
            self.say(f"{self.done} of {self.total} done")

    def finish_one(self) -> None:
        self.done += 1
        self.progress.advance(self._all)
        self.correct_outlook(has_ended=True)

    def correct_outlook(self, has_ended: bool = False) -> None:
        """Announce the end anew if it will be another."""
        if self._outlook is not None and (line := self._outlook.correction(self.done, has_ended)):
            self.progress.console.print(line, highlight=False, soft_wrap=True)


class Followed:
    """Display of one training, also in the log of its task run.

    Without a display, as on another machine, it is only in that log.
    """

    def __init__(self, label: str, shown: Trainings | None) -> None:
        self._label, self._shown, self._halved = label, shown, math.inf
        self._line: TaskID | None = None
        self._artifact: UUID | None = None
        self._told_at = -math.inf

    def __call__(self, told: Training) -> None:
        from seqclass.evaluation.contribution import LSTM  # scoring has no need of scikit-learn

        if self._shown is not None:
            self._draw(told, self._shown.progress)
            self._shown.correct_outlook()
        self._tell(100 * told.update / told.of, _note(told))
        if told.member == LSTM and told.network == 1 and told.loss <= self._halved / 2:
            self._halved = told.loss
            self._say(
                f"{self._label}: LSTM, network 1, at update {told.update} of {told.of} at most, "
                f"training loss {told.loss:.4f}"
            )

    def _draw(self, told: Training, progress: Progress) -> None:
        note = _note(told)
        if self._line is None:
            self._line = progress.add_task(self._label, total=told.of, note=note)
        progress.update(self._line, completed=told.update, total=told.of, note=note)

    def _tell(self, percent: float, note: str) -> None:
        """Update the task run's progress in Prefect; an unreachable server is ignored."""
        if time.monotonic() - self._told_at < TELL_EVERY_S and percent < DONE:
            return
        self._told_at = time.monotonic()
        with contextlib.suppress(httpx.HTTPError, PrefectException, RuntimeError, OSError):
            if self._artifact is None:
                self._artifact = cast(UUID, create_progress_artifact(percent, description=note))
            else:
                update_progress_artifact(self._artifact, percent, note)

    def _say(self, line: str) -> None:
        if self._shown is not None:
            self._shown.say(line)
        get_run_logger().info(line)

    def finish(self, line: str) -> None:
        """Report how the training ended, and how many have ended."""
        self._tell(DONE, line)
        if self._shown is not None:
            self._shown.finish_one()
            line += f" ({self._shown.done} of {self._shown.total})"
        self._say(line)

    def end(self) -> None:
        if self._shown is not None and self._line is not None:
            self._shown.progress.remove_task(self._line)


def _note(told: Training) -> str:
    return f"{told.member}, network {told.network}, loss {told.loss:.4f}"


def summary(record: "SeedRecord") -> str:
    """Return a line about a training, from its record by ``tasks.compute.replicas``."""
    n = sum(member["networks"] for member in record["members"])
    networks = f"{n} network{'s' * (n != 1)}"
    return (
        f"{record['label']}: {record['updates']} updates of {networks} in "
        f"{record['seconds']:.1f} s, validation log-loss {record['validation']['log_loss']:.4f}"
    )


_shown: ContextVar[Trainings | None] = ContextVar("trainings", default=None)


@contextmanager
def trainings(
    total: int, what: str = "trainings", outlook: "Outlook | None" = None
) -> Iterator[Trainings]:
    """Show the trainings of the block, in this thread or in those that it starts.

    what: another name for what is counted. outlook: what was announced of their time.
    """
    with bars() as progress:
        before = _shown.set(shown := Trainings(progress, total, what, outlook))
        try:
            yield shown
        finally:
            _shown.reset(before)


@contextmanager
def followed(label: str) -> Iterator[Followed]:
    """Follow a training; InterruptedError if its group of trainings was called off."""
    shown = _shown.get()
    if shown is not None and shown.is_called_off:
        raise InterruptedError(f"{label}: called off, since another failed or was interrupted")
    one = Followed(label, shown)
    try:
        yield one
    finally:
        one.end()
