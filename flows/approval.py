"""Flow: a person's answer about a model version that awaits approval."""

from typing import Literal

from prefect import flow

from seqclass.flows.run_context import label_run, resolve_root
from seqclass.pipeline.approve import Answer
from seqclass.pipeline.by_hand import Person
from seqclass.pipeline.promote import Move
from seqclass.tasks.data import refresh_catalogue
from seqclass.tasks.events import announce_answer
from seqclass.tasks.registry import answer


@flow(name="answer-approval", flow_run_name="{decision} {model}")
def answer_approval(
    model: str,
    decision: Literal["approve", "decline"],
    name: str,
    reason: str,
    root: str | None = None,
) -> Move:
    """Make a version that awaits approval the champion, or decline it.

    Args:
        model: The version that awaits approval, NAME@vN.
        decision: approve makes it the champion, decline leaves the present one.
        name: Who answers; it stands in the audit.
        reason: Why; it stands in the audit.
    """
    store = resolve_root(root)
    label_run(model=model.partition("@")[0])
    move = answer(model, Answer(decision == "approve", reason, Person(name, reason).actor), store)
    refresh_catalogue(store, [move["model"]])
    announce_answer(move, reason, store)
    return move
