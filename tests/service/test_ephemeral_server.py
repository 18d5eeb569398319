"""The Prefect server that a command starts for itself."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from seqclass.flows.service.ephemeral_server import NO_BLOCKS
from seqclass.flows.service.processes import command_of, environment_of, is_dead
from seqclass.store.root import Root
from tests.support.commands import Command, start
from tests.support.stored import store_champion, store_series
from tests.support.waiting import until

SHORT = ["retrain", "toy"]


@pytest.fixture(autouse=True)
def champion(root: Root) -> None:
    """It has learnt from every row, so a retraining ends at once."""
    store_champion(root, "toy", dataset=store_series(root).ref)


@pytest.fixture
def environment(root: Root, prefect_home: Path) -> dict[str, str]:
    settings = {"SEQCLASS_STORAGE": root.path, "PREFECT_HOME": str(prefect_home)}
    unset = {"PREFECT_API_URL", *NO_BLOCKS}
    return {k: v for k, v in os.environ.items() if k not in unset} | settings


def servers(environment: dict[str, str]) -> list[int]:
    """Living servers of commands in this test's environment."""
    home = f"PREFECT_HOME={environment['PREFECT_HOME']}".encode()
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if home in environment_of(pid) and _serves(pid)]


def _serves(pid: int) -> bool:
    return "seqclass.flows.service.ephemeral_server" in command_of(pid) and not is_dead(pid)


def wait_for_servers(environment: dict[str, str], some: bool) -> None:
    until(lambda: bool(servers(environment)) == some)


def test_it_ends_with_the_command_and_its_database_knows_the_run(
    environment: dict[str, str],
) -> None:
    subprocess.run([sys.executable, "-m", "seqclass.flows", *SHORT], env=environment, check=True)
    wait_for_servers(environment, some=False)
    [(state, logs)] = runs_in(environment)
    assert state == "COMPLETED"
    assert logs > 0


def runs_in(environment: dict[str, str]) -> list[tuple[str, int]]:
    """State and number of log lines of each run in the database."""
    counted = (
        "SELECT state_type, (SELECT COUNT(*) FROM log WHERE flow_run_id = flow_run.id)"
        " FROM flow_run"
    )
    with sqlite3.connect(f"{environment['PREFECT_HOME']}/prefect.db") as database:
        return database.execute(counted).fetchall()


@pytest.mark.system
def test_three_at_once_make_one_database(environment: dict[str, str], tmp_path: Path) -> None:
    environment["PREFECT_HOME"] = str(tmp_path / "new")
    started = [start(SHORT, environment) for _ in range(3)]
    assert [process.wait(timeout=120) for process in started] == [0, 0, 0]
    wait_for_servers(environment, some=False)
    assert [state for state, _ in runs_in(environment)] == ["COMPLETED"] * 3
    with sqlite3.connect(f"{environment['PREFECT_HOME']}/prefect.db") as database:
        assert database.execute("SELECT * FROM block_type").fetchall() == []


def test_a_killed_command_takes_it_along(environment: dict[str, str]) -> None:
    process = start(SHORT, environment)
    wait_for_servers(environment, some=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for_servers(environment, some=False)


def test_one_that_cannot_start_is_one_line(
    seqclass: Command, root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    nowhere = f"sqlite+aiosqlite:///{tmp_path}/nowhere/prefect.db"
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", nowhere)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    store_series(root, n=120)  # new rows
    with temporary_settings({PREFECT_API_URL: None}):
        code, _, err = seqclass(*SHORT)
    assert code == 2
    problem = err.splitlines()[-1]
    assert problem.startswith("seqclass: throw-away Prefect server: expected it to answer")
    assert "unable to open database file" in problem
    assert not root.exists("retrainings")
