"""How functions of the library are run as tasks: names, retries, results and progress."""

import contextlib
import math
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, TypeVar, cast
from uuid import UUID

import httpx
from prefect import Task, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.schemas.objects import State, TaskRun
from prefect.exceptions import PrefectException
from prefect.futures import PrefectFuture, as_completed

from seqclass.pipeline import progress
from seqclass.pipeline.progress import DONE, Trainings, reported_to

F = TypeVar("F", bound=Callable[..., Any])


def as_task(function: F, /) -> F:
    """Return a function of the library as a task that bears its name."""
    return cast(F, _task_of(function))


@cache
def _task_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return task(name=function.__name__.replace("_", " "))(function)


PASSING = (ChildProcessError, ConnectionError, TimeoutError)
"""Errors for which another try may help: a killed process, or a store or server that did not
respond. Errors in the rows, the spec or the store are reported at once."""


def passes(task: Task[..., Any], run: TaskRun, state: State) -> bool:
    """Check whether a failed task is worth another try."""
    return isinstance(state.data, PASSING)


AGAIN: dict[str, Any] = {"retries": 2, "retry_delay_seconds": 1, "retry_condition_fn": passes}
"""Retry options of a task whose work runs in its own process."""


def results_of(futures: Iterable[PrefectFuture[Any]], shown: Trainings) -> list[Any]:
    """Return results of task runs in their order; if one fails, the others are called off."""
    return progress.results_of(futures, shown, as_completed)


REPORT_EVERY_S = 2.0


class ProgressArtifact:
    """The progress artifact of a task run; a server that can't be reached is ignored."""

    def __init__(self) -> None:
        self._artifact: UUID | None = None
        self._reported_at = -math.inf

    def __call__(self, percent: float, note: str) -> None:
        """Create the artifact, or update it at most every two seconds, and at the end."""
        if time.monotonic() - self._reported_at < REPORT_EVERY_S and percent < DONE:
            return
        self._reported_at = time.monotonic()
        with contextlib.suppress(httpx.HTTPError, PrefectException, RuntimeError, OSError):
            if self._artifact is None:
                self._artifact = cast(UUID, create_progress_artifact(percent, description=note))
            else:
                update_progress_artifact(self._artifact, percent, note)


def shown_in_prefect() -> contextlib.AbstractContextManager[None]:
    """Show the trainings of a block in its task run."""
    return reported_to(ProgressArtifact())
