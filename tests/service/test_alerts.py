"""Alerts reach a receiver through a block of Prefect's, each once."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prefect import flow
from prefect.logging import disable_run_logger
from prefect.states import Crashed

from seqclass.flows.service.automations import CRASHED, TOLD, find, tell_nobody, tell_through
from seqclass.monitoring.policy import ModelPolicy
from seqclass.pipeline.overdue import find_due
from seqclass.policies import set_policy
from seqclass.store.approvals import ask
from seqclass.store.log import next_turn
from seqclass.store.registry import MoveReason, move_champion
from seqclass.store.root import Root
from seqclass.tasks.events import announce_move, announce_question, announce_refusal, tell_overdue
from tests.support.commands import Command
from tests.support.listeners import Request, listening
from tests.support.places import NOW
from tests.support.stored import store_series, store_version
from tests.support.waiting import until


@flow(name="crashing")
def crashing() -> Any:
    return Crashed(message="its process has ended")


@pytest.fixture
def told(prefect: str) -> Iterator[list[Request]]:
    """What the receiver is told once alerts go through its block."""
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.client.orchestration import get_client

    texts = {"subject": "{{subject}}", "body": "{{body}}"}
    with listening() as receiver, get_client(sync_client=True) as client:
        block: Any = CustomWebhookNotificationBlock(name="ops", url=receiver.url, json_data=texts)
        block.save("ops", overwrite=True)
        flow_id = client.create_flow(crashing)
        tell_through(client, "custom-webhook/ops", [str(flow_id)])
        yield receiver.requests
    tell_nobody()
    assert find(TOLD) is None
    assert find(CRASHED) is None


@pytest.mark.system
def test_each_alert_arrives_once(root: Root, told: list[Request]) -> None:
    description = {"dataset": store_series(root, n=60).ref, "dataset_source": {}, "refused": None}
    champion = store_version(root, "toy", **description).version
    move_champion(next_turn(root, "toy"), champion, MoveReason("me", "", {}, NOW))
    asked = store_version(root, "toy", **description)
    ask(
        next_turn(root, "toy"),
        asked.version,
        MoveReason("me", "not worse", {}, NOW),
        datetime.now(UTC),
    )
    store_series(root, n=90)
    policy = ModelPolicy(owner="ann", due_s=60)
    set_policy(root, "toy", policy, "", NOW + timedelta(seconds=1))
    for event in ("seqclass.model.refused", "seqclass.model.failed", "seqclass.quality.dropped"):
        announce_move(root, event, "models/toy@v1", {"reasons": ["worse"]})
    announce_refusal(root, "toy", "b.parquet", "another unit")
    crashing(return_state=True)
    with disable_run_logger():
        announce_question.fn("models/toy@v1", root)
        announce_question.fn(asked.ref, root)
        for names in (["toy"], []):
            due = find_due(datetime.now(UTC), root)
            assert list(due.overdue) == names
            tell_overdue.fn(due, root)
    announce_move(root, "seqclass.model.promoted", "models/toy@v2", {"reasons": ["better"]})
    last = {"reasons": ["the last one"], "challenger": "models/last@v2"}
    announce_move(root, "seqclass.model.refused", "models/last@v1", last)
    until(lambda: len(told) >= 8)
    posts = [json.loads(request.body) for request in told]
    subjects = sorted(post["subject"] for post in posts)
    assert [s for s in subjects if not s.startswith("prefect.flow-run.Crashed: ")] == [
        "seqclass.approval.needed: models/toy@v2",
        "seqclass.data.refused: toy",
        "seqclass.decision.overdue: models/toy",
        "seqclass.model.failed: models/toy@v1",
        "seqclass.model.refused: models/last@v2",
        "seqclass.model.refused: models/toy@v1",
        "seqclass.quality.dropped: models/toy@v1",
    ]
    assert len(subjects) == 8
    bodies = " ".join(post["body"] for post in posts)
    for words in ("worse (owner: ann)", "another unit", "its process has ended", "due in 60 s"):
        assert words in bodies


@pytest.mark.system
def test_a_block_that_the_server_lacks_is_one_line_and_ends_no_alerts(
    told: list[Request], root: Root, seqclass: Command, seqclass_json: Callable[..., dict]
) -> None:
    code, _, err = seqclass("alerts", "slack-webhook/nobody")
    assert (code, err.count("\n")) == (2, 1)
    assert "BLOCK: expected TYPE/NAME of a notification block" in err
    assert find(TOLD) is not None
    assert seqclass_json("alerts")["automations"] == [TOLD, CRASHED]
    assert seqclass("alerts", "--off", "slack-webhook/ops")[0] == 2
    assert find(CRASHED) is not None


@pytest.mark.system
def test_a_block_that_can_send_no_alert_is_refused_in_one_line(
    told: list[Request], root: Root, seqclass: Command
) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock
    from prefect.blocks.system import Secret

    Secret(value="hush").save("hush", overwrite=True)
    for name, url in {"file": "file:///hush", "lines": "http://x/a\nb", "none": "hush"}.items():
        CustomWebhookNotificationBlock(name=name, url=url).save(name, overwrite=True)
    before = find(TOLD)
    for block in ("", "secret/hush", "custom-webhook/file", "custom-webhook/lines",
                  "custom-webhook/none", "custom-webhook/a\nb"):  # fmt: skip
        code, _, err = seqclass("alerts", block)
        assert (code, err.count("\n")) == (2, 1), err
        assert "BLOCK: expected" in err
    assert find(TOLD) == before
