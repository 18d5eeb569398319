"""The members of a committee: what each sees of a series, frozen, and what of it is trained."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Literal, NamedTuple

import keras
import numpy as np
from keras import layers

from tasks.learning.classifier import FrozenBuilder, NetworkBuilder, Views, pooling_factor
from tasks.learning.convolutions import WINDOWS, Convolutions, fit_convolutions
from tasks.learning.evidence import series_lengths
from tasks.learning.fitting import Build, Fit, Rows, Watch, fit, predict_logits
from tasks.learning.ridge import fit_ridge
from tasks.learning.scaling import Scaling, fit_scaling
from tasks.learning.spec import Member, TrainingSpec
from tasks.learning.splits import Part
from tasks.learning.steps import Steps, fit_kernel, fit_steps, kernel_scores
from tasks.learning.symbols import Alphabets, find_alphabets
from tasks.learning.unfamiliar import Familiarity, fit_familiarity

MAX_FROZEN = 20_000
"""Training rows at most that members with frozen features are fitted to."""
FOLD_STRIDE = 1_000_000_007
"""Between the seeds of a member's networks."""


@dataclass(frozen=True)
class MemberConfig:
    """A member of a committee.

    sees: what is frozen: views of each step, fixed convolutions pooled over the series or over
    its windows, or steps on their own scales. learns: ``ridge`` and ``kernel`` in closed
    form, once for every fold and once for all rows; ``network`` by gradients, once for every fold.
    is_dear: trained only where the cheaper ones leave something to learn.
    """

    name: Member
    sees: Literal["views", "pooled", "windows", "steps"]
    learns: Literal["ridge", "kernel", "network"]
    is_dear: bool = False


COMMITTEE = (
    MemberConfig("convolutions", "pooled", "ridge"),
    MemberConfig("steps", "steps", "kernel"),
    MemberConfig("frozen-lstm", "windows", "network"),
    MemberConfig("conv-lstm", "views", "network", is_dear=True),
)
"""From cheap to dear."""


class Trained(NamedTuple):
    """A member that has answered the rows that some folds hold back.

    network: from raw series to scores; scores: ``(n, classes)`` of these rows, in the folds' order.
    why: in a word, why it has not answered all folds, else None.
    """

    config: MemberConfig
    network: Callable[[], keras.Model]
    scores: np.ndarray
    fits: list[Fit]
    seconds: float
    why: str | None = None


@dataclass(frozen=True)
class Training:
    """Training rows and what every member makes of them; everything follows from ``seed``."""

    rows: Rows
    n_classes: int
    spec: TrainingSpec
    seed: int
    watch: Watch
    folds: list[Part]
    prior: np.ndarray | None
    channels: Sequence[str] = ()
    initial: list[list[np.ndarray]] | None = None
    began: float = field(default_factory=time.monotonic)

    @cached_property
    def scaling(self) -> Scaling:
        return fit_scaling(self.rows.x)

    @cached_property
    def alphabets(self) -> Alphabets:
        return find_alphabets(self.rows.x, self.channels)

    @cached_property
    def lengths(self) -> tuple[int, int]:
        return usual_steps(self.rows.x)

    @cached_property
    def convolutions(self) -> Convolutions:
        typical = self.lengths[0]
        return fit_convolutions(
            self.rows.x, typical, self.scaling, self.alphabets, self.seed, predict_logits
        )

    @cached_property
    def steps(self) -> Steps:
        return fit_steps(self.rows.x, self.lengths[0], self.scaling, predict_logits)

    @cached_property
    def pooled(self) -> keras.Model:
        return self.convolutions.pooled()

    @cached_property
    def windows(self) -> keras.Model:
        return self.convolutions.windows(pooling_factor(*self.lengths, WINDOWS))

    @cached_property
    def familiarity(self) -> Familiarity:
        x, y = self.rows.x, self.rows.y
        # Kernels of its own: a file keeps the weights of a layer in two models once.
        pooled = self.convolutions.pooled()
        return fit_familiarity(
            x, y, self.n_classes, pooled, self.scaling, self.seed, predict_logits
        )

    @property
    def held(self) -> np.ndarray:
        """Numbers of the rows that folds hold back, in the folds' order."""
        return np.concatenate([held for _, held in self.folds])

    def is_late(self, seconds: float) -> bool:
        """Whether so many more would be past the budget."""
        budget = self.spec.budget_s
        return budget is not None and time.monotonic() - self.began + seconds > budget

    def bounded(self) -> "Training":
        """The same with as many rows as frozen features are made of; those held back stay."""
        n = len(self.rows)
        if n <= MAX_FROZEN:
            return self
        drawn = np.random.default_rng(self.seed).permutation(n)[:MAX_FROZEN]
        chosen = np.union1d(drawn, self.held)
        folds = [
            (np.flatnonzero(np.isin(chosen, kept)), np.flatnonzero(np.isin(chosen, held)))
            for kept, held in self.folds
        ]
        return replace(self, rows=self.rows.take(chosen), folds=folds)


def usual_steps(x: np.ndarray) -> tuple[int, int]:
    """Length that 95 of 100 series do not exceed, and the longest; trailing NaN does not count."""
    lengths = series_lengths(np.isfinite(x).any(axis=-1))
    return int(np.ceil(np.percentile(lengths, 95))), int(lengths.max())


def train_closed(config: MemberConfig, training: Training) -> Trained:
    """Fit a member in closed form without each fold, and then to all rows."""
    began = time.monotonic()
    fitted, scores = _ridge(training) if config.learns == "ridge" else _kernel(training)
    return Trained(config, fitted, scores, [], time.monotonic() - began)


def _ridge(training: Training) -> tuple[Callable[[], keras.Model], np.ndarray]:
    features, y = predict_logits(training.pooled, training.rows.x), training.rows.y
    scores = []
    for kept, held in training.folds:
        head = fit_ridge(features[kept], y[kept], training.n_classes)
        scores.append(features[held] @ head.kernel + head.bias)
    head = fit_ridge(features, y, training.n_classes)

    def network() -> keras.Model:
        pooled, last = training.pooled, layers.Dense(training.n_classes, name="logits")
        scored = last(pooled.output)
        last.set_weights([head.kernel, head.bias])
        return keras.Model(pooled.input, scored, name="network")

    return network, np.concatenate(scores)


def _kernel(training: Training) -> tuple[Callable[[], keras.Model], np.ndarray]:
    steps, y, scores = training.steps, training.rows.y, []
    for kept, held in training.folds:
        fitted = fit_kernel(steps.rows[kept], y[kept], training.n_classes, training.seed)
        scores.append(fitted.scores(steps.rows[held]))
    fitted = fit_kernel(steps.rows, y, training.n_classes, training.seed)
    return partial(kernel_scores, steps.network, fitted, training.n_classes), np.concatenate(scores)


class NetworkMember:
    """Trains a member's networks, fold by fold."""

    def __init__(self, config: MemberConfig, training: Training) -> None:
        self.config, self.training = config, training
        self.fits: list[Fit] = []
        self.seconds = 0.0

    @cached_property
    def views(self) -> Views | None:
        """What comes before the network and is taken anew for every chunk of updates."""
        training = self.training
        return Views(training.scaling, training.alphabets) if self.config.sees == "views" else None

    @cached_property
    def frozen(self) -> keras.Model:
        return self.views() if self.views else self.training.windows

    @cached_property
    def seen(self) -> np.ndarray:
        x = self.training.rows.x
        return x if self.views else predict_logits(self.frozen, x)

    @cached_property
    def build(self) -> Build:
        training, architecture = self.training, self.training.spec.architecture
        if self.views:
            pooling = pooling_factor(*training.lengths, architecture.longest_recurrence)
            n_features = self.frozen.output_shape[-1] - 1
            return NetworkBuilder(training.n_classes, n_features, pooling, architecture)
        inside = self.seen[self.seen[..., -1] > 0][:, :-1]
        scale = inside.std(axis=0)
        scale = np.where(scale > 1e-3, scale, 1.0)
        center = tuple(map(float, inside.mean(axis=0)))
        return FrozenBuilder(training.n_classes, center, tuple(map(float, scale)), architecture)

    def next_fold(self) -> None:
        """Train one network more and let it answer the rows that its fold holds back."""
        began, training, number = time.monotonic(), self.training, len(self.fits)
        kept, held = training.folds[number]
        begin = None
        if training.initial is not None:
            begin = partial(load_matching_weights, weights=training.initial, number=number)
        made = fit(
            self.build,
            Rows(self.seen[kept], training.rows.y[kept]),
            self.seen[held],
            training.spec.recipe,
            training.seed + FOLD_STRIDE * number,
            training.watch,
            training.prior,
            begin,
            self.views,
        )
        self.fits.append(made)
        self.seconds += time.monotonic() - began

    def trained(self, why: str | None = None) -> Trained:
        scores = np.concatenate([one.held_back_logits for one in self.fits])
        if self.training.prior is not None:
            scores = scores + self.training.prior
        return Trained(self.config, self._network, scores, self.fits, self.seconds, why)

    def _network(self) -> keras.Model:
        for one in self.fits:
            add_to_bias(one.network, self.training.prior)
        raw = self.frozen.input
        named = [
            keras.Model(one.network.input, one.network.output, name=f"fold_{number}")
            for number, one in enumerate(self.fits)
        ]
        ends = [network(self.frozen.output) for network in named]
        mean = layers.Average(name="logits")(ends) if len(ends) > 1 else ends[0]
        return keras.Model(raw, mean, name="member")


def add_to_bias(network: keras.Model, prior: np.ndarray | None) -> None:
    """Add the classes' log shares to the logits, which are then of classes as frequent as in
    training."""
    if prior is not None:
        head = network.get_layer("logits")
        kernel, bias = head.get_weights()
        head.set_weights([kernel, bias + prior])


def load_matching_weights(
    network: keras.Model, weights: list[list[np.ndarray]], number: int
) -> None:
    """Set the weights of network ``number`` to those of a classifier's network of the same form.

    weights: of each network. A form that none of them has begins fresh.
    """
    wanted = [w.shape for w in network.get_weights()]
    alike = [own for own in weights if [w.shape for w in own] == wanted]
    if alike:
        network.set_weights(alike[number % len(alike)])
