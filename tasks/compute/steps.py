"""Tasks of which the library has the whole work."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from prefect import task

F = TypeVar("F", bound=Callable[..., Any])


def as_task(function: F, /) -> F:
    """Return a function of the library as a task that bears its name."""
    return cast(F, _task_of(function))


@cache
def _task_of(function: Callable[..., Any]) -> Callable[..., Any]:
    return task(name=function.__name__.replace("_", " "))(function)
