"""When a classifier answers ``unknown``."""

from dataclasses import dataclass

from seqclass.ranges import check_ranges


@dataclass(frozen=True)
class Abstention:
    """When to answer ``unknown``; the threshold is chosen on held-back training rows.

    risk: share of wrong answers among answered rows at most, in [0, 1). coverage: share of rows
    that are confident enough at most, in (0, 1]; below 1, so that series unlike all that were seen,
    which no held-back row stands for, find a threshold to fall below. unfamiliar: share of series
    like the training rows that are taken for unlike them, in [0, 1). set_coverage: share of each
    class's series whose set of possible classes holds it, in (0, 1).
    """

    risk: float = 0.1
    coverage: float = 0.98
    unfamiliar: float = 0.01
    set_coverage: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.risk < 1:
            raise ValueError(
                f"risk: expected a share of at least 0 and below 1, got {self.risk}; correct it"
            )
        check_ranges(self, [("unfamiliar", 0, 1), ("set_coverage", 1e-9, 1)])
        if not 0 < self.coverage <= 1:
            raise ValueError(
                f"coverage: expected a share above 0 and up to 1, got {self.coverage}; correct it"
            )
