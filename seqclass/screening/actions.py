"""Actions for rows of an import that break the contract of the dataset."""

from dataclasses import dataclass, fields
from typing import Literal

Whole = Literal["refuse", "accept"]
Row = Literal["refuse", "quarantine", "accept"]
Flaw = Literal["refuse", "quarantine"]


@dataclass(frozen=True)
class Policy:
    """An action for every kind of violation.

    Of whole files:

    new_column, missing_column: other columns than before.
    other_unit: a channel whose median or spread has changed as if the unit had.
    missing_rate: more missing values in a channel.

    Of series:

    new_class, out_of_range, length: a label, a value or a length unlike all before.
    infinite: an infinite value.
    frozen: constant in a channel for more than twice as long as in nearly all series.
    holes: a larger share of the series is missing than ever before.
    duplicate_id: the id of another series with other content.

    most_quarantined: share of the series, in [0, 1], above which the whole import is refused.
    """

    new_column: Whole = "refuse"
    missing_column: Whole = "refuse"
    other_unit: Whole = "refuse"
    missing_rate: Whole = "refuse"
    new_class: Row = "refuse"
    out_of_range: Row = "quarantine"
    frozen: Row = "quarantine"
    holes: Row = "quarantine"
    length: Row = "quarantine"
    duplicate_id: Flaw = "refuse"
    infinite: Flaw = "refuse"
    most_quarantined: float = 0.5

    def __post_init__(self) -> None:
        for kind, actions in ACTIONS.items():
            if getattr(self, kind) not in actions:
                raise ValueError(
                    f"policy of {kind}: expected {' or '.join(actions)}, "
                    f"got {getattr(self, kind)!r}; choose one of them"
                )
        if not 0 <= self.most_quarantined <= 1:
            raise ValueError(
                f"most_quarantined: expected a share from 0 to 1, got {self.most_quarantined}; "
                "correct the value"
            )

    def action(self, kind: str) -> str:
        """Return the action for a kind of violation: ``accept``, ``quarantine`` or ``refuse``."""
        return getattr(self, kind)


ACTIONS: dict[str, tuple[str, ...]] = {
    f.name: f.type.__args__  # type: ignore[union-attr]
    for f in fields(Policy)
    if f.type is not float
}
"""The kinds of violations and the actions that each allows."""


def policy_of(choices: list[str]) -> Policy:
    """Return the policy with the given choices, each ``kind=action``."""
    chosen: dict[str, str] = {}
    for choice in choices:
        kind, _, action = choice.partition("=")
        if kind not in ACTIONS or not action:
            raise ValueError(
                f"--policy: expected KIND=ACTION with a kind out of {', '.join(ACTIONS)}, "
                f"got {choice!r}; correct it"
            )
        chosen[kind] = action
    return Policy(**chosen)  # type: ignore[arg-type]
