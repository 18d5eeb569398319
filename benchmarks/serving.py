"""``seqclass serve`` under load: requests a second, waits, and answers while the champion changes.

``python -m benchmarks.serving MODEL [--root ROOT] [--seconds 20] [--clients 8] [--changes 10]``.
One series of 100 steps a request. Beside it the same network behind plain FastAPI and
``model.predict``. With ``--changes`` two versions of the model become champion in turn while the
load lasts, and every answer is compared with what the library says of the version that it names.
The processor time of the server is told too, since waits depend on what else the machine does.
"""

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.tables import as_table
from seqclass.loading import load_model
from seqclass.store.models import model_versions
from seqclass.store.registry import MoveReason, champion_of, move_champion
from seqclass.store.root import Root, open_root

STEPS, DRAWN = 100, 64
CLOSE = 1e-5

PLAIN = """
import sys
import keras, numpy, uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

model = keras.saving.load_model(sys.argv[1])
model.predict(numpy.zeros((1, 100, model.input_shape[-1]), "float32"), verbose=0)
app = FastAPI()

class Question(BaseModel):
    series: list[list[list[float]]]

@app.get("/v2/health/ready")
def ready() -> None: ...

@app.post("/predict")
def predict(question: Question) -> dict:
    found = model.predict(numpy.array(question.series, "float32"), verbose=0)
    found = found["probabilities"] if isinstance(found, dict) else found
    return {"probabilities": found.tolist()}

import socket
listener = socket.socket(proto=socket.IPPROTO_TCP)
listener.bind(("127.0.0.1", 0))
print("{\\"url\\": \\"http://127.0.0.1:%d\\"}" % listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run([listener])
"""


@dataclass
class Load:
    """Seconds of each answer that clients had, and failures."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    farthest: float = 0.0


@contextlib.contextmanager
def server(words: list[str]) -> Iterator[tuple[subprocess.Popen, dict[str, Any]]]:
    """A server, once it has said on one line of JSON where it is."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        yield process, json.loads(process.stdout.readline() if process.stdout else "")
    finally:
        process.terminate()
        process.wait()


def processor_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def request(url: str, path: str, token: str, body: dict[str, Any]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {url.removeprefix('http://')}\r\nAuthorization: Bearer "
        f"{token}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def ask(url: str, requests: list[bytes], until: float, load: Load, check: Any) -> None:
    """One client: one request after the other on one connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    number = 0
    while time.perf_counter() < until:
        row = number % len(requests)
        began = time.perf_counter()
        writer.write(requests[row])
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        content = await reader.readexactly(length)
        load.seconds.append(time.perf_counter() - began)
        if b" 200 " not in head.partition(b"\r\n")[0]:
            load.failed.append(content.decode())
        elif check is not None:
            check(row, json.loads(content), load)
        number += 1
    writer.close()


async def all_clients(
    url: str, requests: list[bytes], seconds: float, clients: int, check: Any = None
) -> Load:
    load, until = Load(), time.perf_counter() + seconds
    own = [requests[k:] + requests[:k] for k in range(clients)] if check is None else (
        [requests] * clients
    )  # fmt: skip
    await asyncio.gather(*(ask(url, one, until, load, check) for one in own))
    return load


def row_of(what: str, load: Load, seconds: float, processor: float) -> dict[str, Any]:
    waits = np.sort(load.seconds)
    return {
        "what": what, "requests": len(waits), "per_s": round(len(waits) / seconds),
        "p50_ms": round(1000 * float(np.quantile(waits, 0.5)), 1),
        "p99_ms": round(1000 * float(np.quantile(waits, 0.99)), 1),
        "server_ms_each": round(1000 * processor / len(waits), 2), "failed": len(load.failed),
    }  # fmt: skip


def drawn(channels: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((DRAWN, STEPS, channels), dtype=np.float32)


def questions(url: str, model: str, token: str, x: np.ndarray, wanted: list[str]) -> list[bytes]:
    outputs = [{"name": name} for name in wanted]
    return [
        request(url, f"/v2/models/{model}/infer", token, {
            "outputs": outputs,
            "inputs": [{"name": "series", "datatype": "FP32", "shape": [1, *one.shape],
                        "data": [round(float(v), 4) for v in one.ravel()]}],
        })
        for one in x
    ]  # fmt: skip


def steady(root: Root, model: str, seconds: float, clients: int) -> Iterator[dict[str, Any]]:
    words = [sys.executable, "-m", "seqclass.flows", "serve", model, "--port", "0", "--json",
             "--root", root.url]  # fmt: skip
    known = load_model(model, root=root.url)
    x = np.round(drawn(known.n_channels_), 4)
    with server(words) as (process, said):
        token = Path(said["token"]).read_text().strip()
        asked = questions(said["url"], model, token, x, ["probabilities", "answer", "reason"])
        asyncio.run(all_clients(said["url"], asked, 2, clients))
        for n in sorted({1, clients, 2 * clients}):
            before = processor_s(process.pid)
            load = asyncio.run(all_clients(said["url"], asked, seconds, n))
            spent = processor_s(process.pid) - before
            yield row_of(f"seqclass serve {model}, {n} clients", load, seconds, spent)
    path = root.join("models", model, champion_of(root, model) or "", "model.keras")
    with server([sys.executable, "-c", PLAIN, path]) as (process, said):
        asked = [request(said["url"], "/predict", "", {"series": [one.tolist()]}) for one in x]
        await_ready(said["url"])
        before = processor_s(process.pid)
        load = asyncio.run(all_clients(said["url"], asked, seconds, clients))
        spent = processor_s(process.pid) - before
        yield row_of(f"FastAPI and model.predict, {clients} clients", load, seconds, spent)


def await_ready(url: str) -> None:
    import httpx

    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{url}/v2/health/ready")
            return
        time.sleep(0.1)
    raise TimeoutError(url)


def changing(
    root: Root, model: str, seconds: float, clients: int, changes: int
) -> Iterator[dict[str, Any]]:
    """Move the champion to and fro under load; each answer has to be its version's own."""
    pair = model_versions(root, model)[-2:]
    truth = {v: load_model(f"{model}@{v}", root=root.url) for v in pair}
    x = np.round(drawn(truth[pair[0]].n_channels_), 4)
    known = {v: (own.predict_proba(x), own.predict_or_unknown(x)) for v, own in truth.items()}

    def check(row: int, reply: dict[str, Any], load: Load) -> None:
        version = reply["model_version"].partition("-")[0]
        found = {one["name"]: one["data"][0] for one in reply["outputs"]}
        probabilities, answers = known[version]
        far = float(np.abs(probabilities[row] - np.array(found["probabilities"])).max())
        load.farthest = max(load.farthest, far)
        load.versions[version] = load.versions.get(version, 0) + 1
        if far > CLOSE or found["answer"] != answers[row]:
            load.failed.append(f"{version}, series {row}: {found}")

    async def both(url: str, asked: list[bytes]) -> Load:
        loading = asyncio.create_task(all_clients(url, asked, seconds, clients, check))
        for change in range(changes):
            await asyncio.sleep(seconds / (changes + 1))
            grounds = MoveReason("benchmark", "load", {}, datetime.now(UTC))
            await asyncio.to_thread(move_champion, root, model, pair[change % 2], grounds)
        return await loading

    words = [sys.executable, "-m", "seqclass.flows", "serve", model, "--port", "0", "--json",
             "--root", root.url]  # fmt: skip
    with server(words) as (process, said):
        token = Path(said["token"]).read_text().strip()
        asked = questions(said["url"], model, token, x, ["probabilities", "answer"])
        before = processor_s(process.pid)
        load = asyncio.run(both(said["url"], asked))
        spent = processor_s(process.pid) - before
        row = row_of(f"{changes} changes of {model}, {clients} clients", load, seconds, spent)
        yield {**row, "by_version": str(load.versions), "farthest": load.farthest}
    for line in load.failed[:5]:
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--root")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--changes", type=int, default=0)
    given = parser.parse_args()
    root = open_root(given.root)
    sized = root, given.model, given.seconds, given.clients
    rows = list(changing(*sized, given.changes) if given.changes else steady(*sized))
    Console(width=200).print(as_table(given.model, rows))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
