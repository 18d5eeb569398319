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
    """Layers and sizes of the network.

    kind: ``conv-lstm`` (convolutional stem, then an LSTM in both directions), ``bilstm`` (both
    directions, no stem) or ``lstm`` (forwards only); the last two run over every step.
    filters, widths: of the stem, whose first convolution is followed by two residual blocks of two
    convolutions each, as wide as the last two widths say; scales: widths of the first convolution
    of networks that complement such, side by side; units: LSTM units per direction;
    longest_recurrence: steps that the LSTM sees at most for a series of typical length (in longer
    ones neighbouring steps are averaged between the blocks, and in very long ones before them
    too); dropout: share in [0, 1), before the head; dense: units of each layer of dense networks,
    which see series as a whole and answer with the others where rows held back speak for it (0:
    none).
    """

    kind: Kind = "conv-lstm"
    filters: int = 64
    widths: tuple[int, int, int] = (8, 5, 3)
    scales: tuple[int, ...] = (4, 8, 16, 32)
    units: int = 64
    longest_recurrence: int = 64
    dropout: float = 0.2
    dense: int = 256

    def __post_init__(self) -> None:
        wanted = [("filters units longest_recurrence", 1, math.inf), ("dense", 0, math.inf)]
        _check_ranges(self, [*wanted, ("dropout", 0, 1)])
        if min(self.widths) < 1:
            raise ValueError(
                f"widths: expected three numbers of at least 1, got {self.widths}; correct them"
            )
        if min(self.scales, default=0) < 1:
            raise ValueError(
                f"scales: expected numbers of at least 1, got {self.scales}; correct them"
            )


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; one recipe for all data sets, chosen on training rows.

    updates: gradient steps at most, or ``epochs`` passes over the rows where that is more.
    smallest_batch, largest_batch: limits of the batch, which is a tenth of the rows.
    learning_rate: peak, reached after ``warm_up`` updates and followed by a cosine to zero.
    weight_decay: of kernels only (AdamW), in a network of at most ``few_rows`` rows; of more rows
    less, as their reciprocal: it stands for a prior, which counts the less the more is seen.
    clip: global norm of the gradient.
    averaging: momentum of the averaged weights, which are what is kept.
    solved: mean training loss (nats) of a chunk at which a run has nothing left to learn.
    shortest: updates before a run may stop, half of them where a trusted validation loss is below
    ``solved`` too. patience: updates without a better validation loss (by at least ``better``
    nats) after which a network of more than ``few_rows`` rows stops; with fewer, the loss may rise
    while rows are learnt by heart and fall again (Nakkiran et al. 2020, "Deep double descent",
    section 6). trusted_validation: held-back rows from which on the validation loss decides what
    to keep. monitored: held-back rows looked at on the way.
    restarts: new beginnings at most, when the loss is not finite, or not below
    ``0.9 ln(classes)`` after ``verdict`` updates.
    balance: whether rare classes get the logit-adjusted loss and answer below their share:
    ``auto`` where the largest class has at least ``imbalance`` times the rows of the smallest.
    change_dropout: share in [0, 1) of series from which a channel's differences, and its repeats,
    are dropped in training below ``change_rows`` rows: in noisy series they are mostly noise, which
    a network of few rows would go by. Such a set is trained without it too, unless it is ``solved``
    so, and with it and a scale for each step where steps of series have something in common; the
    rows held back decide.
    """

    updates: int = 3000
    epochs: int = 12
    smallest_batch: int = 8
    largest_batch: int = 64
    learning_rate: float = 2e-3
    warm_up: int = 100
    weight_decay: float = 0.1
    few_rows: int = 1000
    clip: float = 1.0
    averaging: float = 0.99
    solved: float = 0.01
    shortest: int = 200
    patience: int = 400
    better: float = 0.001
    trusted_validation: int = 50
    monitored: int = 2000
    restarts: int = 3
    verdict: int = 600
    balance: Literal["auto", "always", "never"] = "auto"
    imbalance: float = 10.0
    change_dropout: float = 0.5
    change_rows: int = 250

    def __post_init__(self) -> None:
        _check_ranges(
            self,
            [
                ("updates smallest_batch largest_batch imbalance few_rows", 1, math.inf),
                ("epochs shortest patience trusted_validation monitored change_rows", 0, math.inf),
                ("restarts verdict warm_up weight_decay solved better", 0, math.inf),
                ("learning_rate clip", 1e-12, math.inf),
                ("averaging change_dropout", 0, 1),
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

    def budget(self, n_rows: int) -> int:
        passes = math.ceil(self.epochs * n_rows / self.batch(n_rows))
        return math.ceil(max(self.updates, passes) / CHUNK) * CHUNK

    def trusts(self, n_held_back: int) -> bool:
        """Whether the loss of so many rows may decide; that of none never does."""
        return n_held_back >= max(self.trusted_validation, 1)

    def decay(self, n_rows: int) -> float:
        return self.weight_decay * min(1.0, self.few_rows / n_rows)


@dataclass(frozen=True)
class Limits:
    """What a champion's seeds must keep to.

    above_chance: how much the worst seed's balanced accuracy must exceed that of guessing, which
    is one over the number of classes. spread: standard deviation of macro F1 over seeds at
    most. restarts: new beginnings per seed at most, on average.
    """

    above_chance: float = 0.1
    spread: float = 0.05
    restarts: float = 1.0

    def __post_init__(self) -> None:
        _check_ranges(self, [("above_chance spread restarts", 0, math.inf)])


@dataclass(frozen=True)
class Abstention:
    """When to answer ``unknown``; the threshold is chosen on held-back training rows.

    risk: share of wrong answers among answered rows at most, in [0, 1). coverage: share of rows
    that are answered at most, in (0, 1]; below 1, so that series unlike all that were seen, which
    no held-back row stands for, find a threshold to fall below.
    """

    risk: float = 0.1
    coverage: float = 0.98

    def __post_init__(self) -> None:
        if not 0 <= self.risk < 1:
            raise ValueError(
                f"risk: expected a share of at least 0 and below 1, got {self.risk}; correct it"
            )
        if not 0 < self.coverage <= 1:
            raise ValueError(
                f"coverage: expected a share above 0 and up to 1, got {self.coverage}; correct it"
            )


@dataclass(frozen=True)
class TrainingSpec:
    """How a classifier is made from a dataset.

    seeds: replicas to train, at least 1. first_seed: the lowest of them, not negative.
    test_fraction: share of rows kept for evaluation where the dataset names none.
    validation_fraction: share of training rows that each replica holds back to choose by.
    refit_below: training rows under which a replica has several networks. Of fewer than 1,000 rows
    five hold some back, each others, and five more are fitted to all rows; these answer, and from
    the recipe's ``change_rows`` on, where half of that share is held back and the networks of all
    rows have the architecture's ``scales``, all ten, and as many dense ones where the rows held
    back speak for them. Of fewer than 10,000 three hold back half of that share and answer, or one
    if it solves the set.
    split_seed: of the test rows. split_by: what chooses them where the dataset names none: a hash
    of each row's key, or the time of the newest rows.
    ensemble: register the average of all seeds instead of the one that validates best.
    warm_start: a model version whose weights each seed begins with (None: fresh ones).
    """

    seeds: int = 5
    first_seed: int = 0
    test_fraction: float = 0.2
    validation_fraction: float = 0.2
    refit_below: int = 10_000
    split_seed: int = 0
    ensemble: bool = False
    split_by: Literal["hash", "time"] = "hash"
    warm_start: str | None = None
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
