"""Numbers of a spec, held to their ranges."""

import math
from collections.abc import Sequence
from typing import Any


def check_ranges(spec: Any, ranges: Sequence[tuple[str, float, float]]) -> None:
    """Raise ValueError where a named field is below the first number, or not below the second."""
    for names, low, high in ranges:
        for name in names.split():
            value = getattr(spec, name)
            if not low <= value < high:
                wanted = f"at least {low:g}" + (f" and below {high:g}" if high < math.inf else "")
                raise ValueError(f"{name}: expected a number of {wanted}, got {value}; correct it")
