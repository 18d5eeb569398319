"""What Ctrl-C does to a command: it ends at once and leaves a clean tree.

A terminal interrupts the throw-away Prefect server too, so nobody is left to be told of it, and
Prefect would go on trying for minutes.
"""

import multiprocessing
import os
import signal
import sys
from types import FrameType

from storage.root import discard_staging

INTERRUPTED, INTERRUPTION = 130, "interrupted; nothing half-made was kept"


def leave_on_interrupt() -> None:
    """From now on SIGINT ends this process, its workers and its throw-away server."""
    signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for worker in multiprocessing.active_children():
        worker.kill()
    _stop_server()
    discard_staging()
    print(f"seqclass: {INTERRUPTION}", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)


def _stop_server() -> None:
    module = sys.modules.get("prefect.server.api.server")
    for server in getattr(getattr(module, "SubprocessASGIServer", None), "_instances", {}).values():
        process = server.server_process
        if process is not None:
            process.terminate()
