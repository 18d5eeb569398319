"""One seed replica: hold rows back, fit, calibrate; where rows are few, fit all of them too."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from statistics import median_low
from typing import NamedTuple, TypeVar

import keras
import numpy as np

from tasks.learning.calibration import fit_temperature, soften
from tasks.learning.classifier import Blueprint, as_classifier, pooling_factor
from tasks.learning.decisions import Decision, decide, log_prior_of
from tasks.learning.evidence import series_lengths
from tasks.learning.fitting import Fit, Rows, Watch, fit
from tasks.learning.ladder import choose, difference
from tasks.learning.metrics import row_losses, seed_scores
from tasks.learning.scaling import Profile, explained, fit_profile, fit_scaling
from tasks.learning.spec import Architecture, Recipe, TrainingSpec
from tasks.learning.splits import Part, fold_back, hold_back
from tasks.learning.symbols import Alphabets, find_alphabets

FOLD_STRIDE = 1_000_000_007
"""Between the seeds of a replica's networks."""
MANY, WHOLE = 1000, 5
"""Rows below which so many networks are fitted to all of them, once others have held some back."""
HOLDING = ((MANY, 5), (10_000, 3))
"""Rows below which so many networks at most hold some back, each others."""
ALIGNED = 0.1
"""Share of a channel's variance that the step explains, from which on its own scale is tried."""

Key = TypeVar("Key")
Numbered = tuple[int, Part]
"""A network's number, the row numbers it is fitted to, and those it holds back."""


class Way(NamedTuple):
    """How networks are trained: the change dropout, and whether they see values on the scale of
    their step too."""

    change_dropout: float
    by_step: bool = False


class Opinion(NamedTuple):
    """Mean log-losses (nats) of held-back rows: of the networks that see series step by step alone,
    and together with dense ones; these answer too where ``taken``."""

    alone: float
    together: float
    taken: bool


@dataclass
class Replica:
    """A trained seed: its classifier (raw series to probabilities) and how it came about.

    way: which its networks were trained in; tried: every one that was, up to the first
    that left nothing to learn, with the mean log-loss (nats) of the held-back rows.
    opinion: what dense networks add to them, where such were trained.
    """

    seed: int
    classifier: keras.Model
    fits: list[Fit]
    way: Way
    tried: dict[Way, float]
    opinion: Opinion | None
    temperature: float
    decision: Decision
    validation: dict[str, float]
    validation_logits: np.ndarray
    alphabets: Alphabets
    seconds: float


def train_replica(
    rows: Rows,
    groups: np.ndarray | None,
    n_classes: int,
    spec: TrainingSpec,
    seed: int,
    watch: Watch,
    channels: Sequence[str] = (),
    initial: list[list[np.ndarray]] | None = None,
) -> Replica:
    """Train one replica on training rows alone; everything follows from ``seed``.

    channels: names, which may be units of symbols. initial: weights of a classifier's networks to
    begin with; an attempt that fails is begun again with fresh ones.
    """
    began = time.monotonic()
    keras.utils.set_random_seed(seed)
    blueprint = _blueprint(rows.x, n_classes, spec.architecture, channels)
    parts = list(enumerate(held_back_parts(rows.y, groups, spec)))
    prior = log_prior(rows.y, n_classes, spec.recipe)
    trainer = _Trainer(rows, groups, spec, seed, watch, prior, initial, blueprint, parts)
    way, holding, losses = trainer.compare()
    whole: list[Fit] = []
    dense: list[Fit] = []
    opinion = None
    if len(rows) < min(MANY, spec.refit_below):
        whole = trainer.fit_whole(trainer.step_by_step(way, all_rows=True), holding)
        dense, opinion = trainer.ask_dense(way, holding, losses[way])
    elif losses[way].mean() >= spec.recipe.solved:
        holding += trainer.fit(trainer.step_by_step(way), parts[len(holding) :])
    taken = dense if opinion and opinion.taken else []
    answering = whole if whole and trainer.is_small else [*holding, *whole, *taken]
    logits, y = trainer.held_back(holding, taken[: len(holding)])
    temperature = fit_temperature(logits, y)
    probabilities = soften(logits, temperature)
    decision = decide(probabilities, y, prior, spec.abstention)
    return Replica(
        seed,
        finished_classifier([found.network for found in answering], temperature, prior),
        [*holding, *dense, *whole],
        way,
        {way: float(found.mean()) for way, found in losses.items()},
        opinion,
        temperature,
        decision,
        seed_scores(probabilities, y, decision.offsets),
        logits,
        blueprint.alphabets,
        time.monotonic() - began,
    )


def _blueprint(
    x: np.ndarray, n_classes: int, architecture: Architecture, channels: Sequence[str]
) -> Blueprint:
    pooling = pooling_factor(*usual_steps(x), architecture.longest_recurrence)
    alphabets = find_alphabets(x, channels)
    return Blueprint(n_classes, fit_scaling(x), pooling, architecture, alphabets)


@dataclass(frozen=True)
class _Trainer:
    """Fits networks of a replica; ``parts`` are those that hold rows back."""

    rows: Rows
    groups: np.ndarray | None
    spec: TrainingSpec
    seed: int
    watch: Watch
    prior: np.ndarray | None
    initial: list[list[np.ndarray]] | None
    blueprint: Blueprint
    parts: list[Numbered]

    @property
    def is_small(self) -> bool:
        """Whether networks that hold rows back only tell how to train others."""
        return len(self.rows) < self.spec.recipe.change_rows

    @cached_property
    def profile(self) -> Profile:
        x = self.rows.x
        return fit_profile(x, usual_steps(x)[0], self.blueprint.scaling)

    @property
    def is_aligned(self) -> bool:
        """Whether steps of different series have something in common, as symbols never have."""
        if any(self.blueprint.alphabets):
            return False
        return bool((explained(self.rows.x, self.profile) >= ALIGNED).any())

    def step_by_step(self, way: Way, all_rows: bool = False) -> Blueprint:
        """Where networks of all rows answer with others, they have many scales."""
        return replace(
            self.blueprint,
            change_dropout=way.change_dropout,
            profile=self.profile if way.by_step else None,
            many_scales=all_rows and not self.is_small,
        )

    def fit(self, build: Blueprint, parts: list[Numbered], updates: int | None = None) -> list[Fit]:
        fits = []
        for number, (kept, held) in parts:
            train, validation = self.rows.take(kept), self.rows.take(held)
            own_seed = self.seed + FOLD_STRIDE * number
            given = self.spec.recipe, own_seed, self.watch, updates, self.prior
            begin = None
            if self.initial is not None:
                begin = partial(begin_with, weights=self.initial, number=number)
            fits.append(fit(build, train, validation, *given, begin))
        return fits

    def compare(self) -> tuple[Way, list[Fit], dict[Way, np.ndarray]]:
        """Train the first parts in every way; the one to take, its networks, all ways' losses."""
        compared = self.parts if len(self.rows) < MANY else self.parts[:1]
        tried: dict[Way, list[Fit]] = {}
        losses: dict[Way, np.ndarray] = {}
        several = len(self.parts) > 1 and self.is_small
        for way in ways(self.spec.recipe, several, several and self.is_aligned):
            tried[way] = self.fit(self.step_by_step(way), compared)
            losses[way] = self.losses(tried[way])
            if losses[way].mean() < self.spec.recipe.solved:
                break
        taken = preferred(ranked(losses), self.held_groups(len(compared)))
        return taken, tried[taken], losses

    def fit_whole(self, build: Blueprint, holding: list[Fit], first: int = 0) -> list[Fit]:
        """Fit ``WHOLE`` networks to all rows, for as many updates as those kept that could trust
        what they held back; where these could not, until the own losses tell.

        first: how many networks come before these and those that hold the parts back.
        """
        every = np.arange(len(self.rows))
        trusted = all(self.spec.recipe.trusts(len(held)) for _, (_, held) in self.parts)
        updates = median_low(one.updates for one in holding) if trusted else None
        first += len(self.parts)
        more = [(first + number, (every, every[:0])) for number in range(WHOLE)]
        return self.fit(build, more, updates)

    def ask_dense(
        self, way: Way, holding: list[Fit], alone: np.ndarray
    ) -> tuple[list[Fit], Opinion | None]:
        """Dense networks, and whether rows held back are clearly better off with them.

        alone: log-losses ``(n,)`` of these rows without them. Those of all rows are trained only
        where they are taken.
        """
        architecture, solved = self.spec.architecture, alone.mean() < self.spec.recipe.solved
        is_plain = architecture.kind == "conv-lstm" and not any(self.blueprint.alphabets)
        if self.is_small or solved or not is_plain or not architecture.dense:
            return [], None
        rate, profile = way.change_dropout, self.profile
        build = replace(self.blueprint, change_dropout=rate, profile=profile, dense=True)
        first = len(self.parts) + WHOLE
        dense = self.fit(build, [(first + number, part) for number, part in self.parts])
        together = self.losses(holding, dense)
        taken = preferred({False: alone, True: together}, self.held_groups(len(self.parts)))
        if taken:
            dense += self.fit_whole(build, dense, first)
        return dense, Opinion(float(alone.mean()), float(together.mean()), taken)

    def held_groups(self, n_parts: int) -> np.ndarray | None:
        held = np.concatenate([held for _, (_, held) in self.parts[:n_parts]])
        return None if self.groups is None else self.groups[held]

    def held_back(
        self, fits: list[Fit], others: Sequence[Fit] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Logits ``(n, classes)`` of the rows that networks held back, and their class codes.

        others: as many, which held back the same; then the mean of both.
        """
        logits = np.concatenate([one.held_back_logits for one in fits])
        if others:
            logits = (logits + np.concatenate([one.held_back_logits for one in others])) / 2
        y = np.concatenate([self.rows.y[held] for _, (_, held) in self.parts[: len(fits)]])
        return logits if self.prior is None else logits + self.prior, y

    def losses(self, fits: list[Fit], others: Sequence[Fit] = ()) -> np.ndarray:
        """Log-losses ``(n,)`` of these rows at the temperature that suits them best."""
        logits, y = self.held_back(fits, others)
        return row_losses(soften(logits, fit_temperature(logits, y)), y)


def ways(recipe: Recipe, several: bool, aligned: bool) -> list[Way]:
    """Ways to train in; several only where there are held-back rows to choose by."""
    rate = recipe.change_dropout
    found = [Way(rate), Way(0.0), Way(rate, by_step=True)] if several else [Way(0.0)]
    return [way for way in dict.fromkeys(found) if aligned or not way.by_step]


def ranked(losses: dict[Way, np.ndarray]) -> dict[Way, np.ndarray]:
    """Ways that drop more before those that drop less, else the lower mean log-loss first."""
    order = sorted(losses, key=lambda way: (-way.change_dropout, losses[way].mean()))
    return {way: losses[way] for way in order}


def preferred(losses: dict[Key, np.ndarray], groups: np.ndarray | None) -> Key:
    """The first key, unless another's log-losses ``(n,)`` of the same rows are lower by more than
    one standard error, as ``choose`` decides."""
    first, *others = losses
    if not others:
        return first
    found = {k: difference(losses[first], losses[r], groups) for k, r in enumerate(others, 1)}
    return [first, *others][choose(found)[0]]


def held_back_parts(y: np.ndarray, groups: np.ndarray | None, spec: TrainingSpec) -> list[Part]:
    """Row numbers that networks of a replica are fitted to, and those that they hold back.

    Below the recipe's ``change_rows`` every row is held back once, by networks that only tell how
    to train others and how sure these are; from there on half the share, by networks that answer.
    """
    if len(y) >= spec.refit_below:
        return [hold_back(y, groups, spec.validation_fraction, spec.split_seed)]
    most = next((n for below, n in HOLDING if len(y) < below), 1)
    share = spec.validation_fraction / (1 if len(y) < spec.recipe.change_rows else 2)
    return fold_back(y, groups, share, spec.split_seed, most)


def begin_with(network: keras.Model, weights: list[list[np.ndarray]], number: int) -> None:
    """Set the weights of network ``number`` to those of a classifier's member of the same form.

    weights: of each member, scales of steps included. A form that none of them has begins fresh.
    """
    wanted = [w.shape for w in network.get_weights()]
    alike = [own for own in weights if [w.shape for w in own] == wanted]
    if alike:
        network.set_weights(alike[number % len(alike)])
    elif number == 0 and all(own[-2].shape != wanted[-2] for own in weights):
        raise ValueError(
            f"warm_start: expected weights of the same architecture and classes, with a last layer "
            f"of {wanted[-2]}, got {weights[0][-2].shape}; start fresh"
        )


def log_prior(y: np.ndarray, n_classes: int, recipe: Recipe) -> np.ndarray | None:
    """The classes' log shares where the recipe wants rare ones balanced, else None."""
    rows_per_class = np.bincount(y, minlength=n_classes)
    return log_prior_of(y, n_classes) if recipe.balances(rows_per_class.tolist()) else None


def usual_steps(x: np.ndarray) -> tuple[int, int]:
    """Length that 95 of 100 series do not exceed, and the longest; trailing NaN does not count."""
    lengths = series_lengths(np.isfinite(x).any(axis=-1))
    return int(np.ceil(np.percentile(lengths, 95))), int(lengths.max())


def finished_classifier(
    networks: list[keras.Model], temperature: float, prior: np.ndarray | None = None
) -> keras.Model:
    """Add the classes' log shares and divide by the temperature, inside the last layers.

    The outcome is a probability per class where classes are as frequent as in training; of several
    networks, the one that the mean of their logits gives.
    """
    for network in networks:
        head = network.get_layer("logits")
        kernel, bias = head.get_weights()
        bias = bias if prior is None else bias + prior
        head.set_weights([kernel / temperature, bias / temperature])
    return as_classifier(networks)
