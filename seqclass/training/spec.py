"""Everything that decides how a classifier is made; free of TensorFlow, so it imports fast."""

import math
from dataclasses import dataclass, field
from numbers import Real
from typing import Literal, get_args

from seqclass.evaluation.goals import Abstention, Goal, check_goal
from seqclass.networks.architecture import Architecture
from seqclass.series import check_choice, check_ranges
from seqclass.training.recipe import CHUNK, Recipe
from seqclass.training.row_order import WINDOW

LARGEST_SEED = 2**31 - 1
"""Largest seed, which fits the 32 bits that every library takes."""

Member = Literal["convolutions", "view-kernels", "steps", "conv-lstm"]
MEMBERS: tuple[Member, ...] = get_args(Member)
"""Possible members of a committee, from cheap to dear (``members.py``)."""


@dataclass(frozen=True)
class ChampionLimits:
    """Limits that a champion must keep to.

    above_chance: how much the worst seed's balanced accuracy must exceed that of guessing, which is
    one over the number of classes. spread: largest standard deviation of macro F1 over seeds.
    restarts: most new beginnings per seed, on average.
    For a first champion, which is compared with no other: min_test_rows: fewest rows that it has
    not learnt from; held-back training rows count among them if test rows are fewer. significance:
    error in (0, 1) with which its interval lies above chance, and with which no baseline is better.
    """

    above_chance: float = 0.1
    spread: float = 0.05
    restarts: float = 1.0
    min_test_rows: int = 20
    significance: float = 0.05

    def __post_init__(self) -> None:
        check_ranges(self, [("above_chance spread restarts min_test_rows", 0, math.inf)])
        check_ranges(self, [("significance", 1e-9, 1)])


@dataclass(frozen=True)
class TrainingSpec:
    """The way a classifier is made from a dataset.

    seeds: replicas to train, at least 1. first_seed: the lowest of them, not negative.
    test_fraction: share of rows kept for evaluation if the dataset names no test rows.
    validation_fraction: largest share of training rows that a network holds back; the networks of a
    member together hold back as many rows as ``splits.holdout_folds`` says.
    members: those that a replica's committee is chosen from.
    budget_s: seconds after which a replica begins no further network, and its LSTM's first one,
    which is always trained, ends with ``recipe.shortest`` updates or more (None: no bound).
    networks: most networks of the LSTM, by its member's name; lstm_updates: most updates of the
    LSTM's first network (None: no bound). With both, as its record names them, a training that a
    budget has shortened is repeated to the bit.
    split_seed: seed of the choice of test rows and of folds. split_by: rule that chooses test rows
    if the dataset names none: a hash of each row's key, or the time, for the newest rows.
    window: most training rows that are held at once (None: all). If there are more, the LSTM learns
    from one window after the other, and everything else from a sample; see ``row_order``.
    ensemble: register the average of all seeds instead of the one that validates best.
    warm_start: a model version whose weights each seed's networks begin with (None: fresh ones).
    auxiliary: a dataset whose rows only train, at a weight that held-back rows choose (None: none).
    goal: what answers are chosen for: macro_f1, accuracy, balanced_accuracy, or costs, by true
    class those of each answer and of ``unknown``. No network depends on it, nor on the limits of
    ``unknown``.
    """

    seeds: int = 5
    first_seed: int = 0
    test_fraction: float = 0.2
    validation_fraction: float = 0.2
    members: tuple[Member, ...] = MEMBERS
    budget_s: float | None = None
    networks: dict[str, int] | None = None
    lstm_updates: int | None = None
    split_seed: int = 0
    ensemble: bool = False
    split_by: Literal["hash", "time"] = "hash"
    warm_start: str | None = None
    auxiliary: str | None = None
    window: int | None = WINDOW
    goal: Goal = "macro_f1"
    recipe: Recipe = field(default_factory=Recipe)
    architecture: Architecture = field(default_factory=Architecture)
    abstention: Abstention = field(default_factory=Abstention)
    limits: ChampionLimits = field(default_factory=ChampionLimits)

    def __post_init__(self) -> None:
        check_ranges(self, [("seeds", 1, math.inf), ("first_seed split_seed", 0, math.inf)])
        check_ranges(self, [("test_fraction validation_fraction", 1e-9, 0.5)], closed=True)
        if self.first_seed + self.seeds > LARGEST_SEED:
            raise ValueError(
                f"first_seed: expected seeds up to {LARGEST_SEED}, "
                f"got {self.first_seed} and {self.seeds} seeds; take smaller ones"
            )
        check_choice("split_by", self.split_by, ("hash", "time"))
        check_goal(self.goal)
        if self.window is not None and self.window < self.min_window:
            raise ValueError(
                f"window: expected at least {self.min_window:,} rows with batches of up to "
                f"{self.min_window // (2 * CHUNK):,}, got {self.window:,}; correct the value"
            )
        if not self.members or set(self.members) - set(MEMBERS):
            raise ValueError(
                f"members: expected some of {', '.join(MEMBERS)}, got "
                f"{', '.join(map(str, self.members)) or 'none'}; correct the list"
            )
        budget = self.budget_s
        if budget is not None and not (isinstance(budget, Real) and 0 < budget < math.inf):
            raise ValueError(
                f"budget_s: expected seconds above 0, got {budget!r}; correct the value"
            )

    @property
    def min_window(self) -> int:
        """Fewest rows of a window: those of two chunks of the largest batches."""
        return 2 * CHUNK * max(self.recipe.smallest_batch, self.recipe.largest_batch)

    @property
    def replica_seeds(self) -> range:
        """The seeds of the replicas, ascending."""
        return range(self.first_seed, self.first_seed + self.seeds)
