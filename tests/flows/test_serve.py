"""``seqclass serve`` as a process: its start, its token, its end, and what its page shows."""

import asyncio
import json
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from seqclass.flows.cli.serving_commands import bound, say_ready
from seqclass.serving.versions import ServedModels
from seqclass.store.root import open_root
from tests.support.answering_server import asked, outputs
from tests.support.commands import in_python
from tests.support.places import REPOSITORY
from tests.support.service import surroundings
from tests.support.stored import make_champion, register, store_series

ROOT, IMPORTS = "storage/artifacts", "imports.txt"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose default root has a champion ``toy``."""
    folder = tmp_path_factory.mktemp("serving")
    root = open_root(folder / ROOT)
    for model in register(store_series(root, n=90)):
        make_champion(root, "toy", model.version, int(model.version[1:]))
    return folder


def of_root(folder: Path) -> dict[str, str]:
    return surroundings(SEQCLASS_STORAGE=str(folder / ROOT))


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen, dict]]:
    """The command in this folder, once it is ready, and what it says then.

    Every module that it imports is a line of ``imports.txt``.
    """
    with open(folder / IMPORTS, "w") as imports:
        process = subprocess.Popen(
            [sys.executable, "-X", "importtime", "-m", "seqclass.flows", "serve", "toy",
             "--port", "0", "--json", *words],
            cwd=folder, env=of_root(folder), stdout=subprocess.PIPE, stderr=imports, text=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.wait()
        yield process, json.loads(line)
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def ready(folder: Path) -> Iterator[tuple[subprocess.Popen, dict]]:
    with serving(folder) as server:
        yield server


def test_every_version_that_answers_is_named_with_its_place(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = ServedModels(open_root(folder / ROOT), ["toy", "toy@v1"])
    say_ready(served, "http://here", None, 0.0, False)
    lines = re.sub(r"-[0-9a-f]{16}", "", capsys.readouterr().out).splitlines()
    assert lines[1:3] == [
        "toy: v2 answers POST http://here/v2/models/toy/infer",
        "toy: v1 answers POST http://here/v2/models/toy/versions/v1/infer",
    ]


def imported(folder: Path) -> list[str]:
    """Modules that the server has imported."""
    lines = (folder / IMPORTS).read_text().splitlines()
    return [line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")]


def test_it_answers_whoever_has_the_token_of_the_root(
    folder: Path, ready: tuple[subprocess.Popen, dict]
) -> None:
    """The first answer imports nothing: the server says that it is ready when it is."""
    answer, token = ready[1], folder / ROOT / ".service" / "token"
    assert (answer["token"], list(answer["models"])) == (str(token), ["toy"])
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    with httpx.Client(base_url=answer["url"], timeout=60) as client:
        question, path = asked([[[1.0], [None]]]), "/v2/models/toy/infer"
        assert client.post(path, json=question).status_code == 401
        before = imported(folder)
        reply = client.post(path, json=question, headers=headers)
    assert "uvicorn.server" in before
    assert imported(folder)[len(before) :] == []
    assert outputs(reply)["answer"]
    assert reply.json()["model_version"] == answer["models"]["toy"]


def test_what_the_page_shows_works(folder: Path, ready: tuple[subprocess.Popen, dict]) -> None:
    page = (REPOSITORY / "docs" / "serving.md").read_text()
    page = page.replace("http://127.0.0.1:8080", ready[1]["url"]).replace("signals", "toy")
    [_, curl] = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    python = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    if shutil.which("curl"):
        reply = subprocess.run(["sh", "-c", curl], cwd=folder, capture_output=True, check=True)
        assert json.loads(reply.stdout)["model_name"] == "toy"
    process = in_python(python, cwd=folder)
    assert (process.returncode, process.stdout[:3]) == (0, "v2-"), process.stderr


@pytest.mark.skipif(not shutil.which("curl"), reason="it is a command of curl")
def test_the_request_that_it_prints_is_answered(
    folder: Path, ready: tuple[subprocess.Popen, dict], capsys: pytest.CaptureFixture[str]
) -> None:
    served = ServedModels(open_root(folder / ROOT), ["toy"])
    say_ready(served, ready[1]["url"], Path(ready[1]["token"]), 0.0, False)
    [command] = re.findall(r"^ask: +(curl .*)$", capsys.readouterr().out, re.M)
    reply = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    assert json.loads(reply.stdout)["model_name"] == "toy"


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.system)]
)
def test_a_signal_ends_it_without_a_trace(folder: Path, number: signal.Signals) -> None:
    """A token of one's own is taken, and nothing but the token stays in the root."""
    token = folder / f"token-{number}"
    token.write_text("a-token-of-my-own\n")
    token.chmod(0o600)
    before = sorted(Path(folder, "storage").rglob("*"))
    with serving(folder, "--token-file", str(token)) as (process, answer):
        headers = {"Authorization": "Bearer a-token-of-my-own"}
        assert httpx.get(f"{answer['url']}/v2", headers=headers).status_code == 200
        process.send_signal(number)
        assert process.wait(timeout=120) == 0
    assert sorted(Path(folder, "storage").rglob("*")) == before


def test_a_port_that_is_taken_and_a_shared_token_are_refused(
    folder: Path, ready: tuple[subprocess.Popen, dict]
) -> None:
    port = ready[1]["url"].rpartition(":")[2]
    shared = folder / "shared"
    shared.write_text("a-token-that-others-read")
    shared.chmod(0o644)
    others = shutil.ignore_patterns(".service")
    fresh = shutil.copytree(folder / ROOT, folder / "fresh", ignore=others)
    for words, says in (
        (("--port", port, "--root", str(fresh)), "expected an address of this machine and a free"),
        (("--port", "0", "--token-file", str(shared)), "only you may read"),
    ):
        process = subprocess.run(
            [sys.executable, "-m", "seqclass.flows", "serve", "toy", *words], cwd=folder,
            env=of_root(folder), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (process.returncode, process.stderr.count("\n")) == (2, 1), process.stderr
        assert says in process.stderr
    assert not (fresh / ".service").exists()


def test_what_is_written_is_sent_at_once() -> None:
    """Else each answer waits for the client to acknowledge its head, 40 ms on Linux."""
    connections = []

    class Closed(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            connection = transport.get_extra_info("socket")
            connections.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    async def connect() -> None:
        listener = bound("127.0.0.1", 0)
        server = await asyncio.get_running_loop().create_server(Closed, sock=listener)
        async with server:
            reader, writer = await asyncio.open_connection(*listener.getsockname()[:2])
            assert await reader.read() == b""
            writer.close()

    asyncio.run(connect())
    assert connections == [1]
