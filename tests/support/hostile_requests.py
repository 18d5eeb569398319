"""Bodies that no server of a model of one channel may answer or stumble over."""

from typing import Any

import orjson

TENSOR: dict[str, Any] = {
    "name": "series", "shape": [2, 2, 1], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0],
}  # fmt: skip
LENGTHS: dict[str, Any] = {"name": "lengths", "shape": [2], "datatype": "INT64", "data": [2, 2]}


def body(**changed: Any) -> bytes:
    """A request with one tensor of series, in which some fields are others."""
    return orjson.dumps({"inputs": [{**TENSOR, **changed}]})


def without(field: str) -> bytes:
    return orjson.dumps({"inputs": [{k: v for k, v in TENSOR.items() if k != field}]})


def lengths(**changed: Any) -> bytes:
    return orjson.dumps({"inputs": [TENSOR, {**LENGTHS, **changed}]})


def whole(**more: Any) -> bytes:
    return orjson.dumps({"inputs": [TENSOR], **more})


def raw(data: str) -> bytes:
    """A request whose data are written as they are."""
    return b'{"inputs":[{"name":"series","shape":[2,2,1],"datatype":"FP32","data":%s}]}' % (
        data.encode()
    )


HOSTILE: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "body: expected JSON"),
    "half": (body()[:-10], "body: expected JSON"),
    "no UTF-8": (b'{"inputs": "\xff\xfe"}', "body: expected JSON"),
    "half a character": (b'{"id": "\\ud800"}', "body: expected JSON"),
    "deep objects": (b'{"a":' * 100_000, "body: expected JSON"),
    "deep data": (raw("[" * 900 + "]" * 900), "data nested"),
    "NaN": (raw("[NaN,1,2,3]"), "null stands for a missing number"),
    "beyond double": (raw("[1e400,1,2,3]"), "body: expected JSON"),
    "a list": (b"[1]", "body: expected a JSON object"),
    "no inputs": (b"{}", "inputs: expected a list of tensors"),
    "inputs of texts": (b'{"inputs": ["series"]}', "inputs: expected a list of tensors"),
    "another input": (body(name="secrets"), "inputs: expected series"),
    "series twice": (orjson.dumps({"inputs": [TENSOR, TENSOR]}), "inputs: expected series"),
    "FP64": (body(datatype="FP64"), "expected the datatype FP32"),
    "no datatype": (without("datatype"), "expected the datatype FP32"),
    "shape as text": (body(shape="1,2,2"), "a shape of 3 whole numbers"),
    "a negative size": (body(shape=[-1, 2, 2]), "a shape of 3 whole numbers"),
    "true as size": (body(shape=[True, 2, 2]), "a shape of 3 whole numbers"),
    "a huge size": (body(shape=[2**62, 2, 2]), "a shape of 3 whole numbers"),
    "a size beyond int64": (raw("[]").replace(b"[2,", b"[" + b"9" * 40 + b","), "a shape of 3"),
    "two channels": (body(shape=[1, 2, 2]), "[n, steps, 1]"),
    "another product": (body(shape=[3, 2, 1]), "expected 6 values"),
    "no data": (without("data"), "expected data as a list"),
    "data as text": (body(data="1,2,3,4"), "expected data as a list"),
    "texts as data": (body(data=["1", "2", "3", "4"]), "expected FP32 numbers"),
    "true as data": (body(data=[True, 1, 2, 3]), "expected FP32 numbers"),
    "other nesting": (body(data=[[1, 2], [3, 4]]), "expected"),
    "ragged nesting": (body(data=[[[1, 2], [3]]]), "data nested"),
    "beyond float32": (body(data=[1e39, 1, 2, 3]), "within float32"),
    "a huge whole number": (raw("[" + "9" * 300 + ",1,2,3]"), "within float32"),
    "the binary extension": (
        body(parameters={"binary_data_size": 16}), "got the binary data extension",
    ),
    "lengths alone": (orjson.dumps({"inputs": [LENGTHS]}), "inputs: expected series"),
    "length beyond": (lengths(data=[3, 2]), "a length of 1 to 2"),
    "one length": (lengths(shape=[1], data=[1]), "a length of 1 to 2"),
    "half a length": (lengths(data=[1.5, 2]), "expected INT64 numbers"),
    "no length": (lengths(data=[None, 2]), "expected INT64 numbers"),
    "a huge length": (lengths(data=[2**63, 2]), "a length of 1 to 2"),
    "another output": (whole(outputs=[{"name": "weights"}]), "outputs: expected some of"),
    "outputs as text": (whole(outputs="label"), "outputs: expected"),
    "a number as id": (whole(id=1), "id: expected a text"),
    "a long id": (whole(id="x" * 10_000), "id: expected a text"),
}  # fmt: skip
"""Bodies, and what is said of them."""
