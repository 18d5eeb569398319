"""One seed replica: its members answer rows that they have not seen, which decides the rest."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from seqclass.evaluation.calibration import fit_temperature, soften
from seqclass.evaluation.decisions import Decision, decide, log_prior_of
from seqclass.evaluation.metrics import row_losses, seed_scores
from seqclass.networks.symbols import Alphabets
from seqclass.training.assembly import committee_classifier, members_alone
from seqclass.training.committee import Mixture, fit_mixture
from seqclass.training.familiarity import fit_familiarity
from seqclass.training.fitting import Fit, Rows, Watch
from seqclass.training.members import (
    COMMITTEE,
    FrozenFeatures,
    MemberConfig,
    NetworkMember,
    Trained,
    Training,
    train_closed,
)
from seqclass.training.recipe import Recipe
from seqclass.training.spec import TrainingSpec
from seqclass.training.splits import holdout_folds

MIN_GAIN = 0.05
"""Share by which a network must lower the loss of rows held back to be given further folds."""
TELLING_ROWS = 100
"""Rows held back that can tell so, at least: the standard error of an accuracy is five points."""

SOLVED, NO_GAIN, NO_TIME = "solved", "no gain", "no time"
"""Why a member was not trained, or not to the end."""


class MemberReport(NamedTuple):
    """What a member did. weight: its share of the committee's answer; accuracy, log_loss (nats):
    of the rows held back, at its own temperature, None where it was not trained; networks: how
    many it has; why: in a word, why it was left out or ended early, else None."""

    name: str
    weight: float
    accuracy: float | None
    log_loss: float | None
    networks: int
    seconds: float
    why: str | None


@dataclass
class Replica:
    """A trained seed: its classifier (raw series to probabilities) and how it came about.

    members_alone: raw series to the probabilities of each trained member, ``(B, members,
    classes)``. references: numbers of the training rows that series are compared with.
    validation_logits: ``(n, classes)`` of the rows held back, in the folds' order.
    """

    seed: int
    classifier: keras.Model
    members_alone: keras.Model
    references: np.ndarray
    members: list[MemberReport]
    fits: list[Fit]
    temperature: float
    decision: Decision
    validation: dict[str, float]
    validation_logits: np.ndarray
    alphabets: Alphabets
    seconds: float


@dataclass(frozen=True)
class TrainingRows:
    """What a replica learns from.

    groups ``(n,)``: rows of one are held back together; None where nothing groups them. channels:
    names, which may be units of symbols.
    """

    rows: Rows
    n_classes: int
    groups: np.ndarray | None = None
    channels: Sequence[str] = ()


def train_replica(
    known: TrainingRows,
    spec: TrainingSpec,
    seed: int,
    watch: Watch,
    initial: list[list[np.ndarray]] | None = None,
) -> Replica:
    """Train one replica on training rows alone; everything follows from ``seed``.

    initial: weights of a classifier's networks to begin with; an attempt that fails is begun again
    with fresh ones.
    """
    keras.utils.set_random_seed(seed)
    rows, n_classes = known.rows, known.n_classes
    folds = holdout_folds(rows.y, known.groups, spec.validation_fraction, spec.split_seed)
    prior = log_prior(rows.y, n_classes, spec.recipe)
    frozen = FrozenFeatures(rows.x, known.channels, seed)
    training = Training(rows, n_classes, spec, seed, watch, folds, prior, frozen, initial)
    return _replica(training, *train_members(training))


def _replica(training: Training, trained: list[Trained], left_out: list[MemberReport]) -> Replica:
    """What members have become together, by the rows that they have not seen."""
    frozen, seed = training.frozen, training.seed
    mixture, y = mix(trained, training)
    logits = mixture.logits([one.scores[: len(y)] for one in trained])
    probabilities = soften(logits, mixture.temperature)
    decision = decide(probabilities, y, training.prior, training.spec.abstention)
    branches = [one.branch() for one in trained]
    familiarity = fit_familiarity(
        training.rows, training.n_classes, frozen.pooled, frozen.scaling, seed
    )
    return Replica(
        seed,
        committee_classifier(branches, mixture, familiarity),
        members_alone(branches, mixture.temperatures),
        familiarity.rows,
        [*reports(trained, mixture, y), *left_out],
        [found for one in trained for found in one.fits],
        mixture.temperature,
        decision,
        seed_scores(probabilities, y, decision.offsets),
        logits,
        frozen.alphabets,
        time.monotonic() - training.began,
    )


def train_members(training: Training) -> tuple[list[Trained], list[MemberReport]]:
    """Train members from cheap to dear, as long as rows held back say that there is need."""
    trained: list[Trained] = []
    left_out: list[MemberReport] = []
    bounded = training.bounded()
    for config in (one for one in COMMITTEE if one.name in training.spec.members):
        why = why_not(trained, training)
        if why:
            left_out.append(MemberReport(config.name, 0.0, None, None, 0, 0.0, why))
        elif config.learns == "network":
            own = training if config.sees == "views" else bounded
            trained.append(train_network(config, own, trained))
        else:
            trained.append(train_closed(config, bounded))
    return trained, left_out


def why_not(trained: list[Trained], training: Training) -> str | None:
    """Why a member is not trained: nothing is left to learn, or no time is left; else None.

    Where none of n rows is wrong, up to 3 of n may be (Hanley and Lippman-Hand 1983, "If Nothing
    Goes Wrong, Is Everything All Right?").
    """
    if not trained:
        return None
    mixture, y = mix(trained, training)
    logits = mixture.logits([one.scores[: len(y)] for one in trained])
    loss = row_losses(soften(logits, mixture.temperature), y).mean()
    if loss + 3 / len(y) < training.spec.recipe.solved:
        return SOLVED
    return NO_TIME if training.is_late(0.0) else None


def train_network(config: MemberConfig, training: Training, others: list[Trained]) -> Trained:
    """Train a network for every fold, until rows held back tell that it adds nothing."""
    member, most = NetworkMember(config, training), len(training.folds)
    limit = (training.spec.networks or {}).get(config.name, most)
    while len(member.fits) < most:
        member.next_fold()
        done = len(member.fits)
        if others and adds_nothing(member, others, training):
            return member.trained(NO_GAIN)
        if done < most and (done >= limit or training.is_late(member.seconds / done)):
            return member.trained(NO_TIME)
    return member.trained()


def adds_nothing(member: NetworkMember, others: list[Trained], training: Training) -> bool:
    """Whether enough rows tell that a member lowers their loss by too small a share."""
    scores = [one.scores for one in others if one.why != NO_GAIN]
    own = member.trained().scores
    n = min(map(len, [*scores, own]))
    if n < TELLING_ROWS:
        return False
    y, scores = training.rows.y[training.held[:n]], [part[:n] for part in scores]
    before, after = (mixed_losses(parts, y) for parts in (scores, [*scores, own[:n]]))
    gain = before - after
    most = gain.mean() + 2 * gain.std() / np.sqrt(n)
    return bool(most < MIN_GAIN * before.mean())


def mixed_losses(scores: list[np.ndarray], y: np.ndarray) -> np.ndarray:
    """Losses (nats) ``(n,)`` of the best mixture of members' scores ``(n, classes)``."""
    mixture = fit_mixture(scores, y)
    return row_losses(soften(mixture.logits(scores), mixture.temperature), y)


def mix(trained: list[Trained], training: Training) -> tuple[Mixture, np.ndarray]:
    """The mixture by the rows that all members with a gain have answered, and their codes."""
    y = training.rows.y[training.held]
    useful = [one for one in trained if one.why != NO_GAIN]
    n = min(len(one.scores) for one in useful)
    found = fit_mixture([one.scores[:n] for one in useful], y[:n])
    weights = iter(found.weights)
    return Mixture(
        tuple(0.0 if one.why == NO_GAIN else next(weights) for one in trained),
        tuple(fit_temperature(one.scores[:n], y[: min(n, len(one.scores))]) for one in trained),
        found.temperature,
    ), y[:n]


def reports(trained: list[Trained], mixture: Mixture, y: np.ndarray) -> list[MemberReport]:
    """What each trained member did, by the rows ``y`` that the mixture rests on."""
    found = []
    for one, weight, temperature in zip(
        trained, mixture.weights, mixture.temperatures, strict=True
    ):
        scores = one.scores[: len(y)]
        own = seed_scores(soften(scores, temperature), y[: len(scores)])
        why = one.why or (None if weight else NO_GAIN)
        found.append(
            MemberReport(
                one.config.name, weight, own["accuracy"], own["log_loss"], len(one.fits),
                round(one.seconds, 2), why,
            )
        )  # fmt: skip
    return found


def log_prior(y: np.ndarray, n_classes: int, recipe: Recipe) -> np.ndarray | None:
    """The classes' log shares where the recipe wants rare ones balanced, else None."""
    rows_per_class = np.bincount(y, minlength=n_classes)
    return log_prior_of(y, n_classes) if recipe.balances(rows_per_class.tolist()) else None
