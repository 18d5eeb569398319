"""Access control in front of every Prefect server that this project starts, and limits on alerts.

Prefect asks for the password. Before that, a request must name this machine, which excludes rebound
names of other sites, and must not come from a page of another origin. Alerts go
to no other address than the block's own, and none is quoted in full.
"""

import contextlib
import logging
import os
import re
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqclass.settings_files import ignore_current_folder

ALERT_LOG = "prefect.server.utilities.messaging.memory"
"""The logger that reports an alert that could not be sent, with the traceback."""
ADDRESS = re.compile(r"(\w+://)(?:[^\s/'\"]*@)?([^\s/?#'\"]*)[^\s'\"]*")


def shorten_addresses(text: str) -> str:
    """Return a text whose addresses end after the host, since the rest may be a password."""
    return ADDRESS.sub(r"\1\2/…", text)


class ShortAddresses(logging.Filter):
    """Filter that shortens the addresses in a message and in its traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = shorten_addresses(record.getMessage()), None
        if record.exc_info:
            record.exc_text = shorten_addresses(
                logging.Formatter().formatException(record.exc_info)
            )
        return True


LOCAL = "127.0.0.1"
HOSTS = (LOCAL, "localhost")
PRIVATE_UMASK = 0o077

Messages = Callable[..., Awaitable[Any]]
Application = Callable[[MutableMapping[str, Any], Messages, Messages], Awaitable[None]]


def origins(port: int) -> tuple[str, ...]:
    """Return origins of the server's own pages."""
    return tuple(f"http://{host}:{port}" for host in HOSTS)


def server_settings(port: int, password: str) -> dict[str, str]:
    """Return the environment of a server that requires a password and allows only its own pages."""
    return {
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": ",".join(origins(port)),
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
    }


@dataclass(frozen=True)
class OwnOrigin:
    """Middleware that refuses requests and WebSockets from pages of another origin."""

    app: Application
    allowed: tuple[str, ...]

    async def __call__(
        self, scope: MutableMapping[str, Any], receive: Messages, send: Messages
    ) -> None:
        from starlette.responses import PlainTextResponse

        stated = [value.decode("latin-1") for key, value in scope.get("headers", ())
                  if key == b"origin"]  # fmt: skip
        if set(stated) <= set(self.allowed):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse("foreign origin", status_code=403)(scope, receive, send)


def guarded(app: Any, port: int) -> Any:
    """Wrap a server's application: requests must name this machine and come from its own pages."""
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    return TrustedHostMiddleware(OwnOrigin(app, origins(port)), HOSTS, www_redirect=False)


def queue_writers() -> None:
    """Let transactions on a SQLite database wait for each other.

    Prefect begins most of them as readers. SQLite refuses a reader that wants to write after
    another has written meanwhile, whatever its busy timeout: "database is locked".
    """
    from prefect.server.database import dependencies
    from prefect.server.database.configurations import AioSqliteConfiguration
    from prefect.server.utilities.database import get_dialect
    from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL

    class Queued(AioSqliteConfiguration):
        def begin_transaction(self, session: Any, with_for_update: bool = False) -> Any:
            return super().begin_transaction(session, with_for_update=True)

    url = PREFECT_SERVER_DATABASE_CONNECTION_URL.value()
    if get_dialect(url).name == "sqlite":
        dependencies.MODELS_DEPENDENCIES["database_config"] = Queued(url)


def application(port: int, ephemeral: bool = False) -> Any:
    """Return the guarded application of a server, whose database is closed to other accounts and
    lets writers wait for each other."""
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    for file in Path(get_current_settings().home).glob("prefect.db*"):  # of an older server
        with contextlib.suppress(OSError):
            file.chmod(0o600)
    queue_writers()
    return guarded(create_app(ephemeral=ephemeral, final=True), port)


def serve(port: int) -> None:
    """Run a server on loopback until it is stopped.

    None of its alerts follows a redirect, and no log quotes the address of one.
    """
    import uvicorn
    from apprise import AppriseAsset
    from prefect.settings import get_current_settings

    AppriseAsset.http_redirects = False
    logging.getLogger(ALERT_LOG).addFilter(ShortAddresses())
    server = get_current_settings().server
    uvicorn.run(
        application(port), host=LOCAL, port=port,
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
        log_level=server.logging_level.lower(),
    )  # fmt: skip


if __name__ == "__main__":
    ignore_current_folder()
    os.umask(PRIVATE_UMASK)
    serve(int(sys.argv[1]))
