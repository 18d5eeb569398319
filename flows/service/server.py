"""A local Prefect server: its start, its record, and how it is found and asked."""

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any

from seqclass.flows.service.credentials import (
    make_password,
    password_in,
    private_folder,
    write_privately,
)
from seqclass.flows.service.processes import MARK, SYSTEM, begin, command_of, marked, start_of
from seqclass.flows.service.serving import LOCAL, PRIVATE_UMASK, server_settings
from seqclass.settings_files import profiles_file
from seqclass.store.locks import exclusive
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.root import CHECKOUT, Root

POOL = "local"
HEARTBEAT_S, SILENCE_S, PENDING_S = 30, 90, 600
"""Prefect's shortest interval of a run's heartbeats; seconds of silence after which the run counts
as crashed; seconds after which a run that a worker took, but never began, does."""
SLOT_WAIT_S, LATE_S = 5, 900
"""Seconds until a run that waits for another of its deployment tries again, and until a run that
nobody took counts as late: thirty files at once wait for ten minutes."""
SERVER_LIMIT_S, WORKER_LIMIT_S, GRACE_S = 90, 60, 10
LEASES = "prefect.server.concurrency.lease_storage.filesystem"
"""Storage of the server's slot leases; in memory, a restart of the server would end every run."""
HOME, RECORD, SERVER = ".service", "service.json", "seqclass.flows.service.serving"


@dataclass(frozen=True)
class Service:
    """A running ``seqclass up``: its API, and the mark of its processes.

    password: of the service's own server; None if the server is the user's.
    """

    url: str
    mark: str
    password: str | None = field(default=None, repr=False)

    @property
    def ui(self) -> str:
        return self.url.removesuffix("/api")

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].partition("/")[0])

    @property
    def access(self) -> dict[str, str]:
        """Environment variables with which Prefect's clients reach the server."""
        credentials = {"PREFECT_API_AUTH_STRING": self.password} if self.password else {}
        return {"PREFECT_API_URL": self.url, **credentials}


def home_of(store: Root) -> Path:
    """Return the folder of the server's database and logs: in the tree, or the user's for URLs.

    The digest tells URLs apart that differ in their signs only.
    """
    if store.is_local:
        return Path(store.path, HOME)
    name = "".join(c if c.isalnum() else "-" for c in store.url)
    digest = hashlib.sha256(store.url.encode()).hexdigest()[:8]
    return Path.home() / ".prefect" / "seqclass" / f"{name}-{digest}"


def prefect_file() -> Path:
    """Return the path of the deployments."""
    return file_of_project("prefect.yaml")


def file_of_project(name: str) -> Path:
    """Return the path of a file beside the packages, or where an installation has put it."""
    places = [CHECKOUT, Path(sysconfig.get_path("data"), "share", "seqclass")]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise ValueError(
        f"{name}: expected it in {' or '.join(map(str, places))}, found none; install the "
        "package again"
    )


def only_one(home: Path) -> AbstractContextManager[bool]:
    """Hold a service's home for this process; False if another process holds it."""
    private_folder(home)
    return exclusive(os.open(home, os.O_RDONLY))


def mark_of(store: Root) -> str:
    """Return the mark of this root's service, which no copy of the root and no other machine has.

    It comes from the start of the machine, and from path and inode of the root's folder; for a
    bucket, from its URL and the inode of the service's folder.
    """
    place, folder = store.url, home_of(store)
    if store.is_local:
        place, folder = os.path.realpath(store.path), Path(store.path)
    about, machine = folder.stat(), socket.gethostname()
    with contextlib.suppress(OSError):
        machine = (SYSTEM / "sys/kernel/random/boot_id").read_text()
    identity = json.dumps([machine, place, about.st_dev, about.st_ino])
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def recorded(store: Root) -> Service | None:
    """Return the record of the ``seqclass up`` that runs for this root, with the password.

    None if that has ended, or is that of another root, from which this one was copied.
    """
    home = home_of(store)
    try:
        entries = json.loads((home / RECORD).read_text())
        pid, start = entries["supervisor"]
        if entries["mark"] != mark_of(store) or start_of(pid) != start:
            return None
        password = password_in(home) if entries["password"] else None
        return Service(entries["url"], entries["mark"], password)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def has_server(service: Service) -> bool:
    """Check whether a service has a server of its own that answers."""
    return answers(service.url) and any(is_server(pid) for pid in marked(service.mark))


def use_service(store: Root) -> None:
    """Let this process's flows use the server that a ``seqclass up`` of the root runs, if any.

    A configured server has precedence; if it is that of the root, its password is used.
    """
    from prefect.settings import get_current_settings

    last, api = recorded(store), get_current_settings().api
    if last is None or api.auth_string or api.url not in (None, last.url):
        return
    if has_server(last):
        use(last)


def may_have_server(store: Root) -> bool:
    """Check, without importing Prefect, whether its settings may name a server, or one runs.

    A profile that names the address of an API counts, whether or not it is the active one.
    """
    if os.environ.get("PREFECT_API_URL"):
        return True
    last = recorded(store)
    if last is not None and has_server(last):
        return True
    try:
        return "PREFECT_API_URL" in profiles_file().read_text(errors="replace")
    except OSError:
        return False


def use(service: Service, settings: Mapping[str, object] | None = None) -> None:
    """Let this process's flows use a server, with further settings of Prefect."""
    from prefect.settings import temporary_settings

    os.environ.update(service.access)
    _for_good.enter_context(temporary_settings({**client_settings(service), **(settings or {})}))


def client_settings(service: Service) -> dict[str, str]:
    names = {"PREFECT_API_URL": "api.url", "PREFECT_API_AUTH_STRING": "api.auth_string"}
    return {names[key]: value for key, value in service.access.items()}


@contextlib.contextmanager
def client_of(service: Service) -> Iterator[Any]:
    """Provide a client of a service's server."""
    from prefect.client.orchestration import get_client
    from prefect.settings import temporary_settings

    with temporary_settings(client_settings(service)), get_client(sync_client=True) as client:
        yield client


@contextlib.contextmanager
def server_may_be_away() -> Iterator[None]:
    """Leave the block if the server is down; the caller tries again later."""
    import httpx
    from prefect.exceptions import PrefectException

    with contextlib.suppress(httpx.HTTPError, PrefectException, RuntimeError):
        yield


_for_good = contextlib.ExitStack()


def record(store: Root, service: Service) -> None:
    """Write the record of a service that this process supervises.

    The password has a file of its own. The start of this process is recorded too, because a later
    process may have the same number.
    """
    pid, has_password = os.getpid(), service.password is not None
    entries = asdict(service) | {"password": has_password, "supervisor": (pid, start_of(pid))}
    write_privately(home_of(store) / RECORD, json.dumps(entries))


def prefect_url() -> str | None:
    """Return the address of the API that flows use, from the environment or the profile."""
    from prefect.settings import get_current_settings

    return get_current_settings().api.url


def answers(url: str) -> bool:
    """Check whether a Prefect server is at an address: healthy, or asking for a password."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as reply:  # noqa: S310 - loopback
            return reply.read().strip() == b"true"
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except (HTTPException, ValueError, OSError):
        return False


def choose_port(port: int) -> int:
    """Return the port if it is free; 0 means any free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCAL, port))
            return int(probe.getsockname()[1])
        except (OSError, OverflowError) as error:
            problem = error
    url = local_url(port)
    use = f"set PREFECT_API_URL={url} to use the server there, or " if answers(url) else ""
    raise ValueError(
        f"--port: expected a free port, got {port} ({problem}); {use}choose another with --port"
    )


def local_url(port: int) -> str:
    return f"http://{LOCAL}:{port}/api"


def start_server(
    home: Path, service: Service, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Start a server whose database is in ``home``, or in ``PREFECT_HOME`` if that is set."""
    words = [sys.executable, "-P", "-m", SERVER, str(service.port)]
    surroundings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_UI_API_URL": service.url,
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": str(SLOT_WAIT_S),
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": str(LATE_S),
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": f"{PruneSpec.days * 86_400:.0f}",
        **environment,
        **server_settings(service.port, service.password or make_password(home)),
    }
    surroundings.pop("PREFECT_API_URL", None)
    return begin(words, surroundings, home / "server.log", PRIVATE_UMASK)


def await_server(service: Service, process: subprocess.Popen[bytes], home: Path) -> None:
    deadline = time.monotonic() + SERVER_LIMIT_S
    while not answers(service.url):
        if process.poll() is not None or time.monotonic() > deadline:
            raise ValueError(
                f"server: expected it to answer at {service.url}, it "
                f"{'ended' if process.poll() is not None else 'did not'}; see {home}/server.log"
            )
        time.sleep(0.1)


def mark_environment(service: Service) -> dict[str, str]:
    """Return the environment of every process of a service."""
    return {**os.environ, MARK: service.mark, "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO"}


def is_server(pid: int) -> bool:
    return SERVER in command_of(pid)
