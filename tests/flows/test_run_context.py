"""Names and tags of a run."""

import uuid

import pytest

from seqclass.flows.run_context import label_run
from tests.support.servers import free_port


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__ID", str(uuid.uuid4()))


@pytest.mark.usefixtures("unknown")
def test_a_run_is_not_ended_by_a_server_that_is_away() -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        label_run("retrain toy", model="toy")


@pytest.mark.usefixtures("unknown")
def test_a_run_is_not_ended_by_a_server_that_has_forgotten_it(prefect: str) -> None:
    """Its database may be another since: all that counts lies in storage."""
    label_run("retrain toy", model="toy")
