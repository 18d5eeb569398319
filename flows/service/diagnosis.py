"""Diagnosis of an installation: possible problems and their solutions."""

import base64
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException
from importlib import metadata, util
from typing import Any

from typing_extensions import TypedDict

from seqclass.flows.service.automations import SILENT, STUCK, find
from seqclass.flows.service.server import HEARTBEAT_S, POOL, prefect_file, prefect_url, use_service
from seqclass.flows.service.worker import (
    deployments_of_file,
    job_template,
    online_workers,
    slugs_of_file,
)
from seqclass.store.capacity import capacity
from seqclass.store.inbox import MOVE, misplaced
from seqclass.store.objects import access_problem
from seqclass.store.root import Root, open_root

MIN_FREE_BYTES = 2 * 10**9
CLOCK_S = 30.0
LOCKED = (
    "it asks for another password; set PREFECT_API_AUTH_STRING: that of 'seqclass up' lies in "
    ".service/password of its root"
)


class Finding(TypedDict):
    """A part of the installation, its state, and what to do if it is not well."""

    what: str
    ok: bool
    found: str
    advice: str


def diagnose(root: str | None) -> list[Finding]:
    """Check every part."""
    store = open_root(root)
    checks = [
        _python(),
        _tensorflow(),
        _prefect(),
        ("machine", True, str(capacity()), ""),
        *(storage := _storage(store)),
        *(_inboxes(store) if storage[0][1] else ()),
        *_server(store),
        _privacy(),
    ]
    return [
        {"what": what, "ok": ok, "found": state, "advice": "" if ok else advice}
        for what, ok, state, advice in checks
    ]


Check = tuple[str, bool, str, str]


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return "python", sys.version_info >= (3, 11), version, "install Python 3.11 or newer"


def _tensorflow() -> Check:
    installed = {}
    for name in ("tensorflow", "tensorflow-cpu"):
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    state = ", ".join(f"{k} {v}" for k, v in installed.items()) or "not installed"
    ok = len(installed) == 1 and util.find_spec("tensorflow") is not None
    advice = "uninstall both and install one" if len(installed) > 1 else "install tensorflow-cpu"
    return "tensorflow", ok, state, advice


def _prefect() -> Check:
    version = metadata.version("prefect")
    ok = version.startswith("3.") and int(version.split(".")[1]) >= 9
    return "prefect", ok, version, "install prefect 3.9 or newer"


def _storage(store: Root) -> list[Check]:
    if not store.is_local:
        problem = access_problem(store.fs, store.path)
        state = f"{store.url} ({problem})" if problem else store.url
        return [("storage root", problem is None, state, "check its address, keys and name")]
    folder = store.path
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    writable = os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
    return [
        ("storage root", writable, store.path, "make it writable or choose another with --root"),
        ("free space", free > MIN_FREE_BYTES, f"{free / 1e9:.1f} GB", "free some space"),
    ]


def _inboxes(store: Root) -> list[Check]:
    """Return what lies beside the inboxes, if there is anything."""
    try:
        beside = misplaced(store)
    except OSError as error:
        return [("inboxes", False, str(error), "let this account read them")]
    return [("inboxes", False, f"beside them: {beside}", MOVE)] if beside else []


def _server(store: Root) -> list[Check]:
    """Check the server that is configured, or that ``seqclass up`` runs for this root."""
    use_service(store)
    url = prefect_url()
    if not url:
        none = "none configured; flows start a throw-away one, and 'seqclass up' one that stays"
        return [("prefect server", True, none, "")]
    if problem := server_problem(url):
        advice = "start it with 'seqclass up' or 'prefect server start', or unset PREFECT_API_URL"
        return [("prefect server", False, problem, advice)]
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        checks: tuple[Callable[[Any], Check], ...] = (_server_version, _clock, _service)
        results = [_asked(check, client) for check in checks]
        if results[-1][1] and _has_service(client):
            parts = (_pool, _worker, _deployments, _schedules, _automations)
            results[-1:] = [_asked(check, client) for check in parts]
        return [("prefect server", True, url, ""), *results]


def _asked(check: Callable[[Any], Check], client: Any) -> Check:
    """Return the result of a check, or the error of asking the server."""
    from httpx import HTTPError

    name = check.__name__.strip("_").replace("_", " ")
    try:
        return check(client)
    except HTTPError as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        return name, False, problem, "look into the server's log; see PREFECT_API_AUTH_STRING"


def _server_version(client: Any) -> Check:
    theirs, ours = client.api_version(), metadata.version("prefect")
    same = theirs.split(".")[:2] == ours.split(".")[:2]
    state = theirs if same else f"{theirs}, but {ours} here"
    return "server version", same, state, f"install prefect {theirs} here, or {ours} there"


def _clock(client: Any) -> Check:
    before = datetime.now(UTC)
    stated = client.hello().headers.get("date")
    if stated is None:
        return "clock", True, "the server does not tell its time", ""
    off_s = (parsedate_to_datetime(stated) - before).total_seconds()
    advice = "set both clocks by a time server: schedules and late runs go by the server's clock"
    return "clock", abs(off_s) < CLOCK_S, f"{off_s:+.0f} s from here to the server", advice


def _service(client: Any) -> Check:
    """Check the service's parts on the server; a server may also run for commands only."""
    state = "pool or deployments there" if _has_service(client) else (
        "none on this server: flows run within the commands; 'seqclass up' makes one"
    )  # fmt: skip
    return "service", True, state, ""


def _has_service(client: Any) -> bool:
    from seqclass.flows.dispatch import read_all

    entrypoints = {entrypoint for entrypoint, _ in deployments_of_file()}
    deployed = any(d.entrypoint in entrypoints for d in read_all(client.read_deployments))
    return deployed or any(pool.name == POOL for pool in client.read_work_pools())


def _pool(client: Any) -> Check:
    from prefect.exceptions import ObjectNotFound

    advice = "run 'seqclass up', or create it as docs/operation.md says"
    try:
        pool = client.read_work_pool(POOL)
    except ObjectNotFound:
        return "work pool", False, f"no pool {POOL!r}", advice
    if pool.is_paused:
        return "work pool", False, f"{POOL} is paused", f"run 'prefect work-pool resume {POOL}'"
    if pool.base_job_template != job_template():
        open_door = f"{POOL} lets runs choose their command or environment"
        return "work pool", False, open_door, advice
    return "work pool", pool.type == "process", f"{POOL}, type {pool.type}", advice


def _worker(client: Any) -> Check:
    names = online_workers(client)
    state = ", ".join(names) or f"none online in pool {POOL!r}"
    command = f"PREFECT_FLOWS_HEARTBEAT_FREQUENCY={HEARTBEAT_S} prefect worker start --pool {POOL}"
    return "worker", bool(names), state, f"run 'seqclass up', or '{command}'"


def _deployments(client: Any) -> Check:
    from seqclass.flows.dispatch import read_all

    there = {(d.entrypoint, d.name) for d in read_all(client.read_deployments)}
    missing = [f"{entrypoint} ({name})" for entrypoint, name in deployments_of_file()
               if (entrypoint, name) not in there]  # fmt: skip
    state = f"missing: {', '.join(missing)}" if missing else f"{len(deployments_of_file())} there"
    advice = f"run 'prefect --no-prompt deploy --all' beside {prefect_file()}, or 'seqclass up'"
    return "deployments", not missing, state, advice


def _schedules(client: Any) -> Check:
    from seqclass.flows.dispatch import read_all

    deployments, slugs = set(deployments_of_file()), slugs_of_file()
    paused = [
        (f"{client.read_flow(deployment.flow_id).name}/{deployment.name}", schedule.id)
        for deployment in read_all(client.read_deployments)
        if (deployment.entrypoint, deployment.name) in deployments
        for schedule in deployment.schedules
        if schedule.slug in slugs and not schedule.active
    ]
    names = ", ".join(name for name, _ in paused)
    state = f"paused: {names}" if paused else f"{len(slugs)} active"
    resume = "; ".join(f"prefect deployment schedule resume {name} {id}" for name, id in paused)
    return "schedules", not paused, state, f"run '{resume}', or start 'seqclass up' again"


def _automations(client: Any) -> Check:
    missing = [name for name in (SILENT, STUCK) if find(name) is None]
    state = f"missing: {', '.join(missing)}" if missing else "dead runs are noticed"
    return "automations", not missing, state, "run 'seqclass up', which creates them"


def server_problem(url: str) -> str | None:
    """Return the problem with a server's address or its password; None if it responds."""
    asked = urllib.request.Request(f"{url}/admin/version", headers=_credentials())  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=10):  # noqa: S310 - the user's own URL
            return None
    except urllib.error.HTTPError as error:
        # Any other status is an answer.
        return f"{url} ({LOCKED})" if error.code == HTTPStatus.UNAUTHORIZED else None
    except (HTTPException, ValueError, OSError) as error:
        return f"{url} ({error})"


def answering_url() -> str | None:
    """Return the address of the server that is configured, None without one.

    ValueError if it does not answer.
    """
    url = prefect_url()
    if url and (problem := server_problem(url)):
        raise ValueError(
            f"PREFECT_API_URL: expected a Prefect server that answers, got {problem}; "
            "start it with 'seqclass up' or 'prefect server start', or unset the address"
        )
    return url


def _credentials() -> dict[str, str]:
    """Return the credentials that Prefect's client would send: the password, else the key."""
    from prefect.settings import get_current_settings

    api = get_current_settings().api
    if api.auth_string:
        words = base64.b64encode(api.auth_string.get_secret_value().encode()).decode()
        return {"Authorization": f"Basic {words}"}
    return {"Authorization": f"Bearer {api.key.get_secret_value()}"} if api.key else {}


def _privacy() -> Check:
    key = "DO_NOT_TRACK"
    value = os.environ.get(key, "not set")
    return "telemetry", value == "1", f"{key}={value}", f"set {key}=1"
