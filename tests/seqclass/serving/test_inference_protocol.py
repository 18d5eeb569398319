"""Bodies of requests: what is read from them, and that what is hostile is refused in one line."""

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclass.serving.access import HttpRefusal, RequestLimits
from seqclass.serving.protocol import InferenceRequest, read_request
from seqclass.store.formats.table import chosen_limits
from tests.support.hostile_requests import HOSTILE, TENSOR, body


def read(
    content: bytes, limits: RequestLimits | None = None, channels: tuple[str, ...] = ("x",)
) -> InferenceRequest:
    outputs = "probabilities", "prediction"
    return read_request(content, channels, outputs, limits or RequestLimits())


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(1, 5), st.data())
def test_nested_and_flat_data_are_the_same_series(n: int, steps: int, data: st.DataObject) -> None:
    value = st.none() | st.floats(-(2.0**99), 2.0**99, width=32)
    flat = data.draw(st.lists(value, min_size=n * steps * 2, max_size=n * steps * 2))
    nested = np.array(flat, object).reshape(n, steps, 2).tolist()
    expected = np.array(flat, np.float32).reshape(n, steps, 2)
    for values in (flat, nested):
        request = read(body(shape=[n, steps, 2], data=values), channels=("x", "y"))
        np.testing.assert_array_equal(request.series, expected)
    assert (request.id, request.outputs) == (None, None)


def test_what_lies_behind_the_end_of_a_series_is_no_value() -> None:
    lengths = {"name": "lengths", "shape": [2], "datatype": "INT64", "data": [1, 3]}
    tensor = {**TENSOR, "shape": [2, 3, 2], "data": list(range(12))}
    request = read(orjson.dumps({"inputs": [tensor, lengths]}), channels=("x", "y"))
    assert request.lengths.tolist() == [1, 3]
    assert np.isnan(request.series[0, 1:]).all()
    assert request.series[1].ravel().tolist() == list(range(6, 12))


def test_without_lengths_a_series_ends_at_its_last_value() -> None:
    data = [[[1, 2], [None, None], [3, None], [None, None]], [[None, None]] * 4]
    request = read(body(shape=[2, 4, 2], data=data), channels=("x", "y"))
    assert request.lengths.tolist() == [3, 1]


def test_names_of_outputs_and_an_id_are_kept() -> None:
    names = [{"name": "prediction"}, {"name": "prediction", "parameters": {"binary_data": False}}]
    request = read(orjson.dumps({"inputs": [TENSOR], "outputs": names, "id": "é"}))
    assert (request.outputs, request.id) == (("prediction",), "é")


def test_a_hostile_body_is_refused_in_one_line() -> None:
    for case, (content, says) in HOSTILE.items():
        with pytest.raises(HttpRefusal) as refused:
            read(content)
        assert refused.value.status == 400, case
        assert says in refused.value.problem, case
        assert len(refused.value.problem) < 400, case
        assert "\n" not in refused.value.problem, case


@pytest.mark.parametrize("limit", ["series=1", "steps=1", "values=3"])
def test_more_than_a_limit_is_refused_as_too_large(limit: str) -> None:
    content = body()
    assert len(read(content).series) == 2
    with pytest.raises(HttpRefusal, match="at most") as refused:
        read(content, chosen_limits(RequestLimits, [limit]))
    assert refused.value.status == 413
    assert f"--limit {limit.partition('=')[0]}" in refused.value.problem


@pytest.mark.parametrize(("n", "steps"), [(80, 100_000), (4096, 2000)])
def test_by_default_no_request_takes_longer_than_its_answer_may(n: int, steps: int) -> None:
    with pytest.raises(HttpRefusal, match="raise the server's --limit") as refused:
        read(body(shape=[n, steps, 1], data=[]))
    assert refused.value.status == 413


def test_more_elements_than_a_request_needs_are_not_parsed() -> None:
    content = b"[" + b"{}," * 2_000_000 + b"{}"
    with pytest.raises(HttpRefusal, match="131,072 values") as refused:  # and not: no JSON
        read(content)
    assert refused.value.status == 413


def test_the_largest_request_is_read_in_either_form() -> None:
    x, limits = np.zeros((20, 10, 3)), RequestLimits(values=600, series=20)
    for data in (x.tolist(), x.ravel().tolist()):
        lengths = {"name": "lengths", "shape": [20], "datatype": "INT64", "data": [10] * 20}
        tensor = {**TENSOR, "shape": [20, 10, 3], "data": data}
        content = orjson.dumps({"inputs": [tensor, lengths]})
        assert read(content, limits, ("x", "y", "z")).series.shape == (20, 10, 3)


@pytest.mark.parametrize("choice", ["series", "series=0", "colour=1", "steps=1e3"])
def test_a_limit_that_is_none_is_refused(choice: str) -> None:
    with pytest.raises(ValueError, match="--limit: expected NAME=NUMBER"):
        chosen_limits(RequestLimits, [choice])
