"""An approval outlives the service in which it was asked, and a form in Prefect answers it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from seqclass.store.approvals import open_question
from seqclass.store.audit import actor, read_audit
from seqclass.store.registry import champion_of
from seqclass.store.root import Root
from tests.support.service import Up, ended, with_database
from tests.support.verdicts import VERDICT, apply_verdict, store_two


@pytest.mark.system
@pytest.mark.timeout(600)
def test_a_form_answers_after_the_service_was_stopped_and_started(
    root: Root, copy_database: Callable[[Path], None]
) -> None:
    from seqclass.monitoring.retrain_spec import RetrainSpec

    store_two(root)
    first = Up(with_database(root, copy_database), port=0)
    try:
        apply_verdict(root, VERDICT, None, RetrainSpec(approval=True))
    finally:
        first.stop()
    assert open_question(root, "toy") is not None
    second = Up(root, port=0)
    try:
        with second.client() as client:
            form = client.read_deployment_by_name("answer-approval/local")
        fields = form.parameter_openapi_schema["properties"]
        assert set(fields) == {"model", "decision", "name", "reason"}
        assert fields["decision"]["enum"] == ["approve", "decline"]
        said = {"model": "toy@v2", "decision": "approve", "name": "Ann", "reason": "I looked"}
        run = second.ask("answer-approval/local", **said)
        assert ended(second, run).is_completed()
        assert champion_of(root, "toy") == "v2"
        entry = read_audit(root, "toy")[-1]
        assert entry["actor"] == f"Ann (by the form in Prefect, run by {actor()})"
        again = second.ask("answer-approval/local", **said)
        state = ended(second, again)
        assert state.is_failed()
        assert "expected a version that awaits approval" in state.message
    finally:
        second.stop()
