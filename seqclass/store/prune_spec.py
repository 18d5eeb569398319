"""The limits of a pruning."""

from dataclasses import dataclass

MOST_DAYS = 36500


@dataclass(frozen=True)
class PruneSpec:
    """The items that a pruning always keeps.

    days: everything made within these days. rollbacks: number of champions before the present one.
    newest: the newest version of each dataset. unregistered: versions of models without an entry in
    the log, such as a killed training leaves.
    """

    days: float = 90.0
    rollbacks: int = 3
    newest: bool = True
    unregistered: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.days <= MOST_DAYS or self.rollbacks < 1:
            raise ValueError(
                f"prune: expected --days from 0 to {MOST_DAYS} and --rollbacks of at least 1, got "
                f"{self.days:g} and {self.rollbacks}; correct them"
            )
