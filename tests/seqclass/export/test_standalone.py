"""The file that goes with an export decides as this project does."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from seqclass.evaluation.decisions import Decision
from seqclass.export.standalone import decide
from seqclass.inference.answers import answers_of

CLASSES = ["a", "b", "c"]


COSTS = ((0.0, 2.0, 1.0, 0.3), (1.0, 0.0, 1.0, 0.3), (5.0, 1.0, 0.0, 0.5))


@pytest.mark.parametrize(
    ("offsets", "possible", "costs"),
    [
        (None, None, None),
        ((0.0, 1.5, -0.5), (0.1, 0.3, 0.0), None),
        (None, (0.1, 0.3, 0.0), COSTS),
        ((0.0, 1.5, -0.5), None, [row[:3] for row in COSTS]),
    ],
)
def test_answers_and_reasons_are_those_of_the_project(
    offsets: tuple[float, ...] | None, possible: tuple[float, ...] | None, costs: Any
) -> None:
    rng = np.random.default_rng(0)
    outputs = {
        "probabilities": rng.dirichlet(np.ones(3), 200).astype(np.float32),
        "p_value": rng.random(200).astype(np.float32),
        "nearest": np.zeros((200, 1), int),
    }
    rule = Decision(offsets, 0.6, 0.9, 0.1, 0.2, possible, costs)
    record = {
        "classes": CLASSES, "references": ["s0"],
        "decision": asdict(rule),
    }  # fmt: skip
    alone, expected = decide(outputs, record), answers_of(outputs, rule)
    assert alone["prediction"] == [CLASSES[code] for code in expected.codes]
    assert alone["reason"] == list(expected.reasons)
    np.testing.assert_allclose(alone["confidence"], expected.confidence, rtol=1e-6)
    unknown = [answer == "unknown" for answer in alone["answer"]]
    assert unknown == [reason is not None for reason in expected.reasons]
    assert 0 < sum(unknown) < 200
