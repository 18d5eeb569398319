"""HTTP connections that are closed when no request comes in time."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

GRACE_S = 10
"""Seconds that requests which came before the end may take."""


class PromptConnection(H11Protocol):
    """uvicorn's HTTP/1.1, which by itself waits for the rest of a request's head for ever.

    head_s: seconds that a connection has for the head of its next request.
    """

    head_s = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_request(None)

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        answered = self.cycle
        super().on_response_complete()  # may begin the next request
        self._await_request(answered)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        if self._timer is not None:
            self._timer.cancel()

    def _await_request(self, last: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.head_s, self._close_after, last)

    def _close_after(self, last: Any) -> None:
        """Close the connection if no request came after the last one."""
        if self.cycle is last:
            self.transport.close()


def server_config(app: Any, **changed: Any) -> uvicorn.Config:
    """Return the settings of the server of an application."""
    settings = {"log_level": "warning", "access_log": False, "server_header": False,
                "timeout_graceful_shutdown": GRACE_S, **changed}  # fmt: skip
    return uvicorn.Config(app, http=PromptConnection, **settings)
