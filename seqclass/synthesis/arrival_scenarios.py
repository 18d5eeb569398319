"""Weeks of arriving rows, as a plant might send them: quiet, drifting, changed, or spoilt."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from seqclass.synthesis.random_series import Normal, Uniform
from seqclass.synthesis.signals import SignalSpec, generate_signals

FIRST_WEEKS = 4
"""Number of quiet weeks at the start of every scenario, for comparison."""


@dataclass(frozen=True)
class ArrivalWeek:
    """The rows that one week brings.

    level: added to every value, in sigmas of the noise.
    turned: a sensor was mounted the other way round.
    shuffled: labels were mixed up.
    late: the rows come two weeks later.
    down: server and worker are down.
    by_hand: a person promotes the refused challenger and reverts that a week later.
    """

    level: float = 0.0
    turned: bool = False
    shuffled: bool = False
    late: bool = False
    down: bool = False
    by_hand: bool = False


@dataclass(frozen=True)
class ScenarioSpec:
    """Settings of a scenario: amount and difficulty of the rows.

    first_rows, rows: of the first delivery and of each week, at least 30.
    n_steps: of each series, at least 8.
    seed: not negative.
    """

    first_rows: int = 240
    rows: int = 150
    n_steps: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.first_rows, self.rows) < 30 or self.n_steps < 8 or self.seed < 0:
            raise ValueError(
                "arrivals: expected at least 30 rows of at least 8 steps and a seed of at least 0, "
                f"got {self.first_rows} and {self.rows} rows of {self.n_steps} steps, seed "
                f"{self.seed}; correct them"
            )


def _story(week: int) -> ArrivalWeek:
    """Return a week of the scenario with every kind of event; changes persist."""
    changed = ArrivalWeek(turned=week >= 9)
    special = {
        3: replace(changed, shuffled=True, by_hand=True),
        5: replace(changed, down=True),
        6: replace(changed, late=True),
    }
    return special.get(week, changed)


SCENARIOS: dict[str, Callable[[int], ArrivalWeek]] = {
    "stable": lambda week: ArrivalWeek(),
    "slow drift": lambda week: ArrivalWeek(level=0.3 * max(0, week - FIRST_WEEKS)),
    "sudden change": lambda week: ArrivalWeek(turned=week > FIRST_WEEKS),
    "poisoned batch": lambda week: ArrivalWeek(shuffled=week == FIRST_WEEKS + 1),
    "late batch": lambda week: ArrivalWeek(late=week == FIRST_WEEKS + 1),
    "outage": lambda week: ArrivalWeek(down=week in (FIRST_WEEKS + 1, FIRST_WEEKS + 2)),
    "story": _story,
}
"""The events of each week by scenario; weeks count from 1."""


def draw_week(spec: ScenarioSpec, number: int, week: ArrivalWeek) -> tuple[np.ndarray, np.ndarray]:
    """Draw series ``(rows, steps)`` float32 and class names ``(rows,)`` of a week.

    Week 0 is the first delivery.
    """
    n_rows = spec.rows if number else spec.first_rows
    signals = SignalSpec(
        n_series=n_rows,
        n_steps=spec.n_steps,
        seed=1000 * spec.seed + number,
        level=Normal(0.0, 0.5),
        spread=Uniform(0.8, 1.2),
        change_position=Uniform(0.3, 0.7),
        shift=Uniform(2.0, 4.0),
        spread_ratio=Uniform(1.0, 1.0),
        burst_steps=(2, 4),
        burst_height=Uniform(4.0, 6.0),
    )
    blocks = list(generate_signals(signals))
    x = np.concatenate([block.values[..., 0] for block in blocks])
    names = np.array(signals.classes)[np.concatenate([block.codes for block in blocks])]
    if week.turned:
        x = -x
    if week.shuffled:
        names = np.random.default_rng(signals.seed).permutation(names)
    return x + np.float32(week.level), names
