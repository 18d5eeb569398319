"""The application that answers over HTTP, its counters, and the settings of its server."""

import asyncio
import contextlib
import time
from collections import Counter as Tally
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

import orjson
import prometheus_client as prometheus
import uvicorn
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from seqclass.serving.access import Access, Gate, HttpRefusal, RequestLimits
from seqclass.serving.batching import Batches
from seqclass.serving.protocol import (
    OUTPUTS,
    answers_in_words,
    read_request,
    response,
    tensors_of,
)
from seqclass.serving.request_log import RequestLog
from seqclass.serving.versions import ServedModels, ServedVersion

FOLLOW_S = 2.0
"""Seconds between two looks for new champions."""
LOG_S = 10.0
"""Seconds between two writes of answered requests, if they are kept."""
GRACE_S = 10
"""Seconds that requests which came before the end may take."""
JSON = "application/json"
MORE_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": "5"}}
"""Headers of refusals by their status."""
FAULT = HttpRefusal(500, "a fault of this server; its output says more")
GONE = HttpRefusal(499, "client: expected it to wait for its answer, it left")
"""The status is that of nginx; nobody receives it, but it is counted."""
Say = Callable[[str], None]
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class ServingSettings:
    """Settings of a server: who may ask, how much, how often champions are looked up, and what
    keeps requests, if they are kept."""

    access: Access
    limits: RequestLimits = field(default_factory=RequestLimits)
    follow_s: float = FOLLOW_S
    log: RequestLog | None = None


def create_app(models: ServedModels, settings: ServingSettings, say: Say = print) -> FastAPI:
    """Return an application that answers with these models by the Open Inference Protocol.

    say: is told each change of a champion, and requests that could not be logged.
    """
    server = _Server(models, settings, say)
    app = FastAPI(
        title="seqclass", lifespan=server.lifespan, docs_url=None, redoc_url=None, openapi_url=None,
        exception_handlers={HttpRefusal: _refused, HTTPException: _unknown, Exception: _failed},
    )  # fmt: skip
    app.add_middleware(
        Gate, access=settings.access, refuse=refusal_response, saw=server.measures.saw_response
    )
    for path, call in {
        "/v2": server.about, "/v2/health/live": _fine, "/v2/health/ready": _fine,
        "/metrics": server.metrics,
    }.items():  # fmt: skip
        app.add_api_route(path, call, response_model=None)
    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
        app.add_api_route(path, server.model, response_model=None)
        app.add_api_route(f"{path}/ready", server.ready, response_model=None)
        app.add_api_route(f"{path}/infer", server.infer, methods=["POST"], response_model=None)
    return app


class _Server:
    """The calls of the protocol, for some models."""

    def __init__(self, models: ServedModels, settings: ServingSettings, say: Say) -> None:
        self.measures = Measures()
        self._models, self._settings, self._say = models, settings, say
        self._log = settings.log
        self._batches = Batches(settings.limits.waiting, self.measures.saw_batch)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        work = (
            self._batches.run(),
            self._again(self._settings.follow_s, self._models.refresh),
            *([] if self._log is None else [self._again(LOG_S, self._log.flush)]),
        )
        tasks = [asyncio.create_task(coroutine) for coroutine in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            self._batches.close()
            if self._log is not None:
                self._tell(self._log.flush)

    async def _again(self, every_s: float, lines: Callable[[], Iterator[str]]) -> None:
        """Do something in a thread again and again, and say the lines that it yields."""
        while True:
            await asyncio.sleep(every_s)
            await asyncio.to_thread(self._tell, lines)

    def _tell(self, lines: Callable[[], Iterator[str]]) -> None:
        try:
            for line in lines():
                self._say(line)
        except Exception as error:
            self._say(f"a fault of this server: {type(error).__name__}: {error}")

    async def about(self) -> Response:
        version = metadata.version("sequence-classification")
        return _json({"name": "seqclass", "version": version, "extensions": []})

    async def model(self, name: str, version: str | None = None) -> Response:
        served = self._models.find(name, version)
        return _json({**served.metadata(), "versions": self._models.versions(name)})

    async def ready(self, name: str, version: str | None = None) -> Response:
        self._models.find(name, version)
        return Response()

    async def metrics(self) -> Response:
        return Response(self.measures.text(self._models), media_type="text/plain; version=0.0.4")

    async def infer(self, request: Request, name: str, version: str | None = None) -> Response:
        began, seconds = time.perf_counter(), self._settings.limits.seconds
        served = self._models.find(name, version)
        body = None
        try:
            async with asyncio.timeout(seconds):
                body = await self._body(request)
                content, answers = await _while_connected(request, self._answer(body, served))
        except TimeoutError:
            if body is None:
                raise HttpRefusal(
                    408, f"body: expected all of it within {seconds} s, got a part; send it faster"
                ) from None
            raise HttpRefusal(
                503, f"server: expected to answer within {seconds} s, it is busy; try again"
            ) from None
        except ClientDisconnect:
            raise GONE from None
        self.measures.saw_answers(served, answers, time.perf_counter() - began)
        return Response(content, media_type=JSON)

    async def _answer(self, body: bytes, served: ServedVersion) -> tuple[bytes, list[str]]:
        """Return the body of the answer, and the answers themselves."""
        scorer = served.scorer
        asked = read_request(body, scorer.channels, tuple(OUTPUTS), self._settings.limits)
        answers = await self._batches.answer(served, asked.series, asked.lengths)
        tensors = tensors_of(answers, asked.outputs or tuple(OUTPUTS), scorer)
        logged = None if self._log is None else self._log.add(served, asked, answers)
        content = response((served.name, served.label), asked.id, logged, tensors)
        return content, answers_in_words(scorer, answers)

    async def _body(self, request: Request) -> bytes:
        """Read a body of JSON that is no longer than it may be."""
        kind = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
        if kind != JSON:
            raise HttpRefusal(400, f"content-type: expected {JSON}, got {kind[:80]!r}")
        if "inference-header-content-length" in request.headers:
            raise HttpRefusal(400, "body: expected JSON alone, got the binary data extension")
        if request.headers.get("content-encoding", "identity") != "identity":
            raise HttpRefusal(400, "content-encoding: expected none, got a compressed body")
        limits, body = self._settings.limits, bytearray()
        limits.check("body", body_bytes=int(request.headers.get("content-length", 0)))
        async for part in request.stream():
            body += part
            limits.check("body", body_bytes=len(body))
        return bytes(body)


async def _while_connected(
    request: Request, work: Coroutine[Any, Any, tuple[bytes, list[str]]]
) -> tuple[bytes, list[str]]:
    """Return what work gives; ClientDisconnect, and an end of the work, if the client leaves."""
    asking, leaving = asyncio.ensure_future(work), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait((asking, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not asking.done():
            raise ClientDisconnect
        return asking.result()
    finally:
        asking.cancel()
        leaving.cancel()


async def _fine() -> Response:
    return Response()


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type=JSON)


def refusal_response(refusal: HttpRefusal, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer to a request that is refused."""
    if refusal.status in MORE_HEADERS:
        headers = MORE_HEADERS[refusal.status]
    content = orjson.dumps({"error": " ".join(refusal.problem.split())})
    return Response(content, refusal.status, headers, JSON)


async def _refused(request: Request, error: Any) -> Response:
    return refusal_response(error)


async def _unknown(request: Request, error: Any) -> Response:
    place = f"{request.method} {request.url.path[:80]}"
    problem = f"path: expected a call of the Open Inference Protocol, got {place}"
    if error.status_code == 405:
        problem = f"method: expected {error.headers['Allow']}, got {place}; use that method"
    return refusal_response(HttpRefusal(error.status_code, problem), error.headers)


async def _failed(request: Request, error: Any) -> Response:
    return refusal_response(FAULT)


class Measures:
    """Counters of one server, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = registry = prometheus.CollectorRegistry()
        self._responses = prometheus.Counter(
            "seqclass_serve_responses", "Answers by their status of HTTP.", ["code"],
            registry=registry,
        )  # fmt: skip
        self._seconds = prometheus.Histogram(
            "seqclass_serve_seconds", "From a request for answers to its answer.", ["model"],
            buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self._batch = prometheus.Histogram(
            "seqclass_serve_batch_series", "Series that were answered together.",
            buckets=ROWS, registry=registry,
        )  # fmt: skip
        self._answers = prometheus.Counter(
            "seqclass_serve_answers", "Answered series by their answer.",
            ["model", "version", "answer"], registry=registry,
        )  # fmt: skip
        self._version = prometheus.Gauge(
            "seqclass_serve_version", "1 for the version that answers where none is named.",
            ["model", "version"], registry=registry,
        )  # fmt: skip

    def saw_response(self, status: int) -> None:
        """Count an answer of any kind."""
        self._responses.labels(status).inc()

    def saw_batch(self, n_series: int) -> None:
        """Count a batch."""
        self._batch.observe(n_series)

    def saw_answers(self, served: ServedVersion, answers: Sequence[str], seconds: float) -> None:
        """Count the answers of a request."""
        self._seconds.labels(served.name).observe(seconds)
        for answer, n in Tally(answers).items():
            self._answers.labels(served.name, served.label, answer).inc(n)

    def text(self, models: Iterable[ServedVersion]) -> bytes:
        """Return all in Prometheus's text format."""
        self._version.clear()
        for served in models:
            self._version.labels(served.name, served.label).set(1)
        return prometheus.generate_latest(self._registry)


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
