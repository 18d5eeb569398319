"""From how many training rows on a series can be called unfamiliar."""

import pytest

from seqclass.store.few_references import too_few_references


@pytest.mark.parametrize(
    ("references", "unfamiliar", "least"),
    [(98, 0.01, 99), (99, 0.01, None), (8, 0.1, 9), (32, 0.03, 33), (33, 0.03, None),
     (5, 0.0, None), (None, 0.01, None)],
)  # fmt: skip
def test_the_smallest_p_value_decides(
    references: int | None, unfamiliar: float, least: int | None
) -> None:
    said = too_few_references(references, unfamiliar)
    assert said is None if least is None else said and said.endswith(f"which takes {least}")
