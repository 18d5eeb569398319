"""Progress of trainings on standard error: bars on a terminal, a line for each end in a log."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from rich.progress import Progress, TaskID

from seqclass.bars import bars
from seqclass.workers import Progress as Training
from seqclass.workers import end_workers

if TYPE_CHECKING:
    from seqclass.pipeline.expectation import Expectation
    from seqclass.stored_records import SeedRecord

DONE = 100.0
OVERRUN = 1.25
"""Share of an announced time after which a new one is announced."""
Report = Callable[[float, str], None]
"""Takes the progress of a training: its percent, and a note."""
logger = logging.getLogger(__name__)


class Trainings:
    """Display of trainings that run at the same time.

    A terminal has a bar for all, and one for each; a log has a line whenever the loss of a seed's
    LSTM has halved, and one for each training that ends. Both get a line when the announced time
    has passed. ``call_off``: no further training may begin.

    expected: the announced time, which begins now by this ``clock`` in seconds.
    """

    def __init__(
        self,
        progress: Progress,
        total: int,
        what: str,
        expected: "Expectation | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.progress, self.total = progress, total
        self.done, self.is_called_off = 0, False
        self._clock, self._began, self._expected = clock, clock(), expected
        self._due_s = OVERRUN * expected.usual_s if expected else math.inf
        self._all = progress.add_task(what, total=total, note="")

    def call_off(self) -> None:
        """Let no further training begin."""
        self.is_called_off = True

    def say(self, line: str) -> None:
        """Print a line, unless bars are drawn."""
        if not self.progress.console.is_terminal:
            self.progress.console.print(line, highlight=False, soft_wrap=True)

    def announce_anew(self) -> None:
        """Announce a new time if the announced one has passed."""
        from seqclass.pipeline.expectation import in_words  # scoring has no need of scikit-learn

        passed = self._clock() - self._began
        left = self.total - self.done
        if self._expected is None or passed < self._due_s or not left:
            return
        if self.done:
            rest = passed * left / self.done
        else:
            rest = max(self._expected.most_s - passed, passed / 2)
        self._due_s = OVERRUN * (passed + rest)
        line = (
            f"longer than announced: {self.done} of {self.total} done after {in_words(passed)}, "
            f"expect about {in_words(rest)} more"
        )
        logger.info(line)
        self.progress.console.print(line, style="dim", highlight=False, soft_wrap=True)

    def reach(self, done: int) -> None:
        """Count those that have ended on other machines, where they had no display."""
        while self.done < done:
            self.finish_one()
            self.say(f"{self.done} of {self.total} done")

    def finish_one(self) -> None:
        """Count a training that has ended."""
        self.done += 1
        self.progress.advance(self._all)


class Followed:
    """Progress of one training: in its display, in the log, and in what ``reported_to`` named.

    Without a display, as on another machine, only the last is told.
    """

    def __init__(self, label: str, shown: Trainings | None, report: Report | None) -> None:
        self._label, self._shown, self._halved = label, shown, math.inf
        self._line: TaskID | None = None
        self._report = report

    def __call__(self, training: Training) -> None:
        """Show how far the training is."""
        from seqclass.evaluation.contribution import LSTM  # the same

        if self._shown is not None:
            self._draw(training, self._shown.progress)
            self._shown.announce_anew()
        self._tell(100 * training.update / training.of, _note(training))
        is_first = training.member == LSTM and training.network == 1
        if is_first and training.loss <= self._halved / 2:
            self._halved = training.loss
            self._say(
                f"{self._label}: LSTM, network 1, at update {training.update} of {training.of} "
                f"at most, training loss {training.loss:.4f}"
            )

    def _draw(self, training: Training, progress: Progress) -> None:
        note = _note(training)
        if self._line is None:
            self._line = progress.add_task(self._label, total=training.of, note=note)
        progress.update(self._line, completed=training.update, total=training.of, note=note)

    def _tell(self, percent: float, note: str) -> None:
        if self._report is not None:
            self._report(percent, note)

    def _say(self, line: str) -> None:
        if self._shown is not None:
            self._shown.say(line)
        logger.info(line)

    def finish(self, line: str) -> None:
        """Report how the training ended, and how many have ended."""
        self._tell(DONE, line)
        if self._shown is not None:
            self._shown.finish_one()
            line += f" ({self._shown.done} of {self._shown.total})"
        self._say(line)

    def end(self) -> None:
        """Remove the bar."""
        if self._shown is not None and self._line is not None:
            self._shown.progress.remove_task(self._line)


def _note(training: Training) -> str:
    return f"{training.member}, network {training.network}, loss {training.loss:.4f}"


def training_line(record: "SeedRecord") -> str:
    """Return a line about a training, from its record by ``seqclass.pipeline.replicas``."""
    n = sum(member["networks"] for member in record["members"])
    networks = f"{n} network{'s' * (n != 1)}"
    return (
        f"{record['label']}: {record['updates']} updates of {networks} in "
        f"{record['seconds']:.1f} s, validation log-loss {record['validation']['log_loss']:.4f}"
    )


_shown: ContextVar[Trainings | None] = ContextVar("trainings", default=None)
_report: ContextVar[Report | None] = ContextVar("report", default=None)


@contextmanager
def reported_to(report: Report) -> Iterator[None]:
    """Report the trainings that this block follows to something beside the display."""
    before = _report.set(report)
    try:
        yield
    finally:
        _report.reset(before)


@contextmanager
def trainings(
    total: int, what: str = "trainings", expected: "Expectation | None" = None
) -> Iterator[Trainings]:
    """Show the trainings of the block, in this thread or in those that it starts.

    what: another name for what is counted. expected: the time that was announced for them.
    """
    with bars() as progress:
        before = _shown.set(shown := Trainings(progress, total, what, expected))
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
    training = Followed(label, shown, _report.get())
    try:
        yield training
    finally:
        training.end()


def results_of(
    futures: Iterable[Any], shown: Trainings, in_order_of_end: Callable[..., Any] = as_completed
) -> list[Any]:
    """Return results in the futures' order.

    If one fails, or this process is interrupted, the others are called off and their processes
    ended. in_order_of_end: the function that yields futures as they end.
    """
    futures = list(futures)
    try:
        for done, future in enumerate(in_order_of_end(futures), start=1):
            future.result()
            shown.reach(done)
    except BaseException:
        shown.call_off()
        end_workers()
        raise
    return [future.result() for future in futures]
