"""Tables over HTTP: their scores are those that scoring stores, and hostile ones do no harm."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seqclass.inference import prediction
from seqclass.inference.prediction import scorer_of
from seqclass.inference.running_server import ARROW_STREAM, RunningServer, as_stream
from seqclass.inference.score_data import ScoringSpec, Share, in_turn, score_data
from seqclass.serving.arrow_tables import read_series
from seqclass.serving.limits import Refusal, RequestLimits
from seqclass.serving.request_log import RequestLog
from seqclass.serving.versions import ServedModels
from seqclass.store.registry import open_model
from seqclass.store.root import Root
from seqclass.store.scores import score_folders
from tests.support.answering_server import TOKEN, answering

INFER = "/v2/models/toy/infer"
NUMBERS = pa.list_(pa.float32())
VALUES = [[0.1, None, 0.3], [1.0] * 40, [float("nan"), -1.0]]
SERIES = pa.table({"series_id": ["a", "b", "c"], "value": pa.array(VALUES, NUMBERS)})


@pytest.fixture(scope="module")
def models(versions: Root) -> ServedModels:
    return ServedModels(versions, ["toy"])


@pytest.fixture(scope="module")
def client(models: ServedModels) -> Iterator[httpx.Client]:
    with answering(models) as found:
        yield found


def post(client: httpx.Client, content: bytes) -> httpx.Response:
    return client.post(INFER, content=content, headers={"Content-Type": ARROW_STREAM})


def stored(root: Root, table: pa.Table, folder: Path) -> pa.Table:
    """The scores that scoring a file stores."""
    pq.write_table(table, folder / "series.parquet")
    return pq.read_table(score_data(root, "toy@v1", str(folder / "series.parquet"))["out"])


def test_a_table_gets_the_scores_that_are_stored_of_a_file(
    client: httpx.Client, own_root: Root, tmp_path: Path
) -> None:
    reply = post(client, as_stream(SERIES).to_pybytes())
    assert (reply.status_code, reply.headers["content-type"]) == (200, ARROW_STREAM), reply.text
    found = pa.ipc.open_stream(reply.content).read_all()
    assert found.schema.metadata[b"model_version"].startswith(b"v1-")
    assert found.equals(stored(own_root, SERIES, tmp_path))


def test_series_without_names_are_numbered(client: httpx.Client) -> None:
    reply = post(client, as_stream(SERIES.select(["value"])).to_pybytes())
    found = pa.ipc.open_stream(reply.content).read_all()
    assert len(set(found["series_id"].to_pylist())) == 3


def test_a_long_series_beside_short_ones_needs_no_more_memory_than_a_block(
    client: httpx.Client,
) -> None:
    """4,000 series padded to 30,000 steps would take 480 MB."""
    long = pa.table({"value": pa.array([[1.0] * 30_000] + [[1.0, 2.0]] * 3_999, NUMBERS)})
    found = pa.ipc.open_stream(post(client, as_stream(long).to_pybytes()).content).read_all()
    assert len(found) == 4_000
    assert len(set(found["confidence"].to_pylist()[1:])) == 1


def streamed(columns: dict[str, pa.Array], **options: object) -> bytes:
    sink, table = pa.BufferOutputStream(), pa.table(columns)
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


ZEROS = pa.array([[0.0] * 1_000] * 400, NUMBERS)
SAME = pa.ListViewArray.from_arrays([0] * 50, [1_000] * 50, pa.array([1.0] * 1_000))
SOUND = as_stream(SERIES).to_pybytes()
HOSTILE = {
    "nothing": b"",
    "no Arrow": b'{"inputs": []}',
    "half": SOUND[: len(SOUND) // 2],
    "no schema": SOUND[400:],
    "no rows": streamed({"value": pa.array([], NUMBERS)}),
    "lz4": streamed({"value": ZEROS}, compression="lz4"),
    "zstd": streamed({"value": ZEROS}, compression="zstd"),
    "one list for all": streamed({"value": SAME}),
    "lists of lists": streamed({"value": pa.array([[[1.0]]])}),
    "words": streamed({"value": pa.array([["one"]])}),
    "numbers": streamed({"value": pa.array([1.0])}),
    "nulls": streamed({"value": pa.nulls(1_000)}),
    "no list": streamed({"value": pa.array([None, [1.0]], NUMBERS)}),
    "an empty list": streamed({"value": pa.array([[], [1.0]], NUMBERS)}),
    "infinite": streamed({"value": pa.array([[float("inf")]], NUMBERS)}),
    "another channel": streamed({"heat": pa.array([[1.0]], NUMBERS)}),
    "an id twice": streamed({"value": pa.array([[1.0], [2.0]], NUMBERS),
                             "series_id": pa.array(["a", "a"])}),
    "a dictionary": streamed({"value": pa.array([[1.0]]),
                              "series_id": pa.array(["a"]).dictionary_encode()}),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_table_is_refused_in_one_line(client: httpx.Client, case: str) -> None:
    found = post(client, HOSTILE[case])
    assert found.status_code == 400, found.text
    assert list(found.json()) == ["error"]
    assert found.json()["error"].startswith("body: ")


@pytest.mark.parametrize("limit", [{"series": 2}, {"steps": 39}, {"values": 42}])
def test_more_than_a_limit_is_refused_as_too_large(versions: Root, limit: dict[str, int]) -> None:
    scorer = scorer_of(open_model(versions, "toy@v1"))
    assert len(read_series(SOUND, scorer, RequestLimits(series=3, steps=40))) == 3
    with pytest.raises(Refusal) as refused:
        read_series(SOUND, scorer, RequestLimits(**limit))
    assert refused.value.status == 413


@given(
    places=st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.binary(min_size=1, max_size=8)))
)
@example(places=[(240, b"\x08")])  # the place of a header's table lies before the message
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_table_is_read_or_refused(
    versions: Root, places: list[tuple[int, bytes]]
) -> None:
    scorer, body = scorer_of(open_model(versions, "toy@v1")), bytearray(SOUND)
    for place, content in places:
        body[place : place + len(content)] = content
    with contextlib.suppress(Refusal):
        assert 1 <= len(read_series(bytes(body), scorer, RequestLimits())) <= 4096


def test_logged_tables_are_kept_as_requests_are(own_root: Root) -> None:
    with answering(ServedModels(own_root, ["toy"]), log=RequestLog(own_root)) as client:
        reply = post(client, SOUND)
    found = pa.ipc.open_stream(reply.content).read_all()
    [folder] = score_folders(own_root, "toy")
    name = found.schema.metadata[b"logged_as"].decode()
    kept = pq.read_table(f"{folder}/scores.parquet")
    assert kept["series_id"].to_pylist() == [f"{name}-{row}" for row in range(3)]
    assert kept["answer"].equals(found["answer"])


def through(server: RunningServer) -> Callable[[list[Share]], None]:
    """A way to score that asks a server first."""
    return lambda shares: in_turn([replace(share, server=server) for share in shares])


@pytest.mark.parametrize(
    ("served", "token", "limits", "answers"),
    [
        ("toy", TOKEN, RequestLimits(), True),
        pytest.param("toy@v3", TOKEN, RequestLimits(), False, marks=pytest.mark.system),
        ("toy", "another-token-of-the-tests", RequestLimits(), False),
        pytest.param("toy", TOKEN, RequestLimits(series=2), False, marks=pytest.mark.system),
        ("toy", TOKEN, RequestLimits(values=40), True),
    ],
)
def test_scoring_asks_a_running_server_and_answers_what_it_does_not(
    own_root: Root, tmp_path: Path, served: str, token: str, limits: RequestLimits, answers: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(prediction, "REQUEST_VALUES", limits.values)
    for name in ("with", "without"):
        named = SERIES.append_column("note", pa.array([name] * 3))
        pq.write_table(named, tmp_path / f"{name}.parquet")
    alone = score_data(own_root, "toy@v1", str(tmp_path / "without.parquet"))
    with answering(ServedModels(own_root, [served]), limits) as client:
        score = through(RunningServer(str(client.base_url), token))
        path, spec = str(tmp_path / "with.parquet"), ScoringSpec()
        found = score_data(own_root, "toy@v1", path, spec, score)
        told = client.get("/metrics").text
    tables = [pq.read_table(one["out"]) for one in (found, alone)]
    numbers = [table.select(["probability_down", "confidence"]).to_pandas() for table in tables]
    np.testing.assert_allclose(*numbers, atol=1e-6)  # other blocks, other last bits
    texts = [table.select(["series_id", "answer", "possible"]) for table in tables]
    assert texts[0].equals(texts[1])
    assert ('answer="' in told) is answers


def test_a_server_that_is_gone_is_no_failure(own_root: Root, tmp_path: Path) -> None:
    pq.write_table(SERIES, tmp_path / "series.parquet")
    with answering(ServedModels(own_root, ["toy"])) as client:
        score = through(RunningServer(str(client.base_url), TOKEN))
    found = score_data(own_root, "toy@v1", str(tmp_path / "series.parquet"), ScoringSpec(), score)
    assert (found["rows"], found["scored"]) == (3, 3)
