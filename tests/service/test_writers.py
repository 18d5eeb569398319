"""Writers of a SQLite database, as the project's servers run them: each waits for its turn."""

import asyncio
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from seqclass.flows.service.serving import application, queue_writers

WRITERS = 4
UPDATE = text("UPDATE counter SET number = :next")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file for the database of a server that has not begun yet."""
    from prefect.server.database.dependencies import MODELS_DEPENDENCIES
    from prefect.settings import (
        PREFECT_HOME,
        PREFECT_SERVER_DATABASE_CONNECTION_URL,
        temporary_settings,
    )

    for name in MODELS_DEPENDENCIES:
        monkeypatch.setitem(MODELS_DEPENDENCIES, name, None)
    path = tmp_path / "prefect.db"
    url = f"sqlite+aiosqlite:///{path}"
    with temporary_settings({PREFECT_HOME: tmp_path, PREFECT_SERVER_DATABASE_CONNECTION_URL: url}):
        yield path


async def count_up() -> int:
    """The number that so many transactions lead to: each reads it, and writes one more."""
    from prefect.server.database.dependencies import provide_database_interface

    database = provide_database_interface()

    async def add_one() -> None:
        async with database.session_context(begin_transaction=True) as session:
            number = (await session.execute(text("SELECT number FROM counter"))).scalar_one()
            await asyncio.sleep(0.1)  # so that all have read before the first one writes
            await session.execute(UPDATE, {"next": number + 1})

    async with database.session_context(begin_transaction=True) as session:
        await session.execute(text("CREATE TABLE counter (number INTEGER)"))
        await session.execute(text("INSERT INTO counter VALUES (0)"))
    await asyncio.gather(*(add_one() for _ in range(WRITERS)))
    async with database.session_context() as session:
        return int((await session.execute(text("SELECT number FROM counter"))).scalar_one())


def test_transactions_that_read_and_write_wait_for_each_other(database: Path) -> None:
    """Prefect's own are refused: 'database is locked', at once."""
    queue_writers()
    assert asyncio.run(count_up()) == WRITERS


@pytest.mark.parametrize("ephemeral", [False, True], ids=["service", "throw-away"])
def test_the_application_of_every_server_queues_them_and_closes_the_database(
    database: Path, ephemeral: bool
) -> None:
    database.touch(0o644)
    application(4200, ephemeral)
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert asyncio.run(count_up()) == WRITERS
