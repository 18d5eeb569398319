"""What becomes of an import that breaks the contract of the rows before it."""

from dataclasses import dataclass, fields
from typing import Literal

Whole = Literal["refuse", "accept"]
Row = Literal["refuse", "quarantine", "accept"]
Flaw = Literal["refuse", "quarantine"]


@dataclass(frozen=True)
class Policy:
    """An action for every kind of violation.

    Of whole files: new_column, missing_column; other_unit: a channel whose middle values have
    moved or spread as another unit would; missing_rate: more holes in a channel.
    Of series: new_class; out_of_range; frozen: constant in a channel for more than
    twice as long as it is in nearly all series; holes: more of the series is missing than of any
    before; length; duplicate_id: the id of another series
    with other content; infinite.
    most_quarantined: share of the series, in [0, 1], above which the import is refused after all.
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
        """What is done with rows of a kind: ``accept``, ``quarantine`` or ``refuse``."""
        return getattr(self, kind)


ACTIONS: dict[str, tuple[str, ...]] = {
    f.name: f.type.__args__  # type: ignore[union-attr]
    for f in fields(Policy)
    if f.type is not float
}
"""The kinds of violations and what each may be answered with."""


def policy_of(choices: list[str]) -> Policy:
    """The policy with the given choices, each ``kind=action``."""
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
