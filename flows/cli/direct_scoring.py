"""Scoring by the command itself, where no Prefect server is known that would show it."""

import os
from typing import TYPE_CHECKING, Any

from flows.cli.interruption import leave_on_interrupt
from flows.service.server import may_have_server
from seqclass.store.root import Root

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqclass.inference.assessment import Assessed
    from seqclass.inference.score_data import Job, ScoringSpec


def needs_prefect(store: Root) -> bool:
    """Check whether a server may be known, or a cluster is to answer."""
    from tasks.compute.runner import RUNNER

    return bool(os.environ.get(RUNNER)) or may_have_server(store)


def answer_here(store: Root, ref: str, data: str, spec: "ScoringSpec") -> "Assessed":
    """Answer the rows of a dataset or file as the flow does, without Prefect."""
    from seqclass.inference.assessment import assess_answers
    from seqclass.inference.score_data import in_turn, score_data
    from seqclass.runtime import set_environment
    from seqclass.store.garbage import collect_garbage
    from seqclass.store.registry import open_model

    leave_on_interrupt()
    collect_garbage(store)
    set_environment()
    found = score_data(store, ref, data, spec, lambda shares: in_turn(shares, _run))
    model = open_model(store, ref)
    return {**found, **assess_answers(model, found["tables"], spec)}


def _run(jobs: "Sequence[Job]") -> list[Any]:
    """Run one job in this process, and several in workers, which load TensorFlow each."""
    if len(jobs) == 1:
        from seqclass.inference.score_data import in_this_process

        return in_this_process(jobs)
    from tasks.compute.workers import workers

    return workers().run(jobs)
