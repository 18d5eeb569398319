"""Handling of Ctrl-C: a command ends at once and leaves a clean tree.

The temporary Prefect server ends with the process. A flow would first end its tasks, which may take
long.
"""

import multiprocessing
import os
import signal
import sys
from types import FrameType

from seqclass.store.staging import discard_staging

INTERRUPTED, INTERRUPTION = 130, "interrupted; nothing half-made was kept"


def leave_on_interrupt() -> None:
    """Make SIGINT end this process and its workers from now on."""
    signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for worker in multiprocessing.active_children():
        worker.kill()
    discard_staging()
    print(f"seqclass: {INTERRUPTION}", file=sys.stderr, flush=True)
    os._exit(INTERRUPTED)
