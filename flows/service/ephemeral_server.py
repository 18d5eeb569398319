"""A temporary Prefect server for one command, which starts at once and ends with it.

Prefect would start one by itself, but only after importing the server into the command too.
"""

import atexit
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import IO

from seqclass.flows.service.credentials import new_password
from seqclass.flows.service.processes import cause_in
from seqclass.flows.service.server import Service, answers, local_url, prefect_url
from seqclass.flows.service.serving import LOCAL, PRIVATE_UMASK, application, server_settings
from seqclass.settings_files import ignore_current_folder
from seqclass.store.locks import locked
from seqclass.store.root import open_root

LIMIT_S, GRACE_S = 120.0, 10.0
"""Seconds for the server to respond, and to end by itself."""
NO_BLOCKS = {
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
}
"""Environment of a server that registers no types of blocks, which takes a second at first."""


@dataclass(frozen=True)
class Throwaway:
    """A server that is starting: its address, its process and its error output."""

    service: Service
    process: subprocess.Popen[bytes]
    complaints: IO[bytes]


def begin_server() -> Throwaway:
    """Start a server on a free port of loopback, with the database that Prefect's own would use.

    Only this process and its children know its password.
    """
    password = new_password()
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server
    with socket.create_server((LOCAL, 0)) as listener:
        port = listener.getsockname()[1]
        handle = listener.fileno()
        process = subprocess.Popen(  # noqa: S603 - the project's own words
            [sys.executable, "-P", "-m", "seqclass.flows.service.ephemeral_server", str(handle)],
            pass_fds=[handle], stdin=subprocess.PIPE, stdout=complaints,
            stderr=complaints, start_new_session=True, umask=PRIVATE_UMASK,
            env={**NO_BLOCKS, **os.environ, **server_settings(port, password)},
        )  # fmt: skip
    atexit.register(process.stdin.close)  # type: ignore[union-attr]
    service = Service(local_url(port), "", password)
    return Throwaway(service, process, complaints)


def wait_for(server: Throwaway) -> None:
    """Wait until the server responds."""
    deadline = time.monotonic() + LIMIT_S
    while not answers(server.service.url):
        time.sleep(0.05)
        if server.process.poll() is not None or time.monotonic() > deadline:
            how = "did not" if server.process.poll() is None else "ended"
            server.complaints.seek(0)
            cause = cause_in(server.complaints.read().decode(errors="replace"))
            raise ValueError(
                f"throw-away Prefect server: expected it to answer, it {how} "
                f"({cause}); see to its database, or set PREFECT_API_URL"
            )


def prepare() -> None:
    """Let a server create its database, which takes longer than all later starts."""
    if not prefect_url():
        wait_for(begin_server())


def _serve(listener: socket.socket) -> None:
    import uvicorn
    from prefect.settings import get_current_settings

    home, port = open_root(get_current_settings().home), listener.getsockname()[1]

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Update the database, one server at a time, and start."""
            with locked(home, "ephemeral_server"):
                await super().startup(sockets)

    app = application(port, ephemeral=True)
    server = Server(uvicorn.Config(app, log_level="error", lifespan="on"))

    def end_with_parent() -> None:
        os.read(0, 1)
        server.should_exit = True
        time.sleep(GRACE_S)
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    server.run(sockets=[listener])


if __name__ == "__main__":
    ignore_current_folder()
    _serve(socket.socket(fileno=int(sys.argv[1])))
