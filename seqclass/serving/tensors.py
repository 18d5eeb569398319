"""Answers as tensors of the protocol: names, datatypes, shapes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.inference.answers import Answers, possible_classes
from seqclass.inference.prediction import Scorer
from seqclass.serving.protocol import Tensor


def names_of_outputs(scorer: Scorer, seen: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Return the outputs of a version; older ones lack some.

    seen: outputs of its network by name.
    """
    has = {
        "p_value": "p_value" in seen,
        "possible": scorer.decision.possible is not None,
        "nearest": bool(scorer.references) and "nearest" in seen,
    }
    return tuple(name for name in OUTPUTS if has.get(name, True))


def described(names: tuple[str, ...], scorer: Scorer) -> Iterator[dict[str, Any]]:
    """Yield name, datatype and shape of outputs, as a model's metadata has them; -1 is any size."""
    widths = {"classes": (len(scorer.classes),), "probabilities": (-1, len(scorer.classes)),
              "possible": (-1, len(scorer.classes)), "nearest": (-1, -1)}  # fmt: skip
    for name in names:
        shape = list(widths.get(name, (-1,)))
        yield {"name": name, "datatype": OUTPUTS[name].datatype, "shape": shape}


def tensors_of(found: Answers, names: tuple[str, ...], scorer: Scorer) -> dict[str, Tensor]:
    """Return the outputs of these names."""
    return {name: _tensor(OUTPUTS[name], found, scorer) for name in names}


def _tensor(output: "Output", found: Answers, scorer: Scorer) -> Tensor:
    data = output.make(scorer, found)
    if isinstance(data, np.ndarray):
        return Tensor(output.datatype, data.shape, data)
    is_nested = bool(data) and isinstance(data[0], list)
    return Tensor(output.datatype, (len(data), len(data[0])) if is_nested else (len(data),), data)


def _labels(scorer: Scorer, found: Answers) -> list[str]:
    return [scorer.classes[code] for code in found.codes.tolist()]


def answers_in_words(scorer: Scorer, found: Answers) -> list[str]:
    """Return the class of each series, or ``unknown``."""
    pairs = zip(_labels(scorer, found), found.reasons, strict=True)
    return [UNKNOWN if reason else label for label, reason in pairs]


def _nearest(scorer: Scorer, found: Answers) -> list[list[str]]:
    numbers: list[list[int]] = [] if found.nearest is None else found.nearest.tolist()
    return [[scorer.references[number] for number in row] for row in numbers]


def _possible(scorer: Scorer, found: Answers) -> np.ndarray:
    return possible_classes(found.probabilities, scorer.decision.possible or ())


class Output(NamedTuple):
    """An output: its datatype, and how its data are made."""

    datatype: str
    make: Callable[[Scorer, Answers], Any]


OUTPUTS = {
    "probabilities": Output("FP32", lambda _, found: found.probabilities),
    "classes": Output("BYTES", lambda scorer, _: list(scorer.classes)),
    "label": Output("BYTES", _labels),
    "answer": Output("BYTES", answers_in_words),
    "reason": Output("BYTES", lambda _, found: [reason or "" for reason in found.reasons]),
    "confidence": Output("FP32", lambda _, found: found.confidence.astype(np.float32)),
    "p_value": Output("FP32", lambda _, found: found.p_value),
    "possible": Output("BOOL", _possible),
    "nearest": Output("BYTES", _nearest),
}
"""Every output, in the order of answers."""
