"""The requests that a server lets through: within its limits, with its token, and from no page of
another site. A refusal is a status of HTTP and one line that says why.
"""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

OPEN_PATHS = {"/v2/health/live", "/v2/health/ready"}
"""Paths that are answered without a token."""

Scope = MutableMapping[str, Any]
Messages = Callable[..., Awaitable[Any]]
Application = Callable[[Scope, Messages, Messages], Awaitable[None]]


@dataclass(frozen=True)
class RequestLimits:
    """Upper limits of requests.

    body_bytes: of a request's body. series: of a request. steps: of its longest series. values:
    series times steps times channels of a request. seconds: from the first byte of a body to the
    answer. waiting: values of all requests together that are not answered yet.

    A committee needs 9 to 60 microseconds a value on an idle core. The largest request takes at
    most 8 s there, and the longest series 2 s, so a core that is shared by four answers in time.
    """

    body_bytes: int = 2**24
    series: int = 4096
    steps: int = 2**15
    values: int = 2**17
    seconds: int = 30
    waiting: int = 2**18

    def check(self, place: str, **sizes: int) -> None:
        """Refuse sizes, named as their limits, that are above them."""
        for name, size in sizes.items():
            most, unit = getattr(self, name), name.removeprefix("body_")
            if size > most:
                raise HttpRefusal(
                    413, f"{place}: expected at most {most:,} {unit}, got {size:,}; send less at a "
                    f"time, or raise the server's --limit {name}",
                )  # fmt: skip


class HttpRefusal(Exception):  # noqa: N818 - most are no fault of the server
    """A request that is not answered: its status of HTTP, and why in one line."""

    def __init__(self, status: int, problem: str) -> None:
        super().__init__(problem)
        self.status, self.problem = status, problem


def bad(problem: str) -> HttpRefusal:
    """Return the refusal of a request that is malformed."""
    return HttpRefusal(400, problem)


@dataclass(frozen=True)
class Access:
    """The token and the host names that a request must bring; None asks for none.

    hosts keep out pages of other sites that have bound a name of theirs to this machine.
    """

    token: str | None
    hosts: tuple[str, ...] | None = None

    def check(self, scope: Scope) -> None:
        """Refuse a request with 401 or 403 that may not ask."""
        headers = {key: value.decode("latin-1") for key, value in scope["headers"]}
        if self.hosts is not None:
            named = {"host": f"//{headers.get(b'host', '')}"}
            if (origin := headers.get(b"origin")) is not None:
                named["origin"] = origin
            for header, url in named.items():
                if _host_of(url) not in self.hosts:
                    expected, got = " or ".join(self.hosts), url[:80].lstrip("/")
                    raise HttpRefusal(403, f"{header}: expected {expected}, got {got!r}")
        if self.token is None or scope["path"] in OPEN_PATHS:
            return
        scheme, _, given = headers.get(b"authorization", "").partition(" ")
        right = hmac.compare_digest(given.encode("latin-1"), self.token.encode())
        if scheme.lower() != "bearer" or not right:
            raise HttpRefusal(
                401, "authorization: expected 'Bearer' and this server's token, got none or another"
            )  # fmt: skip


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


class Gate:
    """Middleware that lets through what ``Access`` allows, and tells the status of every answer.

    refuse: sends a refusal.
    """

    def __init__(
        self, app: Application, access: Access, refuse: Callable[[HttpRefusal], Application],
        saw: Callable[[int], None],
    ) -> None:  # fmt: skip
        self._app, self._access, self._refuse, self._saw = app, access, refuse, saw

    async def __call__(self, scope: Scope, receive: Messages, send: Messages) -> None:
        """Answer a request, by a refusal or by the application."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def seen(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                self._saw(message["status"])
            await send(message)

        app = self._app
        try:
            self._access.check(scope)
        except HttpRefusal as refusal:
            app = self._refuse(refusal)
        await app(scope, receive, seen)
