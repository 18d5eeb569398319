"""Processes that hold TensorFlow, one thread each; the calling process never imports it.

Replicas of a seed are bitwise independent of how many run beside them.
"""

import atexit
import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from seqclass.runtime import environment, kernel, tensorflow, threads

UNLINKED = "ignore:resource_tracker:UserWarning"
"""What Python's own helper process says when it removes semaphores after Ctrl-C."""


def _is_compiled() -> bool:
    """Whether a process of this machine has compiled the kernel beside its source."""
    import seqclass.networks

    cached = Path(seqclass.networks.__path__[0]) / "__pycache__"
    return any(cached.glob("kernel.backward*.nbi"))


def _compile() -> None:
    from seqclass.networks.kernel import compile_kernel

    compile_kernel()


class Progress(NamedTuple):
    """What a process tells about its training on the way; ``network``: which of its member's it is
    at, from 1; ``loss``: mean of the latest updates."""

    label: str
    member: str
    network: int
    update: int
    of: int
    loss: float


class Workers:
    """A pool of spawned processes with a way to hear from them and to stop them."""

    def __init__(self, n_processes: int) -> None:
        if UNLINKED not in sys.warnoptions:
            sys.warnoptions.append(UNLINKED)
        context = get_context("spawn")
        self._messages = context.Queue()
        self._stop = context.Event()
        self._pool = ProcessPoolExecutor(
            n_processes, context, _start, (self._messages, self._stop, environment())
        )

    def run(
        self,
        jobs: Sequence[tuple[Callable, tuple]],
        on_progress: Callable[[Progress], None] | None = None,
        on_result: Callable[[Any], None] | None = None,
    ) -> list[Any]:
        """Call every ``(function, arguments)`` in a process; results in the jobs' order.

        ``on_result`` gets each result as it comes.

        When this process is interrupted or a job fails, the others stop within a chunk.
        """
        self._stop.clear()
        self._forget_messages()
        futures = [self._pool.submit(function, *arguments) for function, arguments in jobs]
        try:
            self._follow(futures, on_progress, on_result)
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            workers.cache_clear()
            raise ChildProcessError(
                "worker process: expected it to finish, it was ended from outside; see the "
                "system's log, and free memory"
            ) from error
        except BaseException:
            self._stop.set()
            for future in futures:
                future.cancel()
            wait(futures, timeout=60)
            raise

    def _forget_messages(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._messages.get_nowait()

    def _follow(
        self,
        futures: list[Future],
        on_progress: Callable[[Progress], None] | None,
        on_result: Callable[[Any], None] | None,
    ) -> None:
        running = set(futures)
        while running:
            for future in [future for future in running if future.done()]:
                running.remove(future)
                result = future.result()
                if on_result:
                    on_result(result)
            with contextlib.suppress(queue.Empty):
                message = self._messages.get(timeout=0.2)
                if on_progress:
                    on_progress(message)


def at_once() -> int:
    """How many trainings fill the cores."""
    return max(1, len(os.sched_getaffinity(0)) // threads())


@cache
def workers() -> Workers:
    """The pool of this process, which fills the cores; it ends with the process."""
    pool = Workers(at_once())
    if kernel() == "keras":
        log("LSTMs run on the stock layer, more slowly: Numba is not installed, or there is a GPU")
    elif not _is_compiled():
        log("compiling the LSTM kernel, once per machine")
        pool.run([(_compile, ())])
    return pool


def warm_up() -> None:
    """Begin the pool's start, so that it is under way while this process waits for something."""
    for _ in range(at_once()):
        workers()._pool.submit(_import_training)


def _import_training() -> None:
    tensorflow()
    import seqclass.training.replica  # noqa: F401


def log(line: str) -> None:
    """Remark on a training, on standard error."""
    Console(stderr=True).print(line, style="dim", highlight=False, soft_wrap=True)


def end_workers() -> None:
    """End the pool; the next one begins with empty memory, of which TensorFlow keeps some 50 MB
    for every training."""
    workers()._pool.shutdown()
    workers.cache_clear()


_messages: Any = None
_stop: Any = None


def _start(messages: Any, stop: Any, environment: dict[str, str]) -> None:
    global _messages, _stop
    _messages, _stop = messages, stop
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    atexit.register(os._exit, 0)  # without TensorFlow's tidying up, which takes a second
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def report_progress(progress: Progress) -> None:
    """Called in a worker: report, and leave where the work was called off."""
    if _stop is not None and _stop.is_set():
        raise InterruptedError("the work was called off")
    if _messages is not None:
        _messages.put(progress)
