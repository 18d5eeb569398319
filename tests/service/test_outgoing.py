"""Alerts go to the address that a person named, and the log of a server doesn't quote it."""

import logging
from pathlib import Path
from typing import Any

import pytest

from seqclass.flows.service.automations import tell_through
from seqclass.flows.service.server import client_of
from seqclass.flows.service.serving import ShortAddresses, shorten_addresses
from tests.support.listeners import listening
from tests.support.servers import kept_server
from tests.support.waiting import until

EVENT = "seqclass.model.refused"


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("http://me:secret@127.0.0.1:80/hook?key=secret", "http://127.0.0.1:80/…"),
        ("https://hooks.example.com/services/secret", "https://hooks.example.com/…"),
        ("mmost://127.0.0.1#secret", "mmost://127.0.0.1/…"),
    ],
)
def test_an_address_ends_after_its_host(address: str, short: str) -> None:
    assert (
        shorten_addresses(f"error for url '{address}', twice") == f"error for url '{short}', twice"
    )


def test_a_traceback_in_the_log_quotes_no_address(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("alerts of a test")
    logger.addFilter(ShortAddresses())
    with caplog.at_level(logging.ERROR, logger.name):
        try:
            raise ValueError("no answer from http://me:secret@127.0.0.1/hook")
        except ValueError:
            logger.exception("failed at %s", "http://127.0.0.1/secret")
    assert "no answer from http://127.0.0.1/…" in caplog.text
    assert "secret" not in caplog.text


def alert(client: Any, block: Any) -> None:
    """Send an alert through a block."""
    from prefect.events import Event

    block.save("ops", overwrite=True)
    tell_through(client, f"{block.get_block_type_slug()}/ops", [])
    resource = {"prefect.resource.id": "seqclass.model.toy", "prefect.resource.name": "toy"}
    event = Event(event=EVENT, resource=resource, payload={"reason": "worse"})
    client.request("POST", "/events", json=[event.model_dump(mode="json")])


def results(client: Any) -> list[str]:
    """The ends of all actions of automations."""
    ends = [f"prefect.automation.action.{end}" for end in ("failed", "executed")]
    reply = client.request("POST", "/events/filter", json={"filter": {"event": {"name": ends}}})
    return [event["event"] for event in reply.json()["events"]]


@pytest.mark.system
def test_an_alert_follows_no_redirect(prefect_home: Path) -> None:
    from prefect.blocks.notifications import MattermostWebhook

    with (
        kept_server(prefect_home) as service, client_of(service) as client,
        listening() as other, listening(status=307, Location=f"{other.url}/elsewhere") as first,
    ):  # fmt: skip
        webhook = MattermostWebhook(hostname="127.0.0.1", port=first.port, token="secret")  # noqa: S106
        alert(client, webhook)
        until(lambda: results(client))
        assert [request.path for request in first.requests] == ["/hooks/secret"]
        assert other.requests == []


@pytest.mark.system
def test_the_log_of_a_server_holds_no_password_of_a_webhook(prefect_home: Path) -> None:
    from prefect.blocks.notifications import CustomWebhookNotificationBlock

    log = prefect_home / "server.log"
    with (
        kept_server(prefect_home) as service, client_of(service) as client,
        listening(status=500) as receiver,
    ):  # fmt: skip
        url = f"http://me:secret@127.0.0.1:{receiver.port}/hook?key=secret"
        alert(client, CustomWebhookNotificationBlock(name="ops", url=url))
        until(lambda: "dead letter" in log.read_text())
        assert {request.path for request in receiver.requests} == {"/hook?key=secret"}
    assert f"for url '{receiver.url}/…'" in log.read_text()
    assert "secret" not in log.read_text()
