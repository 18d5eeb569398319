"""Databases of Prefect's server, for tests whose claim holds on each kind."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.postgres import postgres, program

DATABASES = ("sqlite", "postgres")
DATABASE = "PREFECT_SERVER_DATABASE_CONNECTION_URL"


@contextmanager
def server_database(kind: str) -> Iterator[dict[str, str]]:
    """Provide the environment of a server that has an empty database of this kind.

    SQLite needs none, its file lies in the server's home.
    """
    if kind == "sqlite":
        yield {}
        return
    if program("postgres") is None:
        missing = pytest.fail if os.environ.get("SEQCLASS_NEEDS_POSTGRES") else pytest.skip
        missing("PostgreSQL is not installed")
    with postgres() as address:
        yield {DATABASE: address}
