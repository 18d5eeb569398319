"""Reading of the user's files in a separate process with limits of time and memory.

A malformed file can only harm that process: it ends, and the file is refused.
"""

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from multiprocessing import connection
from typing import Any, Self

import pyarrow as pa

from seqclass.store.formats import ColumnNames, Limits, RefusalError, file_groups
from seqclass.store.formats.facts import Listener, take_apart
from seqclass.store.formats.file_format import (
    Understood,
    all_facts,
    seconds_to_read,
)
from seqclass.store.formats.table import CORRECT, refusal

COMMAND = ["-P", "-m", "seqclass.store.formats.reader_process"]
START_S, LONGEST_S = 120.0, 2.0**20
"""Seconds within which the process must start, even on a busy machine, and most seconds that are
waited for it: the system takes no time beyond 24 days."""
SETTINGS = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Settings that avoid reserved memory, which would count: Arrow's pools and idle threads."""


class IsolatedReader:
    """Reader of files in another process, with the methods ``read_files``, ``understood``,
    ``check_parquet`` and ``read_labels``.

    The process starts with the context, serves file after file, and is started again if a file has
    ended it. It has ``limits.seconds`` for each; only time in which this process waits for rows
    counts.

    >>> with IsolatedReader() as reader:  # doctest: +SKIP
    ...     tables = list(reader.read_files(["a.csv"], ColumnNames()))
    """

    def __init__(self, listener: Listener | None = None) -> None:
        self._process: _Process | None = None
        self._listener = listener or Listener()

    def __enter__(self) -> Self:
        self._process = _Process()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def read_files(
        self,
        paths: list[str],
        names: ColumnNames,
        split: str | None = None,
        infinite_cure: str | None = CORRECT,
        limits: Limits | None = None,
    ) -> Iterator[pa.Table]:
        """Yield rows of all files in order; RefusalError also for a file that breaks a limit.

        After the last file it is also raised for facts that are not sure.
        """
        limits = limits or Limits()
        options = {"names": asdict(names), "split": split, "infinite_cure": infinite_cure}
        serial, records = 0, list[dict[str, Any]]()
        for group in file_groups(paths):
            request = {**options, "paths": group, "serial": serial, "wanted": "rows"}
            for reply, process in self._replies(request, limits):
                if "table" in reply:
                    yield self._passed_on(group[0], process.table(), records)
                serial = reply.get("done", serial)
        if not self._listener.takes_unsure:
            for facts in all_facts():
                facts.check([record for record in records if facts.knows(record)])

    def _passed_on(self, path: str, table: pa.Table, records: list[dict[str, Any]]) -> pa.Table:
        """Return a table without the facts of its file, which the listener gets."""
        table, facts, attachment = take_apart(table)
        if facts is not None:
            self._listener.heard(path, facts, attachment, table)
            records.append(facts)
        return table

    def understood(self, path: str, names: ColumnNames, limits: Limits) -> Understood:
        """Return how one file is read: its form, and the role of each of its columns."""
        request = _request(path, names, "form")
        [form] = [r["understood"] for r, _ in self._replies(request, limits) if "understood" in r]
        return form

    def check_parquet(self, path: str, limits: Limits) -> None:
        """Check the footer of a Parquet file against the limits."""
        list(self._replies(_request(path, ColumnNames(), "footer"), limits))

    def read_labels(self, path: str, limits: Limits) -> Iterator[pa.Table]:
        """Yield the labels of one file as ``read_label_file`` does; at least one table."""
        for reply, process in self._replies(_request(path, ColumnNames(), "labels"), limits):
            if "table" in reply:
                yield process.table()

    def _replies(
        self, request: dict[str, Any], limits: Limits
    ) -> Iterator[tuple[dict[str, Any], "_Process"]]:
        """Yield all answers to a request; a process that has not given the last one is ended."""
        path, is_answered = request["paths"][0], False
        seconds = limits.seconds + sum(map(seconds_to_read, request["paths"]))
        if self._process is None:
            self._process = _Process()
        try:
            self._process.ask({**request, "limits": asdict(limits)}, seconds)
            while not is_answered:
                reply = self._process.reply()
                is_answered = not reply.keys() & {"table", "understood", "progress"}
                if "progress" in reply:
                    self._listener.progress(path, reply["progress"])
                _check(path, reply, limits)
                yield reply, self._process
        except TimeoutError:
            raise _exceeded(path, limits, "seconds") from None
        except _EndedError as error:
            expected = "a file that a reader can read"
            raise refusal(path, expected, str(error), "write it again") from None
        finally:
            if not is_answered:
                self._end()


def _request(path: str, names: ColumnNames, answer: str) -> dict[str, Any]:
    return {"names": asdict(names), "split": None, "infinite_cure": None, "paths": [path],
            "serial": 0, "wanted": answer}  # fmt: skip


def _check(path: str, reply: dict[str, Any], limits: Limits) -> None:
    if "refused" in reply:
        raise RefusalError(reply["refused"])
    if "exceeded" in reply:
        raise _exceeded(path, limits, reply["exceeded"])
    if "errno" in reply:
        raise OSError(reply["errno"], reply["reason"], path)


def _exceeded(path: str, limits: Limits, name: str) -> RefusalError:
    most = getattr(limits, name)
    return refusal(
        path, f"a file that takes at most {most:,} {name.replace('_', ' ')} to read", "more",
        f"if you trust the file, --limit {name}={8 * most} allows it more",
    )  # fmt: skip


class _EndedError(Exception):
    """A process has ended before it answered."""


class _Process:
    """A process that answers requests, and the time left for its answers."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by end()
        self._pipe, its_own = connection.Pipe()
        with its_own:
            handle = its_own.fileno()
            self._popen = subprocess.Popen(  # noqa: S603 - the project's own words
                [sys.executable, *COMMAND, str(handle)], stdin=subprocess.DEVNULL,
                stdout=self._errors, stderr=self._errors, pass_fds=[handle],
                start_new_session=True, env={**os.environ, **SETTINGS},
            )  # fmt: skip
        self._left_s, self._is_ready = START_S, False

    def ask(self, request: dict[str, Any], seconds: float) -> None:
        """Send a request, with the seconds that its answers may take."""
        if not self._is_ready:
            self._wait_until_ready()
        self._left_s = min(seconds, LONGEST_S)
        self._pipe.send_bytes(json.dumps(request).encode())

    def _wait_until_ready(self) -> None:
        """Wait for the process to start; OSError if it does not, since that is no file's fault."""
        try:
            self.reply()
        except (TimeoutError, _EndedError) as error:
            problem = f"no process to read files in starts: {error}"
            raise OSError(errno.EAGAIN, problem) from None
        self._is_ready = True

    def reply(self) -> dict[str, Any]:
        """Return the next answer of the process."""
        return dict(json.loads(self._received()))

    def table(self) -> pa.Table:
        """Return the table that follows the answer which announces it."""
        with pa.ipc.open_stream(self._received()) as stream:
            return stream.read_all()

    def _received(self) -> bytes:
        """Return the next message; TimeoutError if all waiting together takes too long."""
        before_s = time.monotonic()
        if not self._pipe.poll(max(self._left_s, 0)):
            raise TimeoutError
        try:
            message = self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise _EndedError(self._how_it_ended()) from None
        self._left_s -= time.monotonic() - before_s
        return message

    def _how_it_ended(self) -> str:
        code = self._popen.wait()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        last_line = f" ({lines[-1]})" if lines else ""
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return f"a process ended {how}{last_line}"

    def end(self) -> None:
        """Kill the process, and any that it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        self._pipe.close()
        self._errors.close()
