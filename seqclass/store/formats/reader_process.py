"""The process that reads files for ``IsolatedReader``.

It takes requests in JSON at a pipe, whose number is its argument, and answers each in JSON; an
answer that announces a table is followed by it, as an Arrow stream. It ends when the pipe is
closed.
"""

import contextlib
import json
import os
import re
import resource
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from multiprocessing import connection
from threading import Thread
from typing import Any

import pyarrow as pa

from seqclass.store.formats import (
    ColumnNames,
    Limits,
    RefusalError,
    read_group,
    refusing,
    understood,
)
from seqclass.store.formats.label_files import read_label_file
from seqclass.store.formats.parquet import check_parquet
from seqclass.store.formats.table import Reading

LOOK_S = 1.0
"""Seconds between two checks that the parent process is still alive."""


def main() -> None:
    """Answer the requests that come at the pipe."""
    pipe = connection.Connection(int(sys.argv[1]))
    warnings.simplefilter("ignore")
    _leave_pandas_out()
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    before, send = _data_bytes(), partial(_send, pipe)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        send({})
        while True:
            request = json.loads(pipe.recv_bytes())
            limits = Limits(**request["limits"])
            _limit_memory(before + limits.memory_bytes)
            for reply, content in _answers(request, limits, send):
                send(reply, content)


class _NoPandas:
    """An import finder that finds no pandas."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ImportError


def _leave_pandas_out() -> None:
    """Let pyarrow do without pandas, which it otherwise imports with its first array.

    That takes a quarter of a second. Whoever asks for pandas later still gets it.
    """
    sys.meta_path.insert(0, _NoPandas)
    pa.array([])
    sys.meta_path.remove(_NoPandas)


def _send(
    pipe: connection.Connection, reply: dict[str, Any], content: pa.Buffer | None = None
) -> None:
    pipe.send_bytes(json.dumps(reply).encode())
    if content is not None:
        pipe.send_bytes(content)


def _answers(
    request: dict[str, Any], limits: Limits, send: Callable[[dict[str, Any]], None]
) -> Iterator[tuple[dict[str, Any], Any]]:
    lists = {k: tuple(v) for k, v in request["names"].items() if isinstance(v, list)}
    names, path = ColumnNames(**{**request["names"], **lists}), request["paths"][0]
    serial = count(request["serial"])
    reading = Reading(
        names, request["split"], serial, limits, request["infinite_cure"],
        lambda share: send({"progress": share}),
    )  # fmt: skip
    try:
        if request["wanted"] == "footer":
            check_parquet(path, limits)
        elif request["wanted"] == "form":
            with refusing(path):
                yield {"understood": understood(path, names, limits)}, None
        else:
            for table in _tables(request, reading):
                yield {"table": len(table)}, _stream(table)
        yield {"done": next(serial)}, None
    except RefusalError as error:
        is_memory = isinstance(error.__cause__, MemoryError)
        yield ({"exceeded": "memory_bytes"} if is_memory else {"refused": str(error)}), None
    except MemoryError:
        yield {"exceeded": "memory_bytes"}, None
    except OSError as error:
        yield {"errno": error.errno, "reason": error.strerror}, None


def _tables(request: dict[str, Any], reading: Reading) -> Iterator[pa.Table]:
    if request["wanted"] == "labels":
        return read_label_file(request["paths"][0], reading.limits)
    return read_group(request["paths"], reading)


def _stream(table: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _end_with(parent: int) -> None:
    """End this process, even a busy one, soon after its parent."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)


def _limit_memory(most: int) -> None:
    """Limit this process's memory, where the system can."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _data_bytes() -> int:
    """Return the memory of this process without mapped files; 0 if the system does not tell."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        if match := re.search(r"VmData:\s*(\d+)", status.read()):
            return int(match[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
