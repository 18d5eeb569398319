"""The limits of a pruning."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PruneSpec:
    """The items that a pruning always keeps.

    days: everything made within these days. rollbacks: number of champions before the present one.
    newest: the newest version of each dataset.
    """

    days: float = 90.0
    rollbacks: int = 3
    newest: bool = True

    def __post_init__(self) -> None:
        if not self.days >= 0 or self.rollbacks < 1:
            raise ValueError(
                "prune: expected --days of at least 0 and --rollbacks of at least 1, got "
                f"{self.days:g} and {self.rollbacks}; correct them"
            )
