"""Everything that decides how a classifier is made; free of TensorFlow, so that it imports fast."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

LARGEST_SEED = 2**31 - 1
"""A seed has to fit the 32 bits that every library takes."""
CHUNK = 50
"""Updates between two looks at the losses; budgets are rounded up to a multiple of it."""

Kind = Literal["conv-lstm", "bilstm", "lstm"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Member = Literal["convolutions", "steps", "frozen-lstm", "conv-lstm"]
MEMBERS: tuple[Member, ...] = get_args(Member)
"""What a committee may consist of, from cheap to dear (``members.py``)."""


def _check_ranges(spec: Any, ranges: Sequence[tuple[str, float, float]]) -> None:
    """Raise ValueError where a named field is below the first number, or not below the second."""
    for names, low, high in ranges:
        for name in names.split():
            value = getattr(spec, name)
            if not low <= value < high:
                wanted = f"at least {low:g}" + (f" and below {high:g}" if high < math.inf else "")
                raise ValueError(f"{name}: expected a number of {wanted}, got {value}; correct it")


@dataclass(frozen=True)
class Architecture:
    """Layers and sizes of the trained networks.

    kind: ``conv-lstm`` (a convolution, then an LSTM in both directions), ``bilstm`` (both
    directions, no convolution) or ``lstm`` (forwards only); the last two run over every step.
    filters, width: of the convolution; units: LSTM units per direction; longest_recurrence: steps
    that the LSTM sees at most for a series of typical length (in longer ones neighbouring steps
    are averaged); dropout: share in [0, 1), before the head.
    """

    kind: Kind = "conv-lstm"
    filters: int = 64
    width: int = 8
    units: int = 32
    longest_recurrence: int = 64
    dropout: float = 0.2

    def __post_init__(self) -> None:
        positive = "filters width units longest_recurrence"
        _check_ranges(self, [(positive, 1, math.inf), ("dropout", 0, 1)])


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; one recipe for all data sets, chosen on training rows.

    updates: gradient steps at most, or ``epochs`` passes over the rows where that is more.
    smallest_batch, largest_batch: limits of the batch, which is a tenth of the rows.
    learning_rate: peak, reached after ``warm_up`` updates and followed by a cosine to zero.
    weight_decay: of kernels only (AdamW), in a network of at most ``few_rows`` rows; of more rows
    less, as their reciprocal: it stands for a prior, which counts the less the more is seen.
    clip: global norm of the gradient. ema_decay: momentum of the averaged weights, which are kept.
    solved: mean loss (nats) at which nothing is left to learn: a network stops there once it has
    had ``shortest`` updates, and members that cost more are not trained.
    restarts: new beginnings at most, when the loss is not finite, or not below
    ``0.9 ln(classes)`` after ``restart_check_step`` updates.
    balance: whether rare classes get the logit-adjusted loss and answer below their share:
    ``auto`` where the largest class has at least ``imbalance`` times the rows of the smallest.
    """

    updates: int = 400
    epochs: int = 20
    smallest_batch: int = 16
    largest_batch: int = 64
    learning_rate: float = 2e-3
    warm_up: int = 100
    weight_decay: float = 0.1
    few_rows: int = 1000
    clip: float = 1.0
    ema_decay: float = 0.99
    solved: float = 0.01
    shortest: int = 100
    restarts: int = 3
    restart_check_step: int = 400
    balance: Literal["auto", "always", "never"] = "auto"
    imbalance: float = 10.0

    def __post_init__(self) -> None:
        _check_ranges(
            self,
            [
                ("updates smallest_batch largest_batch imbalance few_rows", 1, math.inf),
                ("epochs shortest restarts restart_check_step warm_up", 0, math.inf),
                ("weight_decay solved", 0, math.inf),
                ("learning_rate clip", 1e-12, math.inf),
                ("ema_decay", 0, 1),
            ],
        )

    def balances(self, rows_per_class: Sequence[int]) -> bool:
        rare, frequent = min(rows_per_class), max(rows_per_class)
        return self.balance == "always" or (
            self.balance == "auto" and frequent >= self.imbalance * rare
        )

    def batch(self, n_rows: int) -> int:
        wanted = min(self.largest_batch, n_rows // 10)
        return min(n_rows, max(self.smallest_batch, wanted))

    def update_limit(self, n_rows: int) -> int:
        passes = math.ceil(self.epochs * n_rows / self.batch(n_rows))
        return math.ceil(max(self.updates, passes) / CHUNK) * CHUNK

    def decay(self, n_rows: int) -> float:
        return self.weight_decay * min(1.0, self.few_rows / n_rows)


@dataclass(frozen=True)
class Limits:
    """What a champion must keep to.

    above_chance: how much the worst seed's balanced accuracy must exceed that of guessing, which
    is one over the number of classes. spread: standard deviation of macro F1 over seeds at
    most. restarts: new beginnings per seed at most, on average.
    Of a first champion, which no other is compared with: min_test_rows: test rows at least.
    significance: error in (0, 1) with which its interval lies above chance, and with which no
    baseline is better.
    """

    above_chance: float = 0.1
    spread: float = 0.05
    restarts: float = 1.0
    min_test_rows: int = 20
    significance: float = 0.05

    def __post_init__(self) -> None:
        _check_ranges(self, [("above_chance spread restarts min_test_rows", 0, math.inf)])
        _check_ranges(self, [("significance", 1e-9, 1)])


@dataclass(frozen=True)
class Abstention:
    """When to answer ``unknown``; the threshold is chosen on held-back training rows.

    risk: share of wrong answers among answered rows at most, in [0, 1). coverage: share of rows
    that are confident enough at most, in (0, 1]; below 1, so that series unlike all that were seen,
    which no held-back row stands for, find a threshold to fall below. unfamiliar: share of series
    like the training rows that are taken for unlike them, in [0, 1). set_coverage: share of each
    class's series whose set of possible classes holds it, in (0, 1).
    """

    risk: float = 0.1
    coverage: float = 0.98
    unfamiliar: float = 0.01
    set_coverage: float = 0.9

    def __post_init__(self) -> None:
        if not 0 <= self.risk < 1:
            raise ValueError(
                f"risk: expected a share of at least 0 and below 1, got {self.risk}; correct it"
            )
        _check_ranges(self, [("unfamiliar", 0, 1), ("set_coverage", 1e-9, 1)])
        if not 0 < self.coverage <= 1:
            raise ValueError(
                f"coverage: expected a share above 0 and up to 1, got {self.coverage}; correct it"
            )


@dataclass(frozen=True)
class TrainingSpec:
    """How a classifier is made from a dataset.

    seeds: replicas to train, at least 1. first_seed: the lowest of them, not negative.
    test_fraction: share of rows kept for evaluation where the dataset names none.
    validation_fraction: share of training rows that a network holds back at most; together the
    networks of a member hold back as many rows as ``splits.holdout_folds`` says.
    members: what a replica's committee is chosen from.
    budget_s: seconds after which a replica begins no further network (None: no bound).
    networks: how many networks of each LSTM member at most, by its name; what a budget has cut
    short is trained again to the bit by the numbers that its record names (None: no bound).
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
        if self.split_by not in ("hash", "time"):
            raise ValueError(
                f"split_by: expected hash or time, got {self.split_by!r}; correct the value"
            )
        if self.split_rule not in (1, 2):
            raise ValueError(
                f"split_rule: expected 1 or 2, got {self.split_rule}; correct the value"
            )
        if not self.members or set(self.members) - set(MEMBERS):
            raise ValueError(
                f"members: expected some of {', '.join(MEMBERS)}, got "
                f"{', '.join(self.members) or 'none'}; correct the list"
            )
        if self.budget_s is not None and not 0 < self.budget_s < math.inf:
            raise ValueError(
                f"budget_s: expected seconds above 0, got {self.budget_s}; correct the value"
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
        return range(self.first_seed, self.first_seed + self.seeds)


def recorded(stored: dict[str, Any]) -> dict[str, Any]:
    """A stored spec with the rules of its time: one that names no rule for splits has the first."""
    return {"split_rule": 1, **stored}


@dataclass(frozen=True)
class Variant:
    """One recipe with one architecture."""

    recipe: str
    architecture: Kind
    spec: TrainingSpec

    def label(self, seed: int) -> str:
        return f"{self.recipe}, {self.architecture}, seed {seed}"


@dataclass(frozen=True)
class StudySpec:
    """What to train in a stability study: every seed of every recipe with every architecture.

    seeds: how many, at least 1; first_seed: the lowest of them, not negative.
    architectures: kinds that each recipe is tried with (empty: its own).
    recipes: training specs by name; their own seeds do not count.
    """

    seeds: int = 20
    first_seed: int = 0
    architectures: tuple[Kind, ...] = ()
    recipes: dict[str, TrainingSpec] = field(default_factory=lambda: {"default": TrainingSpec()})

    def __post_init__(self) -> None:
        TrainingSpec(seeds=self.seeds, first_seed=self.first_seed)
        if not self.recipes or len(set(self.architectures)) < len(self.architectures):
            raise ValueError(
                "study: expected at least one recipe and different architectures, got "
                f"{', '.join(self.recipes) or 'none'} and {', '.join(self.architectures)}; "
                "correct the lists"
            )

    def variants(self) -> Iterator[Variant]:
        for name, recipe in self.recipes.items():
            for kind in self.architectures or (recipe.architecture.kind,):
                architecture = replace(recipe.architecture, kind=kind)
                spec = replace(
                    recipe,
                    architecture=architecture,
                    seeds=self.seeds,
                    first_seed=self.first_seed,
                )
                yield Variant(name, kind, spec)
