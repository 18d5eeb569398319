"""Which errors pass, so that a task is tried again, and which stay."""

from collections.abc import Iterable
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from tasks.compute.progress import Trainings
from tasks.compute.workers import at_once, end_workers

PASSING = (ChildProcessError, ConnectionError, TimeoutError)
"""A process that was killed, a store or a server that did not answer: another try may help. What
the rows, the spec or the store are wrong about stays, and is told at once."""


def passes(task: Task, run: TaskRun, state: State) -> bool:
    """Whether a failed task is worth another try."""
    return isinstance(state.data, PASSING)


AGAIN: dict[str, Any] = {"retries": 2, "retry_delay_seconds": 1, "retry_condition_fn": passes}
"""Of a task that works in a process of its own."""


def task_runner() -> TaskRunner[Any]:
    """Runs as many tasks at a time as there are processes, whose work each of them awaits."""
    return ThreadPoolTaskRunner(max_workers=at_once())


def results_of(futures: Iterable[PrefectFuture], shown: Trainings) -> list[Any]:
    """Results in the futures' order; where one fails, or this process is interrupted, the others
    are called off and their processes ended."""
    futures = list(futures)
    try:
        for future in as_completed(futures):
            future.result()
    except BaseException:
        shown.call_off()
        end_workers()
        raise
    return [future.result() for future in futures]
