"""A headless Chromium, spoken to by its DevTools protocol."""

import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-port=0", "--host-resolver-rules=MAP rebound.example 127.0.0.1",
)  # fmt: skip
WAIT_S = 60.0


def find_chromium() -> str:
    """Where it is; a machine without one skips, CI fails."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None and os.environ.get("SEQCLASS_NEEDS_CHROMIUM"):
        pytest.fail("chromium: expected on the PATH, since .ci/run installs it")
    if program is None:
        pytest.skip("chromium is not installed")
    return program


class Page:
    """The one tab of a browser."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.numbers = socket, itertools.count()
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self.numbers)
        request = {"id": number, "method": method, "params": parameters}
        self.socket.send(json.dumps(request))
        while (heard := json.loads(self.socket.recv(timeout=WAIT_S))).get("id") != number:
            self.events.append(heard)
        assert "error" not in heard, heard
        return heard["result"]

    def go(self, url: str) -> None:
        self.call("Page.navigate", url=url)
        self.wait_for("document.readyState == 'complete' && location.href != 'about:blank'")

    def evaluate(self, script: str) -> Any:
        """The value of an expression, or of the promise that it is."""
        answer = self.call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, script: str) -> None:
        deadline = time.monotonic() + WAIT_S
        while not self.evaluate(f"Boolean({script})"):
            assert time.monotonic() < deadline, self.evaluate("document.body.innerText")
            time.sleep(0.1)

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)


@contextlib.contextmanager
def browse(folder: Path) -> Iterator[Page]:
    """A browser with an empty profile of its own."""
    command = [find_chromium(), *OPTIONS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
    with open(folder / "chromium.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        port = _port(process, folder / "chromium.log")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as reply:
            tab = next(tab for tab in json.load(reply) if tab["type"] == "page")
        with connect(tab["webSocketDebuggerUrl"], max_size=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait(timeout=120)


def _port(process: subprocess.Popen, log: Path) -> str:
    deadline = time.monotonic() + WAIT_S
    while not (match := re.search(r"DevTools listening on ws://127\.0\.0\.1:(\d+)/", _read(log))):
        assert process.poll() is None, _read(log)
        assert time.monotonic() < deadline, _read(log)
        time.sleep(0.05)
    return match[1]


def _read(log: Path) -> str:
    return log.read_text(errors="replace")
