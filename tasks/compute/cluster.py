"""A runner of task runs on a cluster of Dask, whose workers must be as this process is."""

from typing import Any, Self

import distributed
from prefect_dask import DaskTaskRunner

from seqclass.pipeline.candidates import learning_fingerprint


class ClusterRunner(DaskTaskRunner):  # type: ignore[misc]
    """Runner of tasks on the workers of a Dask scheduler.

    Workers that would train other bits than this process are refused: those that are there when a
    flow begins, and those that come later with their first task.

    fingerprint: of the process in which the flow runs.
    """

    def __init__(
        self, *arguments: Any, fingerprint: dict[str, Any] | None = None, **options: Any
    ) -> None:
        super().__init__(*arguments, **options)
        self.fingerprint = fingerprint or learning_fingerprint()

    def duplicate(self) -> Self:
        """Return a runner for a flow run; in a worker, Prefect asks for one before each task."""
        if _is_worker():
            check_same("this worker", self.fingerprint, learning_fingerprint())
        kept = {"address": self.address, "client_kwargs": self.client_kwargs}
        return type(self)(fingerprint=self.fingerprint, **kept)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            if not _is_worker():
                self._check_cluster()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _check_cluster(self) -> None:
        """Refuse, before the flow begins, a cluster that does not answer, is empty, or differs."""
        if self._lacks_certificates():
            raise ValueError(
                f"runner: expected certificates for {self.address}, Dask is configured with none; "
                "set distributed.comm.tls, or use dask://"
            )
        try:
            fingerprints = self.client.run(learning_fingerprint, on_error="return")
        except OSError as error:
            raise ValueError(
                f"runner: expected a Dask scheduler that answers at {self.address}, got "
                f"{str(error) or type(error).__name__}; start it with 'dask scheduler', or leave "
                "--runner and SEQCLASS_RUNNER out"
            ) from error
        if not fingerprints:
            raise ValueError(
                f"runner: expected a worker at {self.address}, the scheduler has none; start one "
                f"with 'dask worker {self.address}'"
            )
        for worker, theirs in fingerprints.items():
            if isinstance(theirs, BaseException):
                theirs = {"learning_code": f"{type(theirs).__name__}: {theirs}"}
            check_same(f"worker {worker}", self.fingerprint, theirs)

    def _lacks_certificates(self) -> bool:
        if not str(self.address).startswith("tls:"):
            return False
        return distributed.Security().get_connection_args("client").get("ssl_context") is None


def check_same(who: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Refuse a worker that would train other bits, by its fingerprint."""
    alike = ours.keys() - {"cores"}
    if differing := sorted(key for key in alike if theirs.get(key) != ours[key]):
        first = differing[0]
        raise ValueError(
            f"runner: expected {who} to be as the run, it differs in {', '.join(differing)} "
            f"({first}: {ours[first]!r} here, {theirs.get(first)!r} there); install the same "
            "release there, on the same kind of CPU"
        )


def _is_worker() -> bool:
    """Check whether this process is a worker of Dask."""
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True
