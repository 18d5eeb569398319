"""Scoring by the command itself, where no Prefect server is known that would show it."""

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flows.cli.command_line import remark
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
    from flows.service.announcement import running_server
    from seqclass.inference.assessment import assess_answers
    from seqclass.inference.running_server import RunningServer
    from seqclass.inference.score_data import Share, in_turn, score_data
    from seqclass.runtime import set_environment
    from seqclass.store.garbage import collect_garbage
    from seqclass.store.references import ModelRef
    from seqclass.store.registry import open_model

    leave_on_interrupt()
    collect_garbage(store)
    set_environment()
    name = ModelRef.parse(ref).name
    found = running_server(store, name)
    server = found and RunningServer(*found)
    if server:
        remark("score", f"asking {server.url}, where seqclass serve runs")

    def answer(shares: list[Share]) -> None:
        in_turn([replace(share, server=server) for share in shares], _run)

    answered = score_data(store, ref, data, spec, answer)
    model = open_model(store, ref)
    return {**answered, **assess_answers(model, answered["tables"], spec)}


def _run(jobs: "Sequence[Job]") -> list[Any]:
    """Run one job in this process, and several in workers, which load TensorFlow each."""
    if len(jobs) == 1:
        from seqclass.inference.score_data import in_this_process

        return in_this_process(jobs)
    from tasks.compute.workers import workers

    return workers().run(jobs)
