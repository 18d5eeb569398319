"""A real server on a free port: the protocol's calls, and answers that are the library's own."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPResponse
from pathlib import Path

import httpx
import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest

from seqclass.inference.score_data import score_data
from seqclass.loading import StoredClassifier, load_model
from seqclass.serving.access import RequestLimits
from seqclass.serving.app import PromptConnection
from seqclass.serving.request_log import RequestLog
from seqclass.serving.versions import ServedModels
from seqclass.store.catalogue import verify_tree
from seqclass.store.root import Root
from seqclass.store.scores import score_folders
from tests.support.answering_server import answering, asked, outputs
from tests.support.hostile_requests import HOSTILE
from tests.support.stored import make_champion, newest_entry_of
from tests.support.waiting import until

INFER = "/v2/models/toy/infer"


@pytest.fixture(scope="module")
def models(versions: Root) -> ServedModels:
    """The champion v1, and v3."""
    return ServedModels(versions, ["toy@v3", "toy"])


@pytest.fixture(scope="module")
def client(models: ServedModels) -> Iterator[httpx.Client]:
    with answering(models) as connected:
        yield connected


@pytest.fixture(scope="module")
def library(versions: Root) -> StoredClassifier:
    return load_model("toy@v1", root=versions.path)


def drawn(n: int, seed: int = 0) -> list[list]:
    """Series of 3 to 40 steps, some with holes."""
    rng = np.random.default_rng(seed)
    series = []
    for length in rng.integers(3, 41, n):
        values = np.linspace(-1, 1, length) * rng.choice([-1, 1]) + 0.3 * rng.standard_normal(
            length
        )
        holes = rng.random(length) < 0.1
        series.append([[None if hole else float(np.float32(v))]
                      for v, hole in zip(values, holes, strict=True)])  # fmt: skip
    return series


def arrays(series: list[list]) -> list[np.ndarray]:
    return [np.array(values, np.float32) for values in series]


def test_the_calls_of_the_protocol(client: httpx.Client) -> None:
    about, model = client.get("/v2").json(), client.get("/v2/models/toy").json()
    assert (about["name"], about["extensions"]) == ("seqclass", [])
    assert model["inputs"] == [
        {"name": "series", "datatype": "FP32", "shape": [-1, -1, 1]},
        {"name": "lengths", "datatype": "INT64", "shape": [-1]},
    ]
    assert model["parameters"]["classes"] == ["down", "up"]
    assert [label.partition("-")[0] for label in model["versions"]] == ["v1", "v3"]
    for version in ("v3", model["versions"][1]):
        described = client.get(f"/v2/models/toy/versions/{version}").json()
        assert described["parameters"]["classes"] == ["up", "down"]
        assert client.get(f"/v2/models/toy/versions/{version}/ready").status_code == 200
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/toy/ready"):
        assert client.get(path).status_code == 200


def test_every_output_is_that_of_the_metadata(client: httpx.Client) -> None:
    described = client.get("/v2/models/toy").json()["outputs"]
    sent = client.post(INFER, json=asked(drawn(1) * 3, id="é")).json()
    assert sent["id"] == "é"
    for output, expected in zip(sent["outputs"], described, strict=True):
        assert [output[key] == expected[key] for key in ("name", "datatype")] == [True, True]
        shape = [3 if size == -1 else size for size in expected["shape"]]
        assert output["shape"] == shape == list(np.shape(output["data"]))


def test_answers_are_the_library_s_own(client: httpx.Client, library: StoredClassifier) -> None:
    for number, series in enumerate(drawn(20)):
        answers, x = outputs(client.post(INFER, json=asked([series]))), arrays([series])
        sent = np.array(answers["probabilities"], np.float32)
        np.testing.assert_array_equal(sent, library.predict_proba(x), err_msg=str(number))
        assert answers["prediction"] == library.predict(x).tolist()
        assert answers["answer"] == library.predict_or_unknown(x).tolist()
        assert [bool(reason) for reason in answers["reason"]] == [
            answer == "unknown" for answer in answers["answer"]
        ]


def test_series_answered_together_get_the_answers_that_each_gets_alone(
    client: httpx.Client, library: StoredClassifier
) -> None:
    series = drawn(120, seed=1)

    def ask(single: list) -> dict[str, list]:
        return outputs(client.post(INFER, json=asked([single])))

    before = _batches(client)
    with ThreadPoolExecutor(24) as pool:
        replies = list(pool.map(ask, series))
    after = _batches(client)
    assert after[1] - before[1] == 120
    assert after[0] - before[0] < 120  # fewer batches than requests
    sent = np.array([single["probabilities"][0] for single in replies])
    np.testing.assert_allclose(sent, library.predict_proba(arrays(series)), atol=1e-6)
    answers = [single["answer"][0] for single in replies]
    assert answers == library.predict_or_unknown(arrays(series)).tolist()


def _batches(client: httpx.Client) -> tuple[float, float]:
    """How many batches were answered, and how many series in them."""
    lines = dict(line.rsplit(" ", 1) for line in client.get("/metrics").text.splitlines())
    name = "seqclass_serve_batch_series"
    return float(lines[f"{name}_count"]), float(lines[f"{name}_sum"])


def test_series_of_unequal_length_are_answered_as_each_alone(client: httpx.Client) -> None:
    series = drawn(6, seed=2)
    longest = max(map(len, series))
    padded = [single + [[9.0]] * (longest - len(single)) for single in series]
    lengths = {"name": "lengths", "shape": [6], "datatype": "INT64", "data": [*map(len, series)]}
    question = asked(padded)
    question["inputs"].append(lengths)
    together = outputs(client.post(INFER, json=question))
    alone = [outputs(client.post(INFER, json=asked([single]))) for single in series]
    sent = np.array(together["probabilities"])
    np.testing.assert_allclose(sent, [single["probabilities"][0] for single in alone], atol=1e-6)


def test_only_wanted_outputs_are_sent(client: httpx.Client) -> None:
    names = [{"name": "answer"}, {"name": "classes"}]
    sent = outputs(client.post(INFER, json=asked(drawn(1), outputs=names)))
    assert list(sent) == ["answer", "classes"]


def test_a_version_answers_where_it_is_named(client: httpx.Client) -> None:
    series = drawn(1, seed=3)
    first = client.post(INFER, json=asked(series)).json()
    third = client.post("/v2/models/toy/versions/v3/infer", json=asked(series)).json()
    assert first["model_version"].startswith("v1-")
    assert third["model_version"].startswith("v3-")
    assert {first["outputs"][2]["data"][0], third["outputs"][2]["data"][0]} == {"up", "down"}


def test_what_is_not_there_is_refused(client: httpx.Client) -> None:
    for method, path in (
        ("GET", "/v2/models/other"),
        ("POST", "/v2/models/other/infer"),
        ("POST", "/v2/models/toy/versions/v2/infer"),
        ("GET", "/v2/models/toy/versions/v9"),
        ("GET", "/v2/models/..%2F..%2Fetc%2Fpasswd"),
        ("GET", "/"),
        ("GET", "/openapi.json"),
        ("POST", "/v2/repository/index"),
    ):
        reply = client.request(method, path, json=asked(drawn(1)) if method == "POST" else None)
        assert (reply.status_code, list(reply.json())) == (404, ["error"]), path


def test_another_method_is_told_the_right_one(client: httpx.Client) -> None:
    for method, path, allowed in (
        ("GET", INFER, "POST"), ("POST", "/v2", "GET"), ("HEAD", "/v2/health/live", "GET"),
    ):  # fmt: skip
        reply = client.request(method, path)
        assert (reply.status_code, reply.headers["Allow"]) == (405, allowed)
        error = f"method: expected {allowed}, got {method} {path}; use that method"
        assert method == "HEAD" or reply.json()["error"] == error


def test_hostile_bodies_leave_the_server_answering(client: httpx.Client) -> None:
    for case, (content, _) in HOSTILE.items():
        reply = client.post(INFER, content=content, headers={"Content-Type": "application/json"})
        answer = reply.json()
        assert reply.status_code == 400, case
        assert list(answer) == ["error"], case
        assert not {"\n", "Traceback"} & set(answer["error"].split(" ")), case
    assert client.post(INFER, json=asked(drawn(1))).status_code == 200


def test_another_content_is_refused(client: httpx.Client) -> None:
    for headers in (
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "10"},
    ):
        reply = client.post(INFER, content=b"{}", headers=headers)
        assert (reply.status_code, list(reply.json())) == (400, ["error"]), headers


def exchanged(client: httpx.Client, sent: bytes, ends: bool = False) -> bytes:
    """What the server sends upon these bytes until it closes the connection."""
    with socket.create_connection((client.base_url.host, client.base_url.port or 0), 60) as line:
        line.sendall(sent)
        if ends:
            line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65_536), b""))


def test_a_request_that_is_no_http_is_refused(client: httpx.Client) -> None:
    token = client.headers["Authorization"]
    for lines in (
        ["Content-Length: -1"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 99999999999999999999"],
        ["Content-Length: 2", "Transfer-Encoding: chunked"],
        [f"X-Long: {'x' * 100_000}"],
        ["Transfer-Encoding: chunked", "", "zz"],
    ):
        text = "\r\n".join([f"POST {INFER} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: {token}",
                            "Content-Type: application/json", *lines, "", "{}"])  # fmt: skip
        answer = exchanged(client, text.encode(), ends=True)
        assert answer == b"" or int(answer.split()[1]) in (400, 413), answer[:200]
        assert client.get("/v2/models/toy/ready").status_code == 200


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(models: ServedModels) -> None:
    with answering(models, RequestLimits(body_bytes=1000)) as client:
        assert client.post(INFER, json=asked(drawn(1))).status_code == 200
        sent = client.post(INFER, json=asked([[[0.123456789]] * 200]))
        assert (sent.status_code, "1,000 bytes" in sent.json()["error"]) == (413, True)
        parts = client.post(INFER, content=iter([b"[" * 600, b"[" * 600]),
                            headers={"Content-Type": "application/json"})  # fmt: skip
        assert parts.status_code == 413


def sent_alone(client: httpx.Client, body: bytes, length: int | None = None) -> socket.socket:
    """A connection on which a request was sent, or the beginning of one that has this length."""
    head = [f"POST {INFER} HTTP/1.1", "Host: localhost", "Content-Type: application/json",
            f"Authorization: {client.headers['Authorization']}",
            f"Content-Length: {len(body) if length is None else length}"]  # fmt: skip
    connection = socket.create_connection((client.base_url.host, client.base_url.port or 0), 60)
    connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
    return connection


def test_a_body_that_never_ends_is_given_up(models: ServedModels) -> None:
    with answering(models, RequestLimits(seconds=1)) as client:
        with sent_alone(client, b"{", length=9) as connection:
            reply = HTTPResponse(connection)
            reply.begin()
            assert reply.status == 408
            assert b"body: expected all of it within 1 s, got a part; send it" in reply.read()
        assert client.post(INFER, json=asked(drawn(1))).status_code == 200


class Held:
    """A classifier that answers when it is let go."""

    def __init__(self, models: ServedModels) -> None:
        served = models._served["toy"]
        self._infer, self.calls, self.free = served.first.infer, 0, threading.Event()
        served.first = replace(served.first, infer=self)

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        self.calls += 1
        assert self.free.wait(60)
        return self._infer(rows)


def test_a_busy_server_says_when_to_try_again_and_answers_then(own_root: Root) -> None:
    models = ServedModels(own_root, ["toy"])
    held, question = Held(models), asked([[[1.0]] * 8])
    with (
        answering(models, RequestLimits(waiting=10, seconds=2)) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(client.post, INFER, json=question)
        until(lambda: held.calls, every_s=0.01)
        for reply in (client.post(INFER, json=question), first.result()):  # too many wait; too late
            assert (reply.status_code, int(reply.headers["Retry-After"]) > 0) == (503, True)
        held.free.set()
        assert outputs(client.post(INFER, json=question))["answer"]


def test_a_client_that_leaves_ends_its_request_without_a_trace(
    own_root: Root, capfd: pytest.CaptureFixture[str]
) -> None:
    models = ServedModels(own_root, ["toy"])
    held, large = Held(models), orjson.dumps(asked([[[1.0]] * 8] * 1000))

    def left() -> str:
        return client.get("/metrics").text.partition('{code="499"} ')[2][:3]

    with answering(models) as client:
        sent_alone(client, large[:100], len(large)).close()
        until(lambda: left() == "1.0")
        with sent_alone(client, large):
            until(lambda: held.calls, every_s=0.01)
        until(lambda: left() == "2.0")
        held.free.set()
        assert outputs(client.post(INFER, json=asked(drawn(1))))["answer"]
    assert held.calls == 2  # one block of the large request, and the last request
    assert capfd.readouterr().err == ""


def test_a_head_that_does_not_end_closes_its_connection_alone(
    own_root: Root, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PromptConnection, "head_s", 0.2)
    models = ServedModels(own_root, ["toy"])
    held = Held(models)
    with answering(models) as client, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(client.post, INFER, json=asked(drawn(1)))
        until(lambda: held.calls, every_s=0.01)
        for before in (b"", b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            answer = exchanged(client, before + b"POST /v2 HTTP/1.1\r\nHost: local")
            assert answer.startswith(b"HTTP/1.1 200 " if before else b"")
        held.free.set()
        assert outputs(slow.result())["answer"]


def test_without_the_token_only_health_is_told(client: httpx.Client) -> None:
    tried = ("", "Bearer", "Bearer wrong", "Basic YTpi", f"{client.headers['Authorization']}x")
    for given in tried:
        headers = {"Authorization": given}
        assert client.get("/v2/health/ready", headers=headers).status_code == 200
        for path in ("/v2", "/v2/models/toy", "/metrics", "/nothing"):
            assert client.get(path, headers=headers).status_code == 401
        refused = client.post(INFER, json=asked(drawn(1)), headers=headers)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    token = client.headers["Authorization"].removeprefix("Bearer ")
    for given, status in ((f"bearer {token}", 200), (f"bearer {token.upper()}", 401)):
        assert client.get("/v2", headers={"Authorization": given}).status_code == status


def test_pages_of_other_sites_are_kept_out(client: httpx.Client) -> None:
    for headers, status in (
        ({"Host": "evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Origin": "http://127.0.0.1:8080"}, 200),
    ):
        for path in ("/v2/health/live", "/v2"):
            assert client.get(path, headers=headers).status_code == status, headers


def test_metrics_count_requests_and_answers(client: httpx.Client) -> None:
    outputs(client.post(INFER, json=asked(drawn(1))))
    text = client.get("/metrics").text
    assert 'seqclass_serve_responses_total{code="200"}' in text
    assert 'seqclass_serve_answers_total{answer="' in text
    assert 'seqclass_serve_version{model="toy",version="v1-' in text
    assert 'seqclass_serve_seconds_count{model="toy"}' in text


def test_a_new_champion_answers_between_two_requests(own_root: Root) -> None:
    """Eight clients ask while the champion moves four times: each answer is its version's own."""
    lines: list[str] = []
    series = drawn(1, seed=3)
    ended, seen = threading.Event(), set[tuple[str, str]]()

    def ask(client: httpx.Client) -> int:
        n = 0
        while not ended.is_set():
            reply = client.post(INFER, json=asked(series, outputs=[{"name": "prediction"}]))
            [prediction] = outputs(reply)["prediction"]
            seen.add((reply.json()["model_version"].partition("-")[0], prediction))
            n += 1
        return n

    with (
        answering(ServedModels(own_root, ["toy"]), said=lines) as client,
        ThreadPoolExecutor(8) as pool,
    ):
        asking = [pool.submit(ask, client) for _ in range(8)]
        try:
            for second, version in enumerate(("v3", "v2", "v4", "v1"), 1):
                make_champion(own_root, "toy", version, second)
                until(lambda v=version: any(v == name for name, _ in seen))
        finally:
            ended.set()
        assert sum(done.result() for done in asking) > 20
    [mine] = {label for version, label in seen if version in ("v1", "v2")}
    [other] = {label for version, label in seen if version in ("v3", "v4")}
    assert {mine, other} == {"up", "down"}
    assert len(seen) == 4


def test_a_damaged_champion_leaves_the_one_before_answering(own_root: Root) -> None:
    lines: list[str] = []
    network = Path(own_root.path, "models", "toy", "v3", "model.keras")
    sound = network.read_bytes()
    with answering(ServedModels(own_root, ["toy"]), said=lines) as client:
        make_champion(own_root, "toy", "v3", 1)
        entry = Path(newest_entry_of(own_root, "toy"))
        network.write_bytes(sound[:-1])
        for content, says in ((entry.read_text(), "content differs"), ("{", entry.name)):
            entry.write_text(content)
            until(lambda s=says: lines and s in lines[-1])
            reply = client.post(INFER, json=asked(drawn(1)))
            assert reply.json()["model_version"].startswith("v1-")
        entry.unlink()
        network.write_bytes(sound)
        make_champion(own_root, "toy", "v2", 2)
        until(lambda: "v2-" in lines[-1])
    assert len(lines) == 3


def test_logged_requests_are_scores_that_labels_find_later(own_root: Root) -> None:
    """What is kept is what scoring the kept file would store, so nothing is answered again."""
    series = drawn(7, seed=4)
    with answering(ServedModels(own_root, ["toy"]), log=RequestLog(own_root)) as client:
        replies = [client.post(INFER, json=asked([kept_values])) for kept_values in series]
        assert score_folders(own_root, "toy") == []
    names = [reply.json()["parameters"]["logged_as"] for reply in replies]
    [folder] = score_folders(own_root, "toy")
    scored = score_data(own_root, "toy@v1", f"{folder}/series.parquet")
    assert (scored["rows"], scored["scored"]) == (7, 0)
    kept = pq.read_table(scored["out"])
    assert kept["series_id"].to_pylist() == [f"{name}-0" for name in names]
    assert kept["answer"].to_pylist() == [outputs(reply)["answer"][0] for reply in replies]
    values = pq.read_table(f"{folder}/series.parquet")["value"].to_pylist()
    for kept_values, sent in zip(values, arrays(series), strict=True):
        np.testing.assert_array_equal(
            np.array(kept_values, np.float32), sent[: len(kept_values), 0]
        )
    assert verify_tree(own_root)["bad"] == []
    again = score_data(own_root, "toy@v2", f"{folder}/series.parquet")  # the same network
    assert again["scored"] == 7
    assert pq.read_table(again["out"])["answer"].equals(kept["answer"])
