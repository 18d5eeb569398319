"""The contract of a dataset: the profile of its rows, with which later rows are compared, and the
actions for rows that break it.
"""

from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np

from seqclass.series import check_choice, check_ranges
from seqclass.store.formats.table import ColumnNames
from seqclass.store.manifests import ChannelStatistics
from seqclass.store.row_profile import STUCK_FACTOR, SeriesValues

Whole = Literal["refuse", "accept"]
Row = Literal["refuse", "quarantine", "accept"]
Flaw = Literal["refuse", "quarantine"]
Step = Literal["as_before", "refuse", "drop"]


def are_stuck(channel: ChannelStatistics, series: SeriesValues) -> np.ndarray:
    """Mark series ``(n,)`` that are unchanged in a channel for longer than nearly all ever are."""
    if channel["still"] is None:
        return np.zeros(len(series.frozen), dtype=bool)
    return series.frozen & (series.seen > STUCK_FACTOR * channel["still"]) & ~series.infinite


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

    Of rows of a file:

    repeated_steps: the step of a series again, with the same values. The dataset remembers the
        action: ``as_before`` is that of the import before, or ``refuse``.

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
    repeated_steps: Step = "as_before"
    most_quarantined: float = 0.5

    def __post_init__(self) -> None:
        for kind, actions in ACTIONS.items():
            check_choice(f"policy of {kind}", getattr(self, kind), actions)
        check_ranges(self, [("most_quarantined", 0, 1)], closed=True)

    def action(self, kind: str) -> str:
        """Return the action for a kind of violation: ``accept``, ``quarantine`` or ``refuse``."""
        return getattr(self, kind)

    @property
    def infinite_cure(self) -> str | None:
        """Advice against infinite values for readers, which refuse them; None passes them on."""
        if self.infinite != "refuse":
            return None
        return "correct the value, or set such series aside with --policy infinite=quarantine"

    def reading(self, names: ColumnNames, before: ColumnNames) -> ColumnNames:
        """Return the options for reading files, completed by those of the import before."""
        if self.repeated_steps != "as_before":
            names = replace(names, repeated_steps=self.repeated_steps)
        return names.merge(before)


ACTIONS: dict[str, tuple[str, ...]] = {
    f.name: f.type.__args__  # type: ignore[union-attr]
    for f in fields(Policy)
    if f.type is not float
}
"""The kinds of violations and the actions that each allows."""


def policy_of_choices(choices: list[str]) -> Policy:
    """Return the policy with the given choices, each ``kind=action``."""
    actions: dict[str, str] = {}
    for choice in choices:
        kind, _, action = choice.partition("=")
        if kind not in ACTIONS or not action:
            raise ValueError(
                f"--policy: expected KIND=ACTION with a kind out of {', '.join(ACTIONS)}, "
                f"got {choice!r}; correct it"
            )
        actions[kind] = action
    return Policy(**actions)  # type: ignore[arg-type]
