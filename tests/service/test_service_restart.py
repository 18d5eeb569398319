"""A restart of the service's server: runs that hold a slot go on, those of long ago are removed."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from flows.service.secrecy import private_folder
from flows.service.server import (
    await_server,
    choose_port,
    client_of,
    local_url,
    new_service,
    start_server,
)
from tests.support.servers import kept_server
from tests.support.waiting import until


def test_a_slot_outlives_the_server_that_gave_it(prefect_home: Path) -> None:
    """Prefect's runs renew the lease of their slot; a server that knows none crashes them."""
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

    private_folder(prefect_home)
    service = new_service(local_url(choose_port(0)), home=prefect_home)
    first = start_server(prefect_home, service, dict(os.environ))
    second = None
    try:
        await_server(service, first, prefect_home)
        with client_of(service) as client:
            client.create_global_concurrency_limit(
                GlobalConcurrencyLimitCreate(name="one", limit=1)
            )
            taken = client.increment_concurrency_slots_with_lease(["one"], 1, "concurrency", 300)
        first.kill()
        first.wait(timeout=30)
        second = start_server(prefect_home, service, dict(os.environ))
        await_server(service, second, prefect_home)
        with client_of(service) as client:
            renewed = client.renew_concurrency_lease(taken.json()["lease_id"], 300)
        assert renewed.status_code == 204
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait(timeout=30)


def test_runs_that_ended_three_months_ago_go(prefect_home: Path) -> None:
    from prefect import flow
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
    from prefect.states import Completed

    ages = {"old": 91, "young": 89}
    # The copied database may hold runs of other tests.
    chosen = FlowRunFilter(name=FlowRunFilterName(any_=list(ages)))
    with kept_server(prefect_home) as service, client_of(service) as client:
        for name in ages:
            client.create_flow_run(flow(name=name)(print), name=name, state=Completed())
    with closing(sqlite3.connect(prefect_home / "prefect.db")) as database, database:
        for name, days in ages.items():
            words = "UPDATE flow_run SET end_time = datetime('now', ?) WHERE name = ?"
            changed = database.execute(words, (f"-{days} days", name))
            assert changed.rowcount == 1
    with kept_server(prefect_home) as service, client_of(service) as client:
        until(
            lambda: [run.name for run in client.read_flow_runs(flow_run_filter=chosen)] == ["young"]
        )
