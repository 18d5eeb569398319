"""When a version calls a series ambiguous, and whether it can call one unfamiliar, in words."""

import math
from collections.abc import Mapping
from typing import Any


def too_few_references(references: int, unfamiliar: float) -> str | None:
    """Return that no series can be called unfamiliar, in words; None if some can.

    The smallest p-value of ``references`` training rows is ``1 / (references + 1)``. unfamiliar:
    the p-value up to which series are called so; 0 asks for none.
    """
    if not unfamiliar or (references + 1) * unfamiliar >= 1:
        return None
    least = math.ceil(1 / unfamiliar - 1e-9) - 1
    return (
        f"{references} training series are too few to call any series unfamiliar, which takes "
        f"{least}"
    )


def ambiguity_rule(decision: Mapping[str, Any]) -> str:
    """Return in words when a version's rule calls a series ambiguous; empty if it calls none so."""
    if decision["costs"]:
        return "unknown costs less"
    threshold = decision["threshold"]
    return f"confidence below {threshold:.4f}" if threshold else ""
