"""Flow: a person's answer about a model version that awaits approval."""

from typing import Literal

from prefect import flow

from seqclass.flows.run_context import label_run, resolve_root
from seqclass.pipeline.approve import answer_question
from seqclass.pipeline.by_hand import Person
from seqclass.pipeline.promote import Move
from seqclass.tasks.compute.steps import as_task
from seqclass.tasks.events import announce_answer


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
    with Person(name, reason).acting():
        move = as_task(answer_question)(store, model, decision == "approve", reason)
    if decision == "approve" and not move["moved"]:
        raise ValueError(f"MODEL: expected a version that the policy lets in, got {model}: "
                         f"{move['refused']}; decline it, or change the policy")  # fmt: skip
    announce_answer(move, reason, store)
    return move
