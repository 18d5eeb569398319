"""A person's word before a promotion: a form in Prefect, where the run waits for it."""

from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Running

from seqclass.monitoring.retraining import RetrainSpec
from tasks.evaluation.compare import Verdict


class Approval(RunInput):
    """Whether the challenger may become the champion, and why."""

    approve: bool
    reason: str = ""


def with_approval(verdict: Verdict, spec: RetrainSpec) -> Verdict:
    """The verdict after a person was asked, where the spec wants that and the gate has passed.

    Silence refuses, but settles nothing.
    """
    if not spec.approval or not verdict["better"]:
        return verdict
    form = Approval.with_initial_data(description=verdict["reason"], approve=False)
    try:
        answer = pause_flow_run(form, timeout=int(spec.approval_s), poll_interval=2)
    except FlowPauseTimeout:
        _go_on()
        silence = f"nobody approved of it within {spec.approval_s:g} s; the next run asks again"
        return {**_refused(verdict, silence), "unanswered": True}
    if answer is None or not answer.approve:
        reason = answer.reason if answer else ""
        return _refused(verdict, f"not approved of: {reason or 'no reason given'}")
    said = f"{verdict['reason']}; approved of: {answer.reason or 'no reason given'}"
    return {**verdict, "reason": said}


def _go_on() -> None:
    """Take up a run that the server has given up, or is about to, since its pause went by."""
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(UUID(str(flow_run.id)), Running(), force=True)


def _refused(verdict: Verdict, reason: str) -> Verdict:
    return {**verdict, "better": False, "reason": reason, "reasons": [reason]}
