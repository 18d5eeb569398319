"""Processes that this project starts and ends: each carries a mark, and so do its children.

The mark is an environment variable, so that processes which a killed one leaves behind are found.
If the system shows no environments, only the processes' own handles are known.
"""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from seqclass.flows.service.credentials import private_opener

MARK = "SEQCLASS_SERVICE"
RUN = b"PREFECT__FLOW_RUN_ID="
SYSTEM = Path("/proc")
START = 19
"""Place of a process's start in what follows its name in ``stat``."""
EXCEPTION = re.compile(r"[\w.]+(Error|Exception)\b")


def begin(
    command: Sequence[str], environment: Mapping[str, str], log: Path, umask: int = -1
) -> subprocess.Popen[bytes]:
    """Start a process detached from the terminal and its Ctrl-C; its output goes to a file."""
    with open(log, "ab", opener=private_opener) as output:
        return subprocess.Popen(  # noqa: S603 - the project's own words
            command, env=environment, cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True, preexec_fn=_hear_interrupts, umask=umask,
        )  # fmt: skip


def _hear_interrupts() -> None:
    """Restore SIGINT, which background jobs ignore; a Prefect worker ends by it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def cause_in(output: str) -> str:
    """Return one line from a failed command's output: its last exception, or its last line."""
    lines = [" ".join(line.split()) for line in output.splitlines() if line.strip()]
    named = [n for n, line in enumerate(lines) if EXCEPTION.match(line)]
    return " ".join(lines[named[-1] if named else -1 :]) or "no word"


def marked(mark: str) -> set[int]:
    """Return the living processes that carry the mark."""
    entry = f"{MARK}={mark}".encode()
    return {pid for pid in _all() if entry in environment_of(pid) and not is_dead(pid)}


def runs(mark: str) -> set[int]:
    """Return the topmost of the marked processes of every flow run."""
    run_ids = {pid: run_of(pid) for pid in marked(mark)}
    return {pid for pid, run in run_ids.items() if run and run_ids.get(parent_of(pid)) != run}


def run_of(pid: int) -> str:
    """Return the id of the flow run of a process; an empty text if it has none."""
    entries = [entry for entry in environment_of(pid) if entry.startswith(RUN)]
    return entries[0].removeprefix(RUN).decode() if entries else ""


def runs_at_work() -> set[str]:
    """Return ids of the flow runs of all processes."""
    return {run_of(pid) for pid in _all() if not is_dead(pid)}


def shows_processes() -> bool:
    """Check whether the system shows processes that others started."""
    return SYSTEM.is_dir()


def _all() -> list[int]:
    if not shows_processes():
        return []
    return [int(entry.name) for entry in SYSTEM.iterdir() if entry.name.isdigit()]


def environment_of(pid: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return (SYSTEM / str(pid) / "environ").read_bytes().split(b"\0")
    return []


def command_of(pid: int) -> list[str]:
    """Return the words of a process's command line; empty if it is gone."""
    with contextlib.suppress(OSError):
        return (SYSTEM / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    return []


def parent_of(pid: int) -> int:
    return int((_status(pid) or ["", "0"])[1])


def is_dead(pid: int) -> bool:
    """Check whether a process is gone, or is a zombie."""
    return (_status(pid) or ["Z"])[0] == "Z"


def start_of(pid: int) -> int:
    """Return when a process began, in ticks since the machine started; 0 if it is gone."""
    return 0 if is_dead(pid) else int(_status(pid)[START])


def _status(pid: int) -> list[str]:
    """Return state, parent and so on; empty if the process is gone."""
    with contextlib.suppress(OSError):
        return (SYSTEM / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return []


def tell(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def wait_until_gone(pids: set[int], seconds: float) -> set[int]:
    """Wait for processes that need not be children; returns those that are still alive."""
    deadline = time.monotonic() + seconds
    while (left := {pid for pid in pids if _alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not (shows_processes() and is_dead(pid))
