"""The steps of trainings and retrainings as tasks of Prefect."""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

from prefect import task

from seqclass.pages.index_pages import refresh
from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.evaluate import Evaluated
from seqclass.pipeline.register import register
from seqclass.pipeline.train import train_and_answer
from seqclass.pipeline.training import F, announce
from seqclass.store.references import ModelRef, reference_of
from seqclass.tasks import data, events, registry, training
from seqclass.tasks.compute.assets import materializing


def _register(candidate: Candidate, evaluated: Evaluated, name: str) -> str:
    """Register a candidate as an asset that is made from its dataset."""
    made_from = reference_of(candidate.dataset.ref)
    register = materializing(registry.register, ModelRef(name), candidate.root, made_from)
    return register(candidate, evaluated, name)


TASKS: dict[Callable[..., Any], Callable[..., Any]] = {
    train_and_answer: training.train_and_answer,
    register: _register,
    refresh: data.refresh_catalogue,
    announce: events.announce,
}
"""Steps that do more in Prefect than in the library."""


def as_task(function: F, /) -> F:
    """Return a step as a task that bears its name."""
    return cast(F, _task_of(function))


@cache
def _task_of(step: Callable[..., Any]) -> Callable[..., Any]:
    return TASKS.get(step) or task(name=step.__name__.replace("_", " "))(step)
