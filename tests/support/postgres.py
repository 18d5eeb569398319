"""A PostgreSQL server for tests, on a port of loopback and in a folder of its own."""

import contextlib
import glob
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator

from tests.support.servers import free_port
from tests.support.waiting import until

DEBIAN = "/usr/lib/postgresql/*/bin"
"""Where Debian keeps what it does not put on the path."""


def program(name: str) -> str | None:
    """Path of one of PostgreSQL's programs; None where it is not installed."""
    places = [os.environ.get("PATH", ""), *sorted(glob.glob(DEBIAN), reverse=True)]
    return shutil.which(name, path=os.pathsep.join(places))


def needed(name: str) -> str:
    """Path of a program that must be there."""
    if (found := program(name)) is None:
        raise FileNotFoundError(f"{name}: expected PostgreSQL, it is not installed; install it")
    return found


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Address of an empty database, as Prefect's server takes it.

    PostgreSQL does not run as root: there it runs as the user that its package makes.
    """
    user = "postgres" if os.getuid() == 0 else None
    folder, port = tempfile.mkdtemp(prefix="postgres-"), free_port()
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    made = [needed("initdb"), "-D", folder, "-U", "tester", "-A", "trust", "--no-sync"]
    subprocess.run(made, check=True, capture_output=True, user=user, cwd=folder)
    process = subprocess.Popen(
        [needed("postgres"), "-D", folder, "-p", str(port), "-h", "127.0.0.1", "-k", folder],
        user=user, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(lambda: process.poll() is not None or is_ready(port))
        assert process.poll() is None
        yield f"postgresql+asyncpg://tester@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # without waiting for those who are connected
        process.wait(timeout=60)
        shutil.rmtree(folder)


def dump(address: str, *empty: str) -> str:
    """Return a database as SQL, without its owner. empty: tables whose rows are left out."""
    words = [needed("pg_dump"), "--no-owner", "--no-privileges", "--no-comments"]
    words += [f"--exclude-table-data={table}" for table in empty]
    found = subprocess.run([*words, plain(address)], check=True, capture_output=True)
    # Other versions of psql do not know these two commands, which bear a random key.
    return re.sub(r"^\\(un)?restrict .*\n", "", found.stdout.decode(), flags=re.MULTILINE)


def load(address: str, sql: str) -> None:
    """Fill an empty database with what ``dump`` returned."""
    words = [needed("psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    subprocess.run([*words, plain(address)], check=True, capture_output=True, input=sql.encode())


def plain(address: str) -> str:
    """Return an address as PostgreSQL's own programs take it."""
    return address.replace("+asyncpg", "")


def is_ready(port: int) -> bool:
    words = [needed("pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(words, capture_output=True).returncode == 0
