"""Processes that hold TensorFlow, one thread each; the calling process never imports it.

Replicas of a seed are bitwise independent of how many run beside them.
"""

import contextlib
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from multiprocessing import connection, get_context, parent_process
from typing import Any, NamedTuple

ENVIRONMENT = {
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
}


def numerics() -> dict[str, Any]:
    """What besides versions and CPU decides the bits of a training; part of its fingerprint."""
    return {
        "threads": int(ENVIRONMENT["TF_NUM_INTRAOP_THREADS"]),
        "onednn": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "default"),
        "op_determinism": True,
        "kernel": "keras",
    }


class Progress(NamedTuple):
    """What a process tells about a seed on its way."""

    seed: int
    update: int
    of: int
    loss: float


class Workers:
    """A pool of spawned processes with a way to hear from them and to stop them."""

    def __init__(self, n_processes: int) -> None:
        context = get_context("spawn")
        self._messages = context.Queue()
        self._stop = context.Event()
        self._pool = ProcessPoolExecutor(
            n_processes, context, _start, (self._messages, self._stop, ENVIRONMENT)
        )

    def run(
        self,
        jobs: Sequence[tuple[Callable, tuple]],
        on_progress: Callable[[Progress], None] | None = None,
    ) -> list[Any]:
        """Call every ``(function, arguments)`` in a process; results in the jobs' order.

        When this process is interrupted or a job fails, the others stop within a chunk.
        """
        self._stop.clear()
        self._forget_messages()
        futures = [self._pool.submit(function, *arguments) for function, arguments in jobs]
        try:
            self._follow(futures, on_progress)
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            workers.cache_clear()
            raise ChildProcessError(
                "training process: expected it to finish, it was ended from outside; see the "
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
        self, futures: list[Future], on_progress: Callable[[Progress], None] | None
    ) -> None:
        while not all(future.done() for future in futures):
            for future in futures:
                if future.done() and (error := future.exception()):
                    raise error
            with contextlib.suppress(queue.Empty):
                message = self._messages.get(timeout=0.2)
                if on_progress:
                    on_progress(message)


@cache
def workers() -> Workers:
    """The pool of this process, one worker a core; it ends with the process."""
    return Workers(len(os.sched_getaffinity(0)))


_messages: Any = None
_stop: Any = None


def _start(messages: Any, stop: Any, environment: dict[str, str]) -> None:
    global _messages, _stop
    _messages, _stop = messages, stop
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def tell(progress: Progress) -> None:
    """Called in a worker: report, and leave where the work was called off."""
    if _stop is not None and _stop.is_set():
        raise InterruptedError("the work was called off")
    if _messages is not None:
        _messages.put(progress)


@cache
def tensorflow() -> Any:
    """Import TensorFlow once, without its start-up chatter, set for repeatable results."""
    with _stderr_closed():
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    tf.get_logger().setLevel("ERROR")
    return tf


@contextlib.contextmanager
def _stderr_closed() -> Iterator[None]:
    saved = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
