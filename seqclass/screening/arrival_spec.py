"""How files of an inbox are taken in."""

from dataclasses import dataclass, field

from seqclass.screening.policy import Policy
from seqclass.store.formats import ColumnNames, Limits


@dataclass(frozen=True)
class ArrivalSpec:
    """How files that arrive are read, and when they are taken for whole.

    policy: what becomes of rows that break the dataset's contract; a file that it refuses goes to
    quarantine whole. quiet_s: seconds for which a file must not have changed. patience_s: seconds
    after which a file whose end is still missing is set aside. limits: what a file may hold.
    """

    columns: ColumnNames = field(default_factory=ColumnNames)
    policy: Policy = field(default_factory=Policy)
    quiet_s: float = 2.0
    patience_s: float = 3600.0
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not 0 <= self.quiet_s <= self.patience_s:
            raise ValueError(
                f"quiet_s: expected seconds from 0 to patience_s ({self.patience_s:g}), "
                f"got {self.quiet_s:g}; correct them"
            )
