"""From how many training rows on a series can be called unfamiliar."""

import pytest

from seqclass.store.few_references import ambiguity_rule, too_few_references


@pytest.mark.parametrize(
    ("references", "unfamiliar", "least"),
    [(98, 0.01, 99), (99, 0.01, None), (8, 0.1, 9), (32, 0.03, 33), (33, 0.03, None),
     (5, 0.0, None)],
)  # fmt: skip
def test_the_smallest_p_value_decides(
    references: int, unfamiliar: float, least: int | None
) -> None:
    said = too_few_references(references, unfamiliar)
    assert said is None if least is None else said and said.endswith(f"which takes {least}")


@pytest.mark.parametrize(
    ("decision", "rule"),
    [
        ({"threshold": 0.75, "costs": None}, "confidence below 0.7500"),
        ({"threshold": 0.0, "costs": None}, ""),
        ({"threshold": 0.0, "costs": [[0.0, 1.0, 0.2], [9.0, 0.0, 0.2]]}, "unknown costs less"),
    ],
)
def test_the_rule_for_ambiguous_series_is_told(decision: dict, rule: str) -> None:
    assert ambiguity_rule(decision) == rule
