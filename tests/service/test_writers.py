"""Writers of a SQLite database, as the service's server runs them: each waits for its turn."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from flows.service.serving import queue_writers

WRITERS = 4
UPDATE = text("UPDATE counter SET number = :next")


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


def test_transactions_that_read_and_write_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect's own are refused: 'database is locked', at once."""
    from prefect.server.database.dependencies import MODELS_DEPENDENCIES
    from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL, temporary_settings

    for name in MODELS_DEPENDENCIES:
        monkeypatch.setitem(MODELS_DEPENDENCIES, name, None)
    url = f"sqlite+aiosqlite:///{tmp_path}/prefect.db"
    with temporary_settings({PREFECT_SERVER_DATABASE_CONNECTION_URL: url}):
        queue_writers()
        assert asyncio.run(count_up()) == WRITERS
