"""One seed replica: hold rows back, fit, calibrate; where rows are few, fit all of them too."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median_low

import keras
import numpy as np

from tasks.learning.calibration import fit_temperature, soften
from tasks.learning.classifier import Blueprint, as_classifier, pooling_factor
from tasks.learning.decisions import Decision, decide, log_prior_of
from tasks.learning.evidence import series_lengths
from tasks.learning.fitting import Fit, Rows, Watch, fit
from tasks.learning.ladder import choose, difference
from tasks.learning.metrics import row_losses, seed_scores
from tasks.learning.scaling import fit_scaling
from tasks.learning.spec import Architecture, Recipe, TrainingSpec
from tasks.learning.splits import Part, fold_back, hold_back
from tasks.learning.symbols import Alphabets, find_alphabets

FOLD_STRIDE = 1_000_000_007
"""Between the seeds of a replica's networks."""
MANY, WHOLE = 1000, 5
"""Rows below which so many networks are fitted to all of them, once others have held some back."""
HOLDING = ((MANY, 5), (10_000, 3))
"""Rows below which so many networks at most hold some back, each others."""

Numbered = tuple[int, Part]
"""A network's number, the row numbers it is fitted to, and those it holds back."""


@dataclass
class Replica:
    """A trained seed: its classifier (raw series to probabilities) and how it came about.

    change_dropout: which its networks were trained with; tried: every one that was, up to the first
    that left nothing to learn, with the mean log-loss (nats) of the held-back rows.
    """

    seed: int
    classifier: keras.Model
    fits: list[Fit]
    change_dropout: float
    tried: dict[float, float]
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

    def networks(
        rate: float, some: list[Numbered], updates: int | None = None, many_scales: bool = False
    ) -> list[Fit]:
        build = replace(blueprint, change_dropout=rate, many_scales=many_scales)
        return _fit_parts(build, rows, some, spec.recipe, seed, watch, prior, initial, updates)

    rate, holding, losses = _compare(networks, parts, rows, groups, prior, spec.recipe)
    whole: list[Fit] = []
    if len(rows) < min(MANY, spec.refit_below):
        whole = _fit_whole(partial(networks, rate), len(rows), holding, parts, spec.recipe)
    elif losses[rate].mean() >= spec.recipe.solved:
        holding += networks(rate, parts[len(holding) :])
    answering = whole if whole and len(rows) < spec.recipe.change_rows else [*holding, *whole]
    logits, y = _held_back(holding, parts[: len(holding)], rows, prior)
    temperature = fit_temperature(logits, y)
    probabilities = soften(logits, temperature)
    decision = decide(probabilities, y, prior, spec.abstention)
    return Replica(
        seed,
        finished_classifier([found.network for found in answering], temperature, prior),
        [*holding, *whole],
        rate,
        {rate: float(found.mean()) for rate, found in losses.items()},
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


def _compare(
    networks: Callable[[float, list[Numbered]], list[Fit]],
    parts: list[Numbered],
    rows: Rows,
    groups: np.ndarray | None,
    prior: np.ndarray | None,
    recipe: Recipe,
) -> tuple[float, list[Fit], dict[float, np.ndarray]]:
    """Train the first parts in every way; the rate to take, its networks, and all rates' losses."""
    compared = parts if len(rows) < MANY else parts[:1]
    tried: dict[float, list[Fit]] = {}
    losses: dict[float, np.ndarray] = {}
    for rate in change_dropouts(parts, len(rows), recipe):
        tried[rate] = networks(rate, compared)
        losses[rate] = _losses(tried[rate], compared, rows, prior)
        if losses[rate].mean() < recipe.solved:
            break
    held = np.concatenate([held for _, (_, held) in compared])
    taken = preferred(losses, None if groups is None else groups[held])
    return taken, tried[taken], losses


def _fit_parts(
    build: Blueprint,
    rows: Rows,
    parts: list[Numbered],
    recipe: Recipe,
    seed: int,
    watch: Watch,
    prior: np.ndarray | None,
    initial: list[list[np.ndarray]] | None,
    updates: int | None,
) -> list[Fit]:
    fits = []
    for number, (kept, held) in parts:
        own_seed, validation = seed + FOLD_STRIDE * number, rows.take(held)
        begin = None if initial is None else partial(begin_with, weights=initial, number=number)
        fits.append(
            fit(build, rows.take(kept), validation, recipe, own_seed, watch, updates, prior, begin)
        )
    return fits


def _fit_whole(
    networks: Callable[[list[Numbered], int | None, bool], list[Fit]],
    n_rows: int,
    holding: list[Fit],
    parts: list[Numbered],
    recipe: Recipe,
) -> list[Fit]:
    """Fit ``WHOLE`` networks to all rows, for as many updates as those kept that could trust what
    they held back; where these could not, until the own losses tell. Where both kinds answer, these
    have many scales."""
    every = np.arange(n_rows)
    trusted = all(recipe.trusts(len(held)) for _, (_, held) in parts)
    updates = median_low(one.updates for one in holding) if trusted else None
    more = [(len(parts) + number, (every, every[:0])) for number in range(WHOLE)]
    return networks(more, updates, n_rows >= recipe.change_rows)


def _held_back(
    fits: list[Fit], parts: list[Numbered], rows: Rows, prior: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Logits ``(n, classes)`` of the rows that networks held back, and their class codes."""
    logits = np.concatenate([one.held_back_logits for one in fits])
    y = np.concatenate([rows.y[held] for _, (_, held) in parts])
    return logits if prior is None else logits + prior, y


def _losses(
    fits: list[Fit], parts: list[Numbered], rows: Rows, prior: np.ndarray | None
) -> np.ndarray:
    """Log-losses ``(n,)`` of these rows at the temperature that suits them best."""
    logits, y = _held_back(fits, parts, rows, prior)
    return row_losses(soften(logits, fit_temperature(logits, y)), y)


def change_dropouts(parts: list[Numbered], n_rows: int, recipe: Recipe) -> tuple[float, ...]:
    """Rates to train with: the recipe's and none where several networks have few rows."""
    few = len(parts) > 1 and n_rows < recipe.change_rows
    return (recipe.change_dropout, 0.0) if few and recipe.change_dropout else (0.0,)


def preferred(losses: dict[float, np.ndarray], groups: np.ndarray | None) -> float:
    """The first of one or two rates, unless the second's log-losses ``(n,)`` of the same rows are
    lower by more than one standard error, as ``choose`` decides."""
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

    weights: of each member. A form that only later networks have may be missing: they begin fresh.
    """
    wanted = [w.shape for w in network.get_weights()]
    alike = [own for own in weights if [w.shape for w in own] == wanted]
    if alike:
        network.set_weights(alike[number % len(alike)])
    elif number == 0:
        raise ValueError(
            f"warm_start: expected weights of the same architecture and classes ({len(wanted)} "
            f"arrays a network), got another form ({len(weights[0])} arrays); start fresh"
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
