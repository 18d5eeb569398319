"""The Open Inference Protocol, version 2, in JSON: from a request's body to series, and back.

Protocol: kserve/open-inference-protocol, ``specification/protocol/inference_rest.md``. It says
nothing of missing values and unequal lengths: here null is a missing value, and ``lengths`` says
how many steps of a series are its own.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.inference.answers import Answers, possible_classes
from seqclass.inference.prediction import Scorer
from seqclass.series import observed_lengths
from seqclass.serving.access import HttpRefusal, RequestLimits, bad

SERIES, LENGTHS = "series", "lengths"
DATATYPES = {SERIES: "FP32", LENGTHS: "INT64"}
NUMBERS, WHOLE = {float, int, type(None)}, {int}
LONGEST_ID = 256
OTHER_MARKS = 1000
"""Most commas and brackets of a request besides those of its series and their lengths."""


class Tensor(NamedTuple):
    """An output: its datatype, its shape, and its data as an array or a list of texts."""

    datatype: str
    shape: Sequence[int]
    data: Any


@dataclass(frozen=True)
class InferenceRequest:
    """A request for answers.

    series ``(n, steps, channels)`` float32, with NaN where a value is missing and behind the end of
    a series; lengths ``(n,)``, at least 1; outputs: names of the wanted ones, None for all.
    """

    series: np.ndarray
    lengths: np.ndarray
    outputs: tuple[str, ...] | None = None
    id: str | None = None


def read_request(
    body: bytes, channels: Sequence[str], output_names: Sequence[str], limits: RequestLimits
) -> InferenceRequest:
    """Return the request in a JSON body; Refusal says what is wrong with it.

    channels: of the model. output_names: names of the outputs that it has.
    """
    request = _object(body, limits)
    inputs = _inputs(request.get("inputs"))
    series = _series(inputs[SERIES], channels, limits)
    given = inputs.get(LENGTHS)
    if given is None:
        lengths = observed_lengths(series)
    else:
        lengths = _lengths(given, series)
        series[np.arange(series.shape[1]) >= lengths[:, None]] = np.nan
    outputs, id_ = _outputs(request.get("outputs"), output_names), request.get("id")
    if id_ is not None and (not isinstance(id_, str) or len(id_) > LONGEST_ID):
        raise bad(f"id: expected a text of at most {LONGEST_ID} characters, got {_kind(id_)}")
    return InferenceRequest(series, lengths, outputs, id_)


def _object(body: bytes, limits: RequestLimits) -> dict[str, Any]:
    # Parsing blocks the server: a body with more elements than a request needs is not parsed.
    marks = sum(map(body.count, (b",", b"[", b"{")))
    if marks > 2 * (limits.values + limits.series) + OTHER_MARKS:
        raise HttpRefusal(
            413, f"body: expected at most {limits.values:,} values, got more; send less at a time, "
            "or raise the server's --limit values",
        )  # fmt: skip
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise bad(
            f"body: expected JSON, in which null stands for a missing number, got {error}"
        ) from None
    if not isinstance(request, dict):
        raise bad(f"body: expected a JSON object, got {_kind(request)}")
    return request


def _inputs(given: Any) -> dict[str, dict[str, Any]]:
    """Return the input tensors by name."""
    if not isinstance(given, list) or not all(isinstance(tensor, dict) for tensor in given):
        raise bad(f"inputs: expected a list of tensors, got {_kind(given)}")
    tensors = {name: tensor for tensor in given if isinstance(name := tensor.get("name"), str)}
    if SERIES not in tensors or len(tensors) != len(given) or tensors.keys() - DATATYPES:
        names = ", ".join(str(tensor.get("name"))[:40] for tensor in given[:5]) or "none"
        raise bad(f"inputs: expected {SERIES}, and {LENGTHS} or nothing beside it, got {names}")
    for name, tensor in tensors.items():
        if tensor.get("datatype") != DATATYPES[name]:
            raise bad(
                f"{name}: expected the datatype {DATATYPES[name]}, got {_text(tensor, 'datatype')}"
            )
        parameters = tensor.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise bad(f"{name}: expected parameters as an object, got {_kind(parameters)}")
        if "binary_data_size" in parameters:
            raise bad(f"{name}: expected data as JSON, got the binary data extension")
    return tensors


def _series(given: dict[str, Any], channels: Sequence[str], limits: RequestLimits) -> np.ndarray:
    shape = _shape(SERIES, given, 3)
    n, steps, width = shape
    if width != len(channels):
        raise bad(
            f"{SERIES}: expected the shape [n, steps, {len(channels)}] for the channels "
            f"{', '.join(channels)[:200]}, got {list(shape)}"
        )
    limits.check(SERIES, series=n, steps=steps, values=n * steps * width)
    flat = _data(SERIES, given, shape, NUMBERS)
    with np.errstate(over="ignore"):
        values = np.array(flat, np.float32).reshape(shape)
    if np.isinf(values).any():
        raise bad(f"{SERIES}: expected finite numbers within float32, got one beyond")
    return values


def _lengths(given: dict[str, Any], series: np.ndarray) -> np.ndarray:
    n, steps, _ = series.shape
    shape = _shape(LENGTHS, given, 1)
    flat = _data(LENGTHS, given, shape, WHOLE)
    if shape != (n,) or not all(1 <= length <= steps for length in flat):
        raise bad(
            f"{LENGTHS}: expected a length of 1 to {steps} for each of {n} series, got others"
        )
    return np.array(flat, np.int64)


def _shape(name: str, given: dict[str, Any], rank: int) -> tuple[int, ...]:
    shape = given.get("shape")
    if (
        not isinstance(shape, list)
        or len(shape) != rank
        or not all(type(size) is int and 0 < size < 2**31 for size in shape)
    ):
        raise bad(
            f"{name}: expected a shape of {rank} whole numbers above 0, got {_text(given, 'shape')}"
        )
    return tuple(shape)


def _data(
    name: str, given: dict[str, Any], shape: tuple[int, ...], kinds: Collection[type]
) -> list[Any]:
    """Return a tensor's data, nested or not, as a flat list in row-major order."""
    data = given.get("data")
    if not isinstance(data, list):
        raise bad(f"{name}: expected data as a list, got {_kind(data)}")
    if data and type(data[0]) is list:
        data = _flattened(name, data, shape)
    n_values = int(np.prod(shape, dtype=object))
    if len(data) != n_values:
        raise bad(
            f"{name}: expected {n_values:,} values for the shape {list(shape)}, got {len(data):,}"
        )
    if strange := set(map(type, data)) - set(kinds):
        kind = _kind(next(iter(value for value in data if type(value) in strange)))
        raise bad(f"{name}: expected {DATATYPES[name]} numbers as data, got {kind}")
    return data


def _flattened(name: str, data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    n = shape[0]
    for size in shape[1:]:
        if len(data) != n or not all(type(part) is list and len(part) == size for part in data):
            raise bad(f"{name}: expected data nested as the shape {list(shape)}, got other lengths")
        data, n = list(chain.from_iterable(data)), n * size
    return data


def _outputs(given: Any, output_names: Sequence[str]) -> tuple[str, ...] | None:
    if given is None or given == []:
        return None
    if not isinstance(given, list):
        raise bad(f"outputs: expected a list, got {_kind(given)}")
    names: list[Any] = [entry.get("name") if isinstance(entry, dict) else entry for entry in given]
    if strange := [name for name in names if name not in output_names]:
        raise bad(f"outputs: expected some of {', '.join(output_names)}, got {_kind(strange[0])}")
    return tuple(dict.fromkeys(names))


def _text(given: dict[str, Any], name: str) -> str:
    return str(given[name])[:80] if name in given else "none"


def _kind(value: Any) -> str:
    """Name a JSON value without repeating a long one."""
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    if type(value) in names:
        return names[type(value)]
    return f"the {'text' if isinstance(value, str) else 'number'} {value!r:.60}"


def response(
    model: tuple[str, str], id_: str | None, logged: str | None, outputs: Mapping[str, Tensor]
) -> bytes:
    """Return an answer's body.

    model: its name and version. logged: the name under which the request is kept, if it is.
    """
    tensors = [
        {"name": key, "datatype": tensor.datatype, "shape": tensor.shape, "data": tensor.data}
        for key, tensor in outputs.items()
    ]
    name, version = model
    content: dict[str, Any] = {"model_name": name, "model_version": version, "outputs": tensors}
    if id_ is not None:
        content["id"] = id_
    if logged is not None:
        content["parameters"] = {"logged_as": logged}
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def described(scorer: Scorer) -> Iterator[dict[str, Any]]:
    """Yield name, datatype and shape of outputs, as a model's metadata has them; -1 is any size."""
    widths = {"classes": (len(scorer.classes),), "probabilities": (-1, len(scorer.classes)),
              "possible": (-1, len(scorer.classes)), "nearest": (-1, -1)}  # fmt: skip
    for name, output in OUTPUTS.items():
        yield {"name": name, "datatype": output.datatype, "shape": list(widths.get(name, (-1,)))}


def tensors_of(answers: Answers, names: tuple[str, ...], scorer: Scorer) -> dict[str, Tensor]:
    """Return the outputs of these names."""
    tensors = {}
    for name in names:
        data = OUTPUTS[name].make(scorer, answers)
        shape: tuple[int, ...] = np.shape(data[:1])[1:]
        tensors[name] = Tensor(OUTPUTS[name].datatype, (len(data), *shape), data)
    return tensors


def _predictions(scorer: Scorer, answers: Answers) -> list[str]:
    return [scorer.classes[code] for code in answers.codes.tolist()]


def answers_in_words(scorer: Scorer, answers: Answers) -> list[str]:
    """Return the class of each series, or ``unknown``."""
    pairs = zip(_predictions(scorer, answers), answers.reasons, strict=True)
    return [UNKNOWN if reason else prediction for prediction, reason in pairs]


def _nearest(scorer: Scorer, answers: Answers) -> list[list[str]]:
    return [[scorer.references[number] for number in row] for row in answers.nearest.tolist()]


def _possible(scorer: Scorer, answers: Answers) -> np.ndarray:
    return possible_classes(answers.probabilities, scorer.decision.possible or ())


class Output(NamedTuple):
    """An output: its datatype, and how its data are made."""

    datatype: str
    make: Callable[[Scorer, Answers], Any]


OUTPUTS = {
    "probabilities": Output("FP32", lambda _, answers: answers.probabilities),
    "classes": Output("BYTES", lambda scorer, _: list(scorer.classes)),
    "prediction": Output("BYTES", _predictions),
    "answer": Output("BYTES", answers_in_words),
    "reason": Output("BYTES", lambda _, answers: [reason or "" for reason in answers.reasons]),
    "confidence": Output("FP32", lambda _, answers: answers.confidence.astype(np.float32)),
    "familiarity": Output("FP32", lambda _, answers: answers.p_value),
    "possible": Output("BOOL", _possible),
    "nearest": Output("BYTES", _nearest),
}
"""Every output, in the order of answers."""
