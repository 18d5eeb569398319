"""A server of answers in this process, for as long as a block lasts."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import httpx
import uvicorn

from seqclass.serving.access import Access, RequestLimits
from seqclass.serving.app import ServingSettings, create_app, server_config
from seqclass.serving.request_log import RequestLog
from seqclass.serving.versions import ServedModels
from tests.support.waiting import until

TOKEN = "a-token-of-the-tests"  # noqa: S105
LOCAL = ("127.0.0.1", "localhost")


@contextlib.contextmanager
def answering(
    models: ServedModels,
    limits: RequestLimits | None = None,
    said: list[str] | None = None,
    log: RequestLog | None = None,
) -> Iterator[httpx.Client]:
    """Serve models on a free port; gives a client that brings the token.

    said: takes what the server says of champions, which it looks up every twentieth of a second.
    """
    settings = ServingSettings(Access(TOKEN, LOCAL), limits or RequestLimits(), 0.05, log)
    app = create_app(models, settings, [].append if said is None else said.append)
    server = uvicorn.Server(server_config(app))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until(lambda: server.started)
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            headers = {"Authorization": f"Bearer {TOKEN}"}
            with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()


def asked(series: list, **more: object) -> dict:
    """A request for answers to series of equal length."""
    shape = [len(series), len(series[0]), len(series[0][0])]
    tensor = {"name": "series", "shape": shape, "datatype": "FP32", "data": series}
    return {"inputs": [tensor], **more}


def outputs(reply: httpx.Response) -> dict[str, list]:
    """The data of an answer's outputs by name."""
    assert reply.status_code == 200, reply.text
    return {output["name"]: output["data"] for output in reply.json()["outputs"]}
