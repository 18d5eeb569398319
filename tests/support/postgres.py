"""A PostgreSQL server for tests, on a port of loopback and in a folder of its own."""

import contextlib
import glob
import os
import pwd
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
    if (path := program(name)) is None:
        raise FileNotFoundError(f"{name}: expected PostgreSQL, it is not installed; install it")
    return path


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
        process.wait(timeout=120)
        shutil.rmtree(folder)


def is_ready(port: int) -> bool:
    words = [needed("pg_isready"), "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(words, capture_output=True).returncode == 0
