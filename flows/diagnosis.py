"""What can be wrong with an installation, and what to do about it."""

import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from importlib import metadata, util
from typing import Any

from storage.root import Root, open_root

LEAST_FREE_BYTES = 2 * 10**9


def diagnose(root: str | None, settings: Mapping[str, str]) -> list[dict[str, Any]]:
    """Findings, each with ``what``, ``ok``, ``found`` and ``advice``."""
    store = open_root(root)
    checks = [_python(), _tensorflow(), _prefect(), *_storage(store), _server(), _privacy(settings)]
    return [
        {"what": what, "ok": ok, "found": found, "advice": "" if ok else advice}
        for what, ok, found, advice in checks
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
    found = ", ".join(f"{k} {v}" for k, v in installed.items()) or "not installed"
    one = len(installed) == 1 and util.find_spec("tensorflow") is not None
    advice = "uninstall both and install one" if len(installed) > 1 else "run make install"
    return "tensorflow", one, found, advice


def _prefect() -> Check:
    version = metadata.version("prefect")
    ok = version.startswith("3.") and int(version.split(".")[1]) >= 9
    return "prefect", ok, version, "install prefect 3.9 or newer"


def _storage(store: Root) -> list[Check]:
    if not store.is_local:
        return [("storage root", True, store.url, "")]
    folder = store.path
    while not os.path.exists(folder):
        folder = os.path.dirname(folder)
    free = shutil.disk_usage(folder).free
    writable = os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)
    return [
        ("storage root", writable, store.path, "make it writable or choose another with --root"),
        ("free space", free > LEAST_FREE_BYTES, f"{free / 1e9:.1f} GB", "free some space"),
    ]


def _server() -> Check:
    url = prefect_url()
    if not url:
        return "prefect server", True, "none configured; flows start a throw-away one", ""
    problem = server_problem(url)
    advice = "start it with 'prefect server start', or unset PREFECT_API_URL"
    return "prefect server", problem is None, problem or url, advice


def prefect_url() -> str | None:
    """Address of the API that flows use, from the environment, a file or the profile."""
    from prefect.settings import get_current_settings

    return get_current_settings().api.url


def server_problem(url: str) -> str | None:
    """What is wrong with a server's address; None where it answers."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=10):  # noqa: S310 - the user's own URL
            return None
    except urllib.error.HTTPError:
        return None  # it answers, though it keeps its health to itself
    except (urllib.error.URLError, ValueError, OSError) as error:
        return f"{url} ({error})"


def _privacy(settings: Mapping[str, str]) -> Check:
    key = "DO_NOT_TRACK"
    value = os.environ.get(key, settings[key])
    return "telemetry", value == "1", f"{key}={value}", f"set {key}=1"
