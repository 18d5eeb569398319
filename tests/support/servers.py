"""Servers that tests start."""

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


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
