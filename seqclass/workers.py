"""Processes that hold TensorFlow, one thread each; the calling process never imports it.

A task gives them its work and waits. The task itself stays in the process of its run, so that
Prefect can retry it if its process was killed. In a pool of Prefect's own the task run would end
with the process. TensorFlow is imported once, in a new interpreter that forks itself for each
process. A seed gives the same bits for any number of others beside it. The Python names
have such a process, too (``seqclass.network_process``).
"""

import atexit
import contextlib
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import cache
from multiprocessing import connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple
from weakref import WeakSet

from rich.console import Console

from seqclass.runtime import (
    check_tensorflow,
    environment,
    kernel,
    renew_kernel,
    tensorflow,
    threads,
)
from seqclass.store.capacity import GIB, capacity

PROCESS_BYTES = GIB
"""Memory with which a process is counted: TensorFlow takes half of it, rows the rest."""
BEGIN = (
    "import sys; sys.path[:] = {}; from seqclass.settings_files import ignore_current_folder as f; "
    "f(); import seqclass.workers as w; w.serve_forks({})"
)
"""What the template runs: it imports from where this process does, and reads no settings of a
folder."""


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


class _Template:
    """A process that has imported TensorFlow, and forks itself for each worker.

    It is a new interpreter, which neither forks this process nor imports its ``__main__``.
    """

    def __init__(self) -> None:
        check_tensorflow()
        self._socket, theirs = socket.socketpair()
        with theirs:
            path, handle = [*map(str, sys.path)], theirs.fileno()
            self._process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-c", BEGIN.format(path, handle)],
                env={**os.environ, **environment()},
                stdin=subprocess.DEVNULL,
                pass_fds=[handle],
            )
        self.pid = self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, handle: int) -> None:
        """Ask for a worker that answers at a pipe; it begins once TensorFlow is imported."""
        socket.send_fds(self._socket, [b"f"], [handle])

    def forget(self) -> None:
        self._socket.close()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._socket.close()


class _Process:
    """A process that answers one call after another.

    pid: None before its first call. ``is_idle``: whether the last call was answered.
    """

    def __init__(self, template: _Template) -> None:
        self.pipe, theirs = connection.Pipe()
        with theirs:
            template.fork(theirs.fileno())
        self.pipe.send({**os.environ, **environment()})
        self.pid: int | None = None
        self.is_idle = True
        self._handle: int | None = None

    def call(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        watch: ProgressCallback | None,
    ) -> Any:
        self.is_idle = False
        with _ended_from_outside():
            if self.pid is None:
                self.pid = int(self.pipe.recv())
                self._handle = _handle_of(self.pid)
            self.pipe.send((function, arguments))
            answer = self.pipe.recv()
        while isinstance(answer, Progress):
            if watch:
                watch(answer)
            with _ended_from_outside():
                answer = self.pipe.recv()
        self.is_idle = True
        failed, result = answer
        if failed:
            raise failed
        return result

    @property
    def is_alive(self) -> bool:
        """True for an idle process whose pipe is open: one that has ended closed it."""
        return self.pid is None or not self.pipe.poll()

    def end(self) -> None:
        """End the process, or let it end as soon as it begins; a waiting call is woken."""
        with socket.socket(fileno=os.dup(self.pipe.fileno())) as pipe, contextlib.suppress(OSError):
            pipe.shutdown(socket.SHUT_RDWR)
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            select.select([self._handle], [], [])
            os.close(self._handle)
            self._handle = None


@contextlib.contextmanager
def _ended_from_outside() -> Iterator[None]:
    """Say so if a process ends at the other end of a pipe."""
    try:
        yield
    except (EOFError, OSError) as error:
        raise ChildProcessError(
            "worker process: expected it to finish, it was ended from outside; see the "
            "system's log, and free memory"
        ) from error


def _handle_of(pid: int) -> int | None:
    """Return a handle of a process, which never means another one; None if the system has none."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None  # the process ends with its pipe


class Workers:
    """Processes that are started when they are first needed, and can be ended one by one.

    They end with this process. One that is forked from it starts others.
    """

    def __init__(self, n_processes: int) -> None:
        self.n_processes = n_processes
        self._all = set[_Process]()
        self.forget()
        _every.add(self)

    def forget(self) -> None:
        """Forget the processes, which belong to the one that this process was forked from."""
        for process in self._all:
            process.pipe.close()  # so that it ends with that process
        self._all.clear()
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(self.n_processes):
            self._free.put(None)

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that have begun a call."""
        return [process.pid for process in list(self._all) if process.pid is not None]

    def call(
        self, function: Callable[..., Any], *arguments: Any, watch: ProgressCallback | None = None
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

    def run(self, jobs: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
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
            self._free.put(self._fit(place))

    def end(self) -> None:
        """Kill every process; a running call raises ChildProcessError."""
        for process in list(self._all):
            self._end(process)

    def _fit(self, process: _Process | None) -> _Process:
        """Return the process, or a new one if there is none or it has ended."""
        if process in self._all:
            if process.is_alive:
                return process
            self._end(process)
        self._all.add(new := _Process(_template()))
        return new

    def _end(self, process: _Process) -> None:
        self._all.discard(process)
        process.end()


_every = WeakSet[Workers]()
_templates: list[_Template] = []
_beginning = threading.RLock()


def _template() -> _Template:
    """Return the one template of this process, a new one if there is none or it has ended."""
    with _beginning:
        if not (_templates and _templates[-1].is_alive):
            _templates[:] = [_Template()]
        return _templates[-1]


def pids() -> list[int]:
    """Return the ids of the template and of all worker processes of this process."""
    workers = [pid for each in list(_every) for pid in each.pids]
    return [*workers, *(template.pid for template in _templates)]


def _end_all() -> None:
    for each in list(_every):
        each.end()
    for template in _templates:
        template.end()


def _forget_all() -> None:
    for each in list(_every):
        each.forget()
    for template in _templates:
        template.forget()
    _templates.clear()
    global _beginning
    _beginning = threading.RLock()  # another thread may have held it


atexit.register(_end_all)
os.register_at_fork(after_in_child=_forget_all)


def at_once() -> int:
    """Return how many trainings fill the cores, and fit into the memory, that are there for us."""
    machine = capacity()
    return max(1, min(machine.cores // threads(), machine.memory_bytes // PROCESS_BYTES))


def workers() -> Workers:
    """Return this process's workers, which fill the cores and end with it."""
    with _beginning:  # two threads that both ask first would each begin workers
        return begun_workers()


@cache
def begun_workers() -> Workers:
    """Return the workers of ``workers``, which alone calls this; a test forgets them here."""
    pool = Workers(at_once())
    if kernel() == "keras":
        log("LSTMs run on the stock layer, more slowly: Numba is not installed, or there is a GPU")
    elif not _is_compiled():
        log("compiling the LSTM kernel, once per machine")
        pool.call(_compile)
    return pool


def end_workers() -> None:
    """End the processes; the next ones begin with empty memory."""
    workers().end()


def log(line: str) -> None:
    """Print a remark on a training to standard error."""
    Console(stderr=True).print(line, style="dim", highlight=False, soft_wrap=True)


def _is_compiled() -> bool:
    """Check whether the kernels are compiled in the cache beside their source."""
    import seqclass.networks

    cached = Path(seqclass.networks.__path__[0]) / "__pycache__"
    return any(cached.glob("kernel.pool_bank_gradient*.nbi"))  # the last of them


def _compile() -> None:
    from seqclass.networks.kernel import compile_kernel

    compile_kernel()


_parent: connection.Connection | None = None
_next: list[Callable[[], Any]] = []


def serve_forks(handle: int) -> None:
    """Import TensorFlow, then fork a worker for each pipe that comes, until nobody can ask."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    tensorflow()
    import seqclass.training.replica  # noqa: F401

    asked = socket.socket(fileno=handle)
    while pipes := socket.recv_fds(asked, 1, 1)[1]:
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            asked.close()
            _serve(*pipes)
        os.close(*pipes)
    os._exit(0)  # without TensorFlow's tidying up


def _serve(handle: int) -> None:
    """Answer calls in a worker process until the other end of its pipe is closed.

    First comes the environment of the process that asks, which may differ from the template's.
    """
    global _parent
    _parent = connection.Connection(handle)
    try:
        environ = _parent.recv()
    except (EOFError, OSError):
        os._exit(1)
    os.environ.clear()
    os.environ.update(environ)
    renew_kernel()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(_parent, requests), daemon=True).start()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        _parent.send(os.getpid())
    while True:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            try:
                function, arguments = ForkingPickler.loads(requests.get())
                _parent.send((None, function(*arguments)))
            except Exception as error:
                _parent.send((_portable(error), None))
        while _next:
            with contextlib.suppress(Exception):  # who asks for it again gets the error
                _next.pop()()


def _receive(pipe: connection.Connection, requests: "queue.SimpleQueue[bytes]") -> None:
    """Receive calls; end this process, without TensorFlow's tidying up, with the one that asks."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            requests.put(pipe.recv_bytes())
    os._exit(1)


def do_next(function: Callable[[], Any]) -> None:
    """Call a function in a worker after the answer is sent, while the other process goes on."""
    _next.append(function)


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


class Reporter:
    """Reporter of a seed's progress; an update that is not above the last begins a network."""

    def __init__(self, label: str) -> None:
        self._label, self._member, self._network, self._update = label, "", 1, 0

    def __call__(self, member: str, update: int, of: int, loss: float) -> None:
        """Report the loss at an update, ``of`` which there are at most so many."""
        begun = update <= self._update
        self._network = self._network + begun if member == self._member else 1
        self._member, self._update = member, update
        report_progress(Progress(self._label, member, self._network, update, of, loss))
