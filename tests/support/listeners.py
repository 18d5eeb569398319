"""A server on loopback that notes what it is asked, and answers as a test says."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Request(NamedTuple):
    """What was asked: the path, the headers as text, and the body."""

    path: str
    headers: str
    body: bytes


class Listener(NamedTuple):
    """The port and address of a server, and what it was asked so far."""

    port: int
    url: str
    requests: list[Request]


@contextmanager
def listening(
    replies: Mapping[str, bytes] | None = None, status: int = 200, **headers: str
) -> Iterator[Listener]:
    """Answer GET and POST with a status and these headers.

    replies: the bodies by path, with 404 for every other path; None: an empty body for every path.
    """
    requests: list[Request] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            requests.append(Request(self.path, str(self.headers), body))
            is_there = replies is None or self.path in replies
            self.send_response_only(status if is_there else 404)
            for name, value in {"Date": self.date_time_string(), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write((replies or {}).get(self.path, b"" if is_there else b"{}"))

        do_POST = do_GET  # noqa: N815 - its name is given

        def log_message(self, *_: object) -> None:
            """Keep still."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Listener(server.server_port, f"http://127.0.0.1:{server.server_port}", requests)
        server.shutdown()
