"""Processes that hold TensorFlow, one thread each; the calling process never imports it.

A task gives them its work and waits. The task itself stays in the process of its run, so that
Prefect can retry it if its process was killed. In a pool of Prefect's own the task run would end
with the process. A seed gives the same bits for any number of others beside it.
"""

import atexit
import contextlib
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import cache
from multiprocessing import connection, current_process, get_context, parent_process
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from seqclass.runtime import environment, kernel, tensorflow, threads
from seqclass.store.capacity import GIB, capacity

PROCESS_BYTES = GIB
"""Memory with which a process is counted: TensorFlow takes half of it, rows the rest."""
UNLINKED = "ignore:resource_tracker:UserWarning"
"""Warning filter for Python's helper process, which reports removed semaphores after Ctrl-C."""


class Progress(NamedTuple):
    """Progress of a training. network: number of the network within its member, from 1; loss: mean
    of the latest updates."""

    label: str
    member: str
    network: int
    update: int
    of: int
    loss: float


ProgressCallback = Callable[[Progress], None]


class _Process:
    """A spawned process that answers one call after another.

    loads: whether it imports TensorFlow at once, not with the first call that needs it.
    ``is_idle``: whether the last call was answered.
    """

    def __init__(self, loads: bool) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        started = (theirs, environment(), loads)
        self._process = context.Process(target=_serve, args=started, daemon=True)
        current_process().daemon = False  # as a nanny of Dask makes it, it may start none
        self._process.start()
        theirs.close()
        self.is_idle = True

    def call(self, function: Callable, arguments: tuple, watch: ProgressCallback | None) -> Any:
        self.is_idle = False
        try:
            self._pipe.send((function, arguments))
            while isinstance(told := self._pipe.recv(), Progress):
                if watch:
                    watch(told)
        except (EOFError, BrokenPipeError, ConnectionResetError) as error:
            raise ChildProcessError(
                "worker process: expected it to finish, it was ended from outside; see the "
                "system's log, and free memory"
            ) from error
        self.is_idle = True
        failed, result = told
        if failed:
            raise failed
        return result

    def end(self) -> None:
        self._process.kill()
        self._process.join()


class Workers:
    """Processes that are started when they are first needed, and can be ended one by one."""

    def __init__(self, n_processes: int) -> None:
        if UNLINKED not in sys.warnoptions:
            sys.warnoptions.append(UNLINKED)
        self.n_processes = n_processes
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        self._all = set[_Process]()
        for _ in range(n_processes):
            self._free.put(None)

    def call(
        self, function: Callable, *arguments: Any, watch: ProgressCallback | None = None
    ) -> Any:
        """Call a function in the next free process; returns its result.

        watch: receives what ``report_progress`` sends.

        Raises what the function raises, and ChildProcessError if its process was killed.
        """
        process = self._free.get()
        try:
            process = self._fit(process)
            return process.call(function, arguments, watch)
        finally:
            if process in self._all and not process.is_idle:
                self._end(process)  # its pipe holds an answer that is not the next call's
            self._free.put(process)

    def run(self, jobs: Sequence[tuple[Callable, tuple]]) -> list[Any]:
        """Call every ``(function, arguments)``, as many at a time as there are processes.

        Returns results in the jobs' order. If one fails, or this process is interrupted, the others
        are ended.
        """
        with ThreadPoolExecutor(self.n_processes) as pool:
            futures = [pool.submit(self.call, job, *arguments) for job, arguments in jobs]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self.end()
                raise
        return [future.result() for future in futures]

    def start(self) -> None:
        """Start every process, so that they load while this one waits for something."""
        for place in [self._free.get() for _ in range(self.n_processes)]:
            self._free.put(self._fit(place, loads=True))

    def end(self) -> None:
        """Kill every process; a running call raises ChildProcessError."""
        for process in list(self._all):
            self._end(process)

    def _fit(self, process: _Process | None, loads: bool = False) -> _Process:
        """Return the process, or a new one if there is none or it was ended."""
        if process in self._all:
            return process
        self._all.add(new := _Process(loads))
        return new

    def _end(self, process: _Process) -> None:
        self._all.discard(process)
        process.end()


def at_once() -> int:
    """Return how many trainings fill the cores, and fit into the memory, that are there for us."""
    own = capacity()
    return max(1, min(own.cores // threads(), own.memory_bytes // PROCESS_BYTES))


def workers() -> Workers:
    """Return this process's workers, which fill the cores and end with it."""
    with _beginning:  # two threads that both ask first would each begin workers
        return begun_workers()


_beginning = threading.Lock()


@cache
def begun_workers() -> Workers:
    """Return the workers of ``workers``, which alone calls this; a test forgets them here."""
    found = Workers(at_once())
    if kernel() == "keras":
        log("LSTMs run on the stock layer, more slowly: Numba is not installed, or there is a GPU")
    elif not _is_compiled():
        log("compiling the LSTM kernel, once per machine")
        found.call(_compile)
    return found


def end_workers() -> None:
    """End the processes; the next ones begin with empty memory."""
    workers().end()


def log(line: str) -> None:
    """Print a remark on a training to standard error."""
    Console(stderr=True).print(line, style="dim", highlight=False, soft_wrap=True)


def _is_compiled() -> bool:
    """Check whether the kernel is compiled in the cache beside its source."""
    import seqclass.networks

    cached = Path(seqclass.networks.__path__[0]) / "__pycache__"
    return any(cached.glob("kernel.backward*.nbi"))


def _compile() -> None:
    from seqclass.networks.kernel import compile_kernel

    compile_kernel()


_parent: connection.Connection | None = None


def _serve(pipe: connection.Connection, environment: dict[str, str], loads: bool) -> None:
    """Answer calls in a worker process until the other end of its pipe is closed."""
    global _parent
    _parent = pipe
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    atexit.register(os._exit, 0)  # without TensorFlow's tidying up, which takes a second
    if loads:
        _import_training()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            function, arguments = pipe.recv()
            failed, result = None, None
            try:
                result = function(*arguments)
            except Exception as error:
                failed = _portable(error)
            pipe.send((failed, result))


def _import_training() -> None:
    tensorflow()
    import seqclass.training.replica  # noqa: F401


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def _portable(error: Exception) -> Exception:
    """Return the error with its traceback, or only its message if it may not be pickled."""
    if type(error).__module__.partition(".")[0] not in ("builtins", "seqclass"):
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(traceback.format_exc())
    return error


def report_progress(progress: Progress) -> None:
    """Report progress from a worker to the process that waits for its result."""
    if _parent is not None:
        _parent.send(progress)
