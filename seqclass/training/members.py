"""The members of a committee: the frozen features that each sees, and the part that is trained."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from seqclass.evaluation.calibration import fit_temperature, soften
from seqclass.evaluation.contribution import LSTM
from seqclass.evaluation.intervals import clustered_error
from seqclass.evaluation.metrics import row_losses
from seqclass.networks import recurrence
from seqclass.networks.classifier import NetworkBuilder, ViewsBuilder, pooling_factor
from seqclass.networks.convolutions import Convolutions, fit_convolutions
from seqclass.networks.outputs import Predictor, predict_all
from seqclass.networks.pooling import Pooling
from seqclass.networks.scaling import Scaling, fit_scaling
from seqclass.networks.symbols import Alphabets, find_alphabets
from seqclass.series import observed_lengths
from seqclass.training.assembly import Branch
from seqclass.training.fitting import Build, Fit, FitConfig, Learner, fit
from seqclass.training.kernel_ridge import fit_kernel, kernel_scores
from seqclass.training.learnt_rows import (
    Auxiliary,
    LearntRows,
    Mixed,
    Rows,
    Subset,
    WindowedRows,
)
from seqclass.training.recipe import MAX_CLOSED, Recipe
from seqclass.training.ridge import RidgeConfig, fit_ridge
from seqclass.training.spec import Member, TrainingSpec
from seqclass.training.splits import MAX_NESTED, Part, nested_folds
from seqclass.training.steps import fit_steps
from seqclass.training.view_kernels import (
    KernelRows,
    fit_view_kernels,
    held_scores,
    view_kernel_scores,
)

FOLD_STRIDE = 1_000_000_007
"""Difference between the seeds of a member's successive networks."""

STILL_LEARNS = "still learning"
"""The reason that a network ended: its limit of updates, up to which it learnt."""

MemberProgress = Callable[[str, int, int, float], None]
"""Callback with a member's name, then the arguments of ``fitting.ProgressCallback``."""


class TrainedMember(NamedTuple):
    """A member that has answered the held-back rows of some folds.

    branch: the member in Keras. scores: ``(n, classes)`` of these rows, in the folds' order. why: a
    short reason that it has not answered all folds, or None. unseen: if rows are few, scores for
    which everything was chosen without each fold, too; else None. Networks have none, since they
    choose nothing by held-back rows where these are few. limit: most updates of a network.
    """

    name: Member
    branch: Callable[[], Branch]
    scores: np.ndarray
    fits: list[Fit]
    seconds: float
    why: str | None = None
    unseen: np.ndarray | None = None
    limit: int = 0


@dataclass(frozen=True)
class FrozenFeatures:
    """Features of the training series ``x`` that do not depend on labels."""

    x: np.ndarray
    channels: Sequence[str]
    seed: int

    @cached_property
    def scaling(self) -> Scaling:
        """Location and spread of each channel."""
        return fit_scaling(self.x)

    @cached_property
    def alphabets(self) -> Alphabets:
        """The alphabet of each channel, None where it holds no symbols."""
        return find_alphabets(self.x, self.channels)

    @cached_property
    def lengths(self) -> tuple[int, int]:
        """Usual and longest number of steps."""
        return usual_steps(self.x)

    @cached_property
    def convolutions(self) -> Convolutions:
        """Fixed convolutions, drawn by the seed and fitted to the rows."""
        return fit_convolutions(self.x, self.lengths[0], self.scaling, self.alphabets, self.seed)

    @cached_property
    def pooled(self) -> Pooling | Predictor:
        """Network from raw series to features of the convolutions, pooled over a whole series."""
        network = self.convolutions.pooled()
        return Pooling(network) if recurrence.engine else Predictor(network)


@dataclass(frozen=True)
class Training:
    """Training rows and the other inputs of every member; everything follows from ``seed``.

    many: all training rows, of which ``rows`` are a sample, if they are too many to be held.
    auxiliary: those of the rows, the last ones, that only train: no fold holds any back.
    """

    rows: Rows
    n_classes: int
    spec: TrainingSpec
    seed: int
    watch: MemberProgress
    folds: list[Part]
    prior: np.ndarray | None
    frozen: FrozenFeatures
    initial: list[list[np.ndarray]] | None = None
    groups: np.ndarray | None = None
    many: WindowedRows | None = None
    auxiliary: Auxiliary | None = None
    began: float = field(default_factory=time.monotonic)

    @cached_property
    def pooled(self) -> np.ndarray:
        """Pooled features ``(n, p)`` of the rows."""
        features: np.ndarray = self.frozen.pooled(self.rows.x)
        return features

    @property
    def primary(self) -> Rows:
        """The rows that are not auxiliary."""
        if self.auxiliary is None:
            return self.rows
        first = self.auxiliary.first
        return Rows(self.rows.x[:first], self.rows.y[:first])

    def ridge_among(self, rows: np.ndarray) -> RidgeConfig:
        """Return how a ridge regression is fitted to rows of these ascending numbers."""
        return RidgeConfig(auxiliary=self.auxiliary and self.auxiliary.among(rows))

    @property
    def held_by_fold(self) -> list[np.ndarray]:
        """Numbers of the rows that each fold holds back."""
        return [held for _, held in self.folds]

    @property
    def held(self) -> np.ndarray:
        """Numbers of all held-back rows, in the folds' order."""
        return np.concatenate(self.held_by_fold)

    def error_of_mean(self, values: np.ndarray) -> tuple[float, int]:
        """Return the standard error of the mean of values ``(n,)`` of the first n held-back rows,
        and its degrees of freedom. A group counts as one draw."""
        groups = self.groups
        return clustered_error(values, None if groups is None else groups[self.held[: len(values)]])

    def is_late(self, seconds: float) -> bool:
        """Check whether this many more seconds would exceed the budget."""
        budget = self.spec.budget_s
        return budget is not None and time.monotonic() - self.began + seconds > budget

    def subsample(self) -> "Training":
        """Return the training with at most ``MAX_CLOSED`` drawn rows, and all held-back rows."""
        n = len(self.rows)
        if n <= MAX_CLOSED:
            return self
        drawn = np.random.default_rng(self.seed).permutation(n)[:MAX_CLOSED]
        numbers = np.union1d(drawn, self.held)
        auxiliary = self.auxiliary and self.auxiliary.among(numbers)
        folds = [
            (np.flatnonzero(np.isin(numbers, kept)), np.flatnonzero(np.isin(numbers, held)))
            for kept, held in self.folds
        ]
        return replace(self, rows=self.rows.take(numbers), folds=folds, auxiliary=auxiliary)


def usual_steps(x: np.ndarray) -> tuple[int, int]:
    """Return the length that 95 of 100 series do not exceed, and the longest, without NaN tails.

    Both are at least 1.
    """
    lengths = observed_lengths(x)
    return int(np.ceil(np.percentile(lengths, 95))), int(lengths.max())


def train_closed(name: Member, training: Training) -> TrainedMember:
    """Fit a member in closed form to all rows; scores without each fold follow from the fit."""
    began = time.monotonic()
    fitted = CLOSED[name](training)
    folds = nested_folds(training.folds, len(training.primary))
    unseen = np.concatenate([fitted.unseen(*fold) for fold in folds]) if folds else None
    seconds = time.monotonic() - began
    return TrainedMember(name, fitted.branch, fitted.held, [], seconds, unseen=unseen)


class Closed(NamedTuple):
    """A fit in closed form.

    held: scores of the held-back rows. branch: the member in Keras. unseen: function of the rows
    that a fold keeps and those that it holds back, which fits in the same way to the former and
    returns scores of the latter.
    """

    held: np.ndarray
    branch: Callable[[], Branch]
    unseen: Callable[[np.ndarray, np.ndarray], np.ndarray]


def _ridge(training: Training) -> Closed:
    rows, features, n_classes = training.rows, training.pooled, training.n_classes
    config = RidgeConfig(folds=training.held_by_fold, auxiliary=training.auxiliary)
    head, frozen = fit_ridge(features, rows.y, n_classes, config), training.frozen.pooled.network

    def branch() -> Branch:
        seen = keras.Input(frozen.output_shape[1:], name="convolutions")
        return Branch(frozen, keras.Model(seen, head.layer(seen), name="network"))

    def unseen(kept: np.ndarray, held: np.ndarray) -> np.ndarray:
        ridge = fit_ridge(features[kept], rows.y[kept], n_classes, training.ridge_among(kept))
        return features[held] @ ridge.kernel + ridge.bias

    return Closed(np.concatenate(head.held), branch, unseen)


def _view_kernels(training: Training) -> Closed:
    frozen, seed = training.frozen, training.seed
    views, folds = frozen.convolutions.views, training.held_by_fold
    rows = KernelRows(training.pooled, training.rows.y, training.n_classes)
    config = RidgeConfig(folds=folds, auxiliary=training.auxiliary)
    fitted = fit_view_kernels(rows, views, seed, config)

    def unseen(kept: np.ndarray, held: np.ndarray) -> np.ndarray:
        others = [np.searchsorted(kept, fold) for fold in folds if not np.isin(fold, held).any()]
        if len(others) == 1:  # no row would be left to learn from
            others = list(others[0][:, None])
        among = KernelRows(rows.features[kept], rows.y[kept], rows.n_classes)
        inner = training.ridge_among(kept)._replace(folds=others)
        return fit_view_kernels(among, views, seed, inner).scores(rows.features[held])

    scores = held_scores(fitted, rows.y, folds)
    network = frozen.pooled.network
    return Closed(scores, lambda: Branch(network, view_kernel_scores(fitted)), unseen)


def _steps(training: Training) -> Closed:
    frozen, y, auxiliary = training.frozen, training.rows.y, training.auxiliary
    steps = fit_steps(training.primary.x, frozen.lengths[0], frozen.scaling)
    n_classes, seed, seen = training.n_classes, training.seed, steps.rows
    if auxiliary is not None:
        others = predict_all(steps.network, training.rows.x[auxiliary.first :])
        seen = np.concatenate([seen, others])
    ridge = RidgeConfig(folds=training.held_by_fold, auxiliary=auxiliary)
    fitted = fit_kernel(seen, y, n_classes, seed, ridge)

    def unseen(kept: np.ndarray, held: np.ndarray) -> np.ndarray:
        among = training.ridge_among(kept)
        return fit_kernel(seen[kept], y[kept], n_classes, seed, among).scores(seen[held])

    scores = np.concatenate(fitted.head.held)
    return Closed(scores, lambda: Branch(steps.network, kernel_scores(fitted)), unseen)


CLOSED: dict[Member, Callable[[Training], Closed]] = {
    "convolutions": _ridge,
    "view-kernels": _view_kernels,
    "steps": _steps,
}
"""The members in closed form, from cheap to dear. The other one is the LSTM."""


class LstmMember:
    """The LSTM, whose networks are trained fold by fold.

    limit: most updates of a network. still_learns: whether the first one went on learning up to it.
    """

    def __init__(self, training: Training) -> None:
        self.training = training
        self.fits: list[Fit] = []
        self.seconds = 0.0
        self.limit = 0
        self.still_learns = False

    @cached_property
    def views(self) -> ViewsBuilder:
        """The views before the network, computed anew for every chunk."""
        frozen = self.training.frozen
        return ViewsBuilder(frozen.scaling, frozen.alphabets)

    @cached_property
    def frozen(self) -> keras.Model:
        """The network from raw series to views."""
        return self.views()

    @cached_property
    def build(self) -> Build:
        """The builder of a network from a seed."""
        training, architecture = self.training, self.training.spec.architecture
        n_features = self.frozen.output_shape[-1] - 1
        pooling = pooling_factor(*training.frozen.lengths, architecture.longest_recurrence)
        return NetworkBuilder(training.n_classes, n_features, pooling, architecture)

    def next_fold(self, may_go_on: bool = True) -> None:
        """Train one more network and let it answer the rows that its fold holds back.

        may_go_on: whether the first network may be taken further; the others go as far as it went.
        """
        began, number = time.monotonic(), len(self.fits)
        made, done = self._fit(number), self._updates(number)
        if number == 0:
            self.limit = done
            made = self._taken_further(made, began) if may_go_on else made
        else:
            while done < self.limit and not self._is_solved(made):
                made, done = self._further(number, made, done), 2 * done
        self.fits.append(made)
        self.seconds += time.monotonic() - began

    def _taken_further(self, made: Fit, began: float) -> Fit:
        """Take the first network further, by as many updates as it has had, as long as that lowers
        the loss of the rows that it holds back by more than its standard error.

        The learning rate begins anew each time (Loshchilov and Hutter 2017, "SGDR"). Where rows are
        so few that those held back are evidence for the model, these choose nothing here.
        """
        training, first, longest = self.training, self.limit, self.training.spec.recipe.longest
        if len(training.primary) <= MAX_NESTED:
            return made
        while 2 * self.limit <= longest and not self._is_solved(made):
            if training.is_late(time.monotonic() - began):
                return made
            longer = self._further(0, made, self.limit)
            gain = self._held_losses(made) - self._held_losses(longer)
            error, freedom = training.error_of_mean(gain)
            if not freedom or gain.mean() <= error:
                return made
            made, self.limit = longer, 2 * self.limit
        self.still_learns = self.limit > first and not self._is_solved(made)
        return made

    def _held_losses(self, made: Fit) -> np.ndarray:
        """Return losses (nats) of the rows that the first network holds back."""
        logits, y = made.held_back_logits, self.training.rows.y[self.training.held_by_fold[0]]
        logits = logits if self.training.prior is None else logits + self.training.prior
        return row_losses(soften(logits, fit_temperature(logits, y)), y)

    def _updates(self, number: int) -> int:
        """Return the most updates of a network that is not taken further."""
        learnt = self._learnt(*self.training.folds[number])
        return self.training.spec.recipe.update_limit(learnt.counted)

    def _is_solved(self, made: Fit) -> bool:
        return made.loss < self.training.spec.recipe.solved

    def _fit(self, number: int) -> Fit:
        training, begin = self.training, None
        if training.initial is not None:
            begin = partial(load_matching_weights, weights=training.initial, number=number)
        return self._fitted(number, training.spec.recipe, begin, self._stop())

    def _further(self, number: int, made: Fit, updates: int) -> Fit:
        """Return a network after so many updates more, with its averaged weights to begin with."""
        weights = made.network.get_weights()

        def begin(network: keras.Model) -> None:
            network.set_weights(weights)

        further = self.training.spec.recipe.further(updates)
        return self._fitted(number, further, begin, None, updates).after(made)

    def _fitted(
        self,
        number: int,
        recipe: Recipe,
        begin: Callable[[keras.Model], None] | None,
        stop: Callable[[int], bool] | None,
        done: int = 0,
    ) -> Fit:
        training, (kept, held) = self.training, self.training.folds[number]
        seed = training.seed + FOLD_STRIDE * number + done  # rows come in another order each time

        def watch(update: int, of: int, loss: float) -> None:
            training.watch(LSTM, done + update, done + of, loss)

        return fit(
            Learner(self.build, self.views, begin),
            self._learnt(kept, held),
            training.rows.x[held],
            FitConfig(recipe, seed, watch, training.prior, stop),
        )

    def _learnt(self, kept: np.ndarray, held: np.ndarray) -> LearntRows:
        """Return the rows that a network is fitted to."""
        rows, many, auxiliary = self.training.rows, self.training.many, self.training.auxiliary
        if many:
            return many.without(held)
        if auxiliary is None:
            return Subset(rows, kept)
        in_dataset = kept < auxiliary.first
        return Mixed(rows, kept[in_dataset], kept[~in_dataset], auxiliary.weight)

    def _stop(self) -> Callable[[int], bool] | None:
        """Return the rule that ends the first network early, or None.

        This network is trained even if no time is left.
        """
        spec, training = self.training.spec, self.training
        if self.fits or (spec.lstm_updates or spec.budget_s) is None:
            return None
        most, shortest = spec.lstm_updates or math.inf, spec.recipe.shortest
        return lambda update: update >= most or (update >= shortest and training.is_late(0.0))

    def trained(self, why: str | None = None) -> TrainedMember:
        """Return the member with the folds so far.

        why: a short reason that it ends before the last fold, or None.
        """
        why = STILL_LEARNS if self.still_learns else why
        scores = np.concatenate([each.held_back_logits for each in self.fits])
        if self.training.prior is not None:
            scores = scores + self.training.prior
        branch = partial(_branch, self.frozen, self.fits, self.training.prior)
        return TrainedMember(LSTM, branch, scores, self.fits, self.seconds, why, limit=self.limit)


def _branch(frozen: keras.Model, fits: Sequence[Fit], prior: np.ndarray | None) -> Branch:
    for each in fits:
        add_to_bias(each.network, prior)
    seen = keras.Input(frozen.output_shape[1:], name="features")
    ends = [
        keras.Model(each.network.input, each.network.output, name=f"fold_{number}")(seen)
        for number, each in enumerate(fits)
    ]
    mean = layers.Average(name="logits")(ends) if len(ends) > 1 else ends[0]
    return Branch(frozen, keras.Model(seen, mean, name="network"))


def add_to_bias(network: keras.Model, prior: np.ndarray | None) -> None:
    """Add the classes' log shares to the logits, which undoes the logit adjustment of the loss."""
    if prior is not None:
        head = network.get_layer("logits")
        kernel, bias = head.get_weights()
        head.set_weights([kernel, bias + prior])


def load_matching_weights(
    network: keras.Model, weights: list[list[np.ndarray]], number: int
) -> None:
    """Set the weights of network ``number`` to those of a classifier's network of the same form.

    weights: those of each network of the classifier. If none has this form, nothing is set.
    """
    shapes = [w.shape for w in network.get_weights()]
    alike = [candidate for candidate in weights if [w.shape for w in candidate] == shapes]
    if alike:
        network.set_weights(alike[number % len(alike)])
