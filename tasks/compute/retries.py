"""The rule for retries of tasks, and the results of tasks that run beside each other."""

from collections.abc import Iterable
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture, as_completed

from seqclass.pipeline import progress
from seqclass.pipeline.progress import Trainings

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
