"""Everything that decides how a classifier is made; free of TensorFlow, so that it imports fast."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from seqclass.evaluation.decisions import Abstention
from seqclass.networks.architecture import Architecture
from seqclass.series import check_ranges
from seqclass.training.recipe import Recipe

LARGEST_SEED = 2**31 - 1
"""A seed has to fit the 32 bits that every library takes."""

Member = Literal["convolutions", "steps", "frozen-lstm", "conv-lstm"]
MEMBERS: tuple[Member, ...] = get_args(Member)
"""What a committee may consist of, from cheap to dear (``members.py``)."""


@dataclass(frozen=True)
class Limits:
    """What a champion must keep to.

    above_chance: how much the worst seed's balanced accuracy must exceed that of guessing, which
    is one over the number of classes. spread: standard deviation of macro F1 over seeds at
    most. restarts: new beginnings per seed at most, on average.
    Of a first champion, which no other is compared with: min_test_rows: rows at least that it has
    not learnt from; training rows held back count among them where test rows are fewer.
    significance: error in (0, 1) with which its interval lies above chance, and with which no
    baseline is better.
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
    """How a classifier is made from a dataset.

    seeds: replicas to train, at least 1. first_seed: the lowest of them, not negative.
    test_fraction: share of rows kept for evaluation where the dataset names none.
    validation_fraction: share of training rows that a network holds back at most; together the
    networks of a member hold back as many rows as ``splits.holdout_folds`` says.
    members: what a replica's committee is chosen from.
    budget_s: seconds after which a replica begins no further network and its LSTM's first one,
    which is always trained, ends with ``recipe.shortest`` updates or more (None: no bound).
    networks: how many networks of each LSTM member at most, by its name; lstm_updates: updates of
    the LSTM's first network at most. By both, as its record names them, a training that a budget
    has shortened is trained again to the bit (None: no bound).
    split_seed: of the test rows. split_by: what chooses them where the dataset names none: a hash
    of each row's key, or the time of the newest rows. split_rule: 1 moves no group for the sake
    of share or classes, as models of old specs do, 2 does; see ``recorded``.
    ensemble: register the average of all seeds instead of the one that validates best.
    warm_start: a model version whose weights each seed's networks begin with (None: fresh ones).
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
    split_rule: int = 2
    recipe: Recipe = field(default_factory=Recipe)
    architecture: Architecture = field(default_factory=Architecture)
    abstention: Abstention = field(default_factory=Abstention)
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        for name, low in (("seeds", 1), ("first_seed", 0), ("split_seed", 0)):
            value = getattr(self, name)
            if value < low:
                raise ValueError(
                    f"{name}: expected a whole number of at least {low}, got {value}; "
                    "correct the value"
                )
        if self.first_seed + self.seeds > LARGEST_SEED:
            raise ValueError(
                f"first_seed: expected seeds up to {LARGEST_SEED}, "
                f"got {self.first_seed} and {self.seeds} seeds; take smaller ones"
            )
        self._check_split()
        if not self.members or set(self.members) - set(MEMBERS):
            raise ValueError(
                f"members: expected some of {', '.join(MEMBERS)}, got "
                f"{', '.join(self.members) or 'none'}; correct the list"
            )
        if self.budget_s is not None and not 0 < self.budget_s < math.inf:
            raise ValueError(
                f"budget_s: expected seconds above 0, got {self.budget_s}; correct the value"
            )

    def _check_split(self) -> None:
        if self.split_by not in ("hash", "time"):
            raise ValueError(
                f"split_by: expected hash or time, got {self.split_by!r}; correct the value"
            )
        if self.split_rule not in (1, 2):
            raise ValueError(
                f"split_rule: expected 1 or 2, got {self.split_rule}; correct the value"
            )
        for name in ("test_fraction", "validation_fraction"):
            value = getattr(self, name)
            if not 0 < value <= 0.5:
                raise ValueError(
                    f"{name}: expected a share above 0 and up to 0.5, got {value}; "
                    "correct the value"
                )

    @property
    def replica_seeds(self) -> range:
        """The seeds of the replicas, ascending."""
        return range(self.first_seed, self.first_seed + self.seeds)


def recorded(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored spec with the rules of its time: one that names no rule for splits has the first."""
    return {"split_rule": 1, **stored}
