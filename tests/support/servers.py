"""Servers that tests start."""

import contextlib
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from seqclass.flows.service.credentials import make_password, private_folder
from seqclass.flows.service.server import (
    Service,
    await_server,
    choose_port,
    local_url,
    mark_environment,
    start_server,
)


def hear_interrupts() -> None:
    """Run in a child before it starts: a background shell makes children deaf to SIGINT, and a
    Prefect worker ends by sending itself one."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_healthy(url: str, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert server.poll() is None, "the Prefect server ended"
        try:
            urllib.request.urlopen(url, timeout=2)  # noqa: S310 - loopback
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError("the Prefect server did not become healthy")


@contextlib.contextmanager
def kept_server(home: Path) -> Iterator[Service]:
    """The server of ``seqclass up``, without its worker."""
    private_folder(home)
    service = Service(local_url(choose_port(0)), secrets.token_hex(8), make_password(home))
    process = start_server(home, service, mark_environment(service))
    try:
        await_server(service, process, home)
        yield service
    finally:
        process.terminate()
        process.wait(timeout=120)
