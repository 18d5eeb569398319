"""A learning curve: what more training rows are worth, by fits to a part of them."""

import math
from collections.abc import Sequence

import numpy as np
from typing_extensions import TypedDict


class LearningCurve(TypedDict):
    """Log-losses (nats) of the same held-back rows, by the number of rows that were learnt from.

    rows: two parts of the training rows, then all of them. log_loss: measured on the parts,
    expected of all. gain: by how much all rows lower the loss of the larger part. standard_error:
    of the gain. is_flat: whether the gain is within one standard error. is_enough: whether the
    larger part alone was trained on.
    """

    rows: list[int]
    log_loss: list[float]
    gain: float
    standard_error: float
    is_flat: bool
    is_enough: bool


def learning_curve(
    rows: Sequence[int], losses: Sequence[np.ndarray], groups: np.ndarray | None
) -> LearningCurve:
    """Extend two measured points to all rows by a power law.

    rows: of both parts and of all. losses: ``(n,)`` of the held-back rows, after each part; groups:
    ``(n,)`` of these rows, or None. The loss falls in proportion to a power of the number of rows
    (Cortes et al. 1993, "Learning curves: asymptotic values and rate of convergence"; Hestness et
    al. 2017, "Deep learning scaling is predictable, empirically"). The law has no floor, so it
    promises too much rather than too little. Its standard error is that of the paired losses, by
    the derivatives of the gain.
    """
    from seqclass.evaluation.intervals import clustered_error  # show needs no statistics

    fewer, more = (float(own.mean()) for own in losses)
    steps = math.log(rows[2] / rows[1]) / math.log(rows[1] / rows[0])
    share = (more / fewer) ** steps
    by_more, by_fewer = 1 - (1 + steps) * share, steps * share * more / fewer
    error, _ = clustered_error(by_more * losses[1] + by_fewer * losses[0], groups)
    gain = more * (1 - share)
    return {
        "rows": list(rows),
        "log_loss": [fewer, more, more - gain],
        "gain": gain,
        "standard_error": error,
        "is_flat": gain <= error,
        "is_enough": False,
    }


def curve_line(found: LearningCurve) -> str:
    """Return a learning curve in words."""
    fewer, more, every = (f"{count:,}" for count in found["rows"])
    first, second, last = (f"{loss:.4f}" for loss in found["log_loss"])
    line = (
        f"learning curve of short fits: log-loss {first} on {fewer} rows, {second} on {more}; by a "
        f"power law {last} on {every}, a gain of {found['gain']:.4f} (standard error "
        f"{found['standard_error']:.4f})"
    )
    if not found["is_flat"]:
        return line
    return f"{line}: flat" + (f", so {more} rows are trained on" * found["is_enough"])
