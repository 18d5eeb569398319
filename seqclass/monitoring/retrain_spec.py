"""Settings for retraining: when it starts, how it trains, and the limits of the outcome."""

import math
from dataclasses import dataclass, field
from typing import Literal

from seqclass.series import check_choice, check_ranges
from seqclass.training.spec import ChampionLimits, TrainingSpec

MOST_TRIES, MOST_APPROVAL_S = 20, 3.2e8
"""The waits between tries double, so the twentieth follows after weeks; ten years in seconds."""


@dataclass(frozen=True)
class GateSpec:
    """Limits that a challenger must keep on frozen test rows.

    floor: least macro F1 on the old ones, in [0, 1].
    significance: level of the one-sided tests for worse, in (0, 1).
    worse: macro F1 that it may lose, in [0, 1], on the old and on the newest rows; see
        ``paired.allowance``.
    class_fall: recall that a class may lose, in [0, 1], and ``class_falls`` by name where it
        differs; classes with fewer than ``class_rows`` rows are not judged alone, since a limit of
        a tenth is less than three of them, which can be lost by chance.
    least_rows: old test rows below which nothing is promoted.
    recovery: share of a drop in quality on new rows that the challenger must make good, in [0, 1].
    """

    floor: float = 0.0
    significance: float = 0.05
    worse: float = 0.03
    class_fall: float = 0.1
    class_falls: dict[str, float] | None = None
    class_rows: int = 30
    least_rows: int = 10
    recovery: float = 0.5

    def __post_init__(self) -> None:
        check_ranges(self, [("floor significance worse class_fall recovery", 0, 1)], closed=True)
        check_ranges(self, [("class_rows least_rows", 1, math.inf)])
        if not all(0 <= fall <= 1 for fall in (self.class_falls or {}).values()):
            raise ValueError(
                f"class_falls: expected numbers from 0 to 1, got {self.class_falls}; correct them"
            )


@dataclass(frozen=True)
class Rules:
    """The rules that judge a version: the gate, limits for seeds and for first champions, and
    whether a person must approve."""

    gate: GateSpec = field(default_factory=GateSpec)
    limits: ChampionLimits = field(default_factory=ChampionLimits)
    approval: bool = False


@dataclass(frozen=True)
class DriftSpec:
    """Limits from which on a difference counts as drift.

    significance: chance of any false alarm in one comparison of all numbers, in (0, 1).
    shift: Kolmogorov-Smirnov distance, or share of rows that changed class, from which on a
        difference is large, in (0, 1).
    stability_index: the same for the population stability index, above 0.
    least_rows: new rows below which nothing is compared.
    most_rows: rows of either side that are used.
    """

    significance: float = 0.002
    shift: float = 0.15
    stability_index: float = 0.1
    least_rows: int = 20
    most_rows: int = 20_000

    def __post_init__(self) -> None:
        check_ranges(self, [
            ("significance shift", 1e-9, 1), ("stability_index", 1e-9, math.inf),
            ("least_rows most_rows", 2, math.inf),
        ])  # fmt: skip


@dataclass(frozen=True)
class RetrainSpec:
    """Settings for keeping a champion up to date.

    least_rows: new rows, since the last check, below which nothing is done.
    debounce_s: seconds without further rows before a run starts.
    cool_down_s: seconds to wait after the decision on the last challenger.
    quiet_hours: hours of the day (UTC), 0 to 23, from and until which nothing is begun; they span
        midnight if the first is later (None: no quiet hours).
    when: train on new rows, or only if quality or rows have ``changed``.
    window_rows: number of newest rows to train on (None: all).
    start: ``fresh`` weights, or the champion's (``warm``).
    training: how to train (None: as the champion).
    significance, least_drop: of a fall in accuracy on new labelled rows, each in (0, 1).
    trust_labels: accept new labels as they are, including those doubted before.
    approval: a person decides on a version that passed the gate; without an answer within
        ``approval_s`` seconds it is declined.
    tries: how often the same rows are tried if trainings fail or die, at least 1.
    again: try rows now that were given up, or that wait for their next try or for the end of quiet
        hours.
    """

    least_rows: int = 20
    debounce_s: float = 0.0
    cool_down_s: float = 0.0
    quiet_hours: tuple[int, int] | None = None
    when: Literal["new rows", "changed"] = "new rows"
    window_rows: int | None = None
    start: Literal["fresh", "warm"] = "fresh"
    training: TrainingSpec | None = None
    significance: float = 0.002
    least_drop: float = 0.05
    trust_labels: bool = False
    approval: bool = False
    approval_s: float = 86400.0
    tries: int = 5
    again: bool = False
    drift: DriftSpec = field(default_factory=DriftSpec)
    gate: GateSpec = field(default_factory=GateSpec)

    def __post_init__(self) -> None:
        check_ranges(self, [
            ("debounce_s cool_down_s", 0, math.inf), ("tries", 1, MOST_TRIES + 1),
            ("approval_s", 1, MOST_APPROVAL_S), ("significance least_drop", 1e-9, 1),
            ("least_rows", 1, math.inf),
        ])  # fmt: skip
        if self.window_rows is not None and self.window_rows < 10:
            raise ValueError(
                f"window_rows: expected at least 10, got {self.window_rows}; correct it"
            )
        hours = self.quiet_hours
        if hours and (hours[0] == hours[1] or not all(0 <= hour < 24 for hour in hours)):
            raise ValueError(
                "quiet_hours: expected two different hours from 0 to 23, got "
                f"{hours[0]} and {hours[1]}; correct them"
            )
        check_choice("when", self.when, ("new rows", "changed"))
        check_choice("start", self.start, ("fresh", "warm"))

    def is_quiet(self, hour: int) -> bool:
        """Check whether nothing is begun at this hour of the day (UTC)."""
        if self.quiet_hours is None or self.again:
            return False
        start, end = self.quiet_hours
        return (hour - start) % 24 < (end - start) % 24
