"""The steps of trainings and retrainings as tasks of Prefect."""

from collections.abc import Callable
from typing import Any, cast

from seqclass.pipeline.candidates import Candidate
from seqclass.pipeline.evaluate import Evaluated
from seqclass.pipeline.register import register
from seqclass.pipeline.train import train_and_answer
from seqclass.pipeline.training import F, announce
from seqclass.store.references import ModelRef, reference_of
from seqclass.tasks import events, training
from seqclass.tasks.compute.assets import materializing
from seqclass.tasks.compute.steps import as_task


def _register(candidate: Candidate, evaluated: Evaluated, name: str) -> str:
    """Register a candidate as an asset that is made from its dataset."""
    made_from = reference_of(candidate.dataset.ref)
    register = materializing(training.register, ModelRef(name), candidate.root, made_from)
    return register(candidate, evaluated, name)


TASKS: dict[Callable[..., Any], Callable[..., Any]] = {
    train_and_answer: training.train_and_answer,
    register: _register,
    announce: events.announce,
}
"""Steps that do more in Prefect than in the library."""


def in_prefect(step: F, /) -> F:
    """Return a step as a task."""
    return cast(F, TASKS.get(step) or as_task(step))
