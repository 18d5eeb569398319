"""Buckets of moto's server, on a port of loopback."""

import contextlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

ACCESS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Requests:
    """A WSGI application that counts the requests that another answers, one at a time.

    So moto's comparison and its write are one step, as those of S3 are. written: how often each
    object was written, by its path.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self.count, self.written = 0, Counter[str]()
        self._app, self._turn = app, threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        def answer(status: str, *words: Any) -> Any:
            if environ["REQUEST_METHOD"] == "PUT" and status.startswith("200"):
                self.written[environ["PATH_INFO"]] += 1
            return start_response(status, *words)

        with self._turn:
            self.count += 1
            return list(self._app(environ, answer))


@contextlib.contextmanager
def endpoint() -> Iterator[tuple[Requests, str]]:
    """Provide the URL of an S3 endpoint, and what counts its requests."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    requests = Requests(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, requests, True, request_handler=MotoRequestHandler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    yield requests, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    serving.join()
