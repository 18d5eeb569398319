"""A cluster of Dask on loopback that tests start."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from distributed import Client

from tests.support.servers import free_port

DASK = [sys.executable, "-m", "dask"]


class Cluster:
    """A scheduler and the nanny of two worker processes, each of one thread."""

    def __init__(self, port: int, client: Client) -> None:
        self.runner, self._client = f"dask://127.0.0.1:{port}", client

    def busy(self) -> list[int]:
        """Process ids of the workers that have a task."""
        pids = self._client.run(os.getpid)
        return [pids[worker] for worker, keys in self._client.processing().items() if keys]

    @property
    def client(self) -> Client:
        return self._client


@contextlib.contextmanager
def cluster(log: Path, workers: int = 2) -> Iterator[Cluster]:
    """Provide a running cluster, which knows this process's environment."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    alone = ["--no-dashboard", "--host", "127.0.0.1"]
    commands = [
        [*DASK, "scheduler", *alone, "--port", str(port)],
        [*DASK, "worker", address, *alone, "--nworkers", str(workers), "--nthreads", "1",
         "--local-directory", str(log.parent)],
    ]  # fmt: skip
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(open(log, "ab"))
        for command in commands:
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent)
            stack.callback(_end, process)
        client = stack.enter_context(Client(address, timeout=60, set_as_default=False))
        client.wait_for_workers(workers, timeout=120)
        yield Cluster(port, client)


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    process.wait(timeout=120)
