"""One seed replica: its members answer held-back rows, which decide everything else."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from seqclass.evaluation.calibration import soften
from seqclass.evaluation.contribution import LSTM, MemberRecord
from seqclass.evaluation.metrics import seed_scores
from seqclass.networks.symbols import Alphabets
from seqclass.training.assembly import committee_classifier, members_alone
from seqclass.training.auxiliary_weight import with_auxiliary
from seqclass.training.committee import Mixture, fit_mixture
from seqclass.training.familiarity import fit_familiarity
from seqclass.training.fitting import Fit
from seqclass.training.learnt_rows import Rows, WindowedRows
from seqclass.training.members import (
    CLOSED,
    FrozenFeatures,
    LstmMember,
    MemberProgress,
    TrainedMember,
    Training,
    train_closed,
)
from seqclass.training.memory import return_memory
from seqclass.training.mixing import MIN_ROWS, mix, nested_scores, select_registered
from seqclass.training.recipe import Recipe
from seqclass.training.spec import Member, TrainingSpec
from seqclass.training.splits import holdout_folds

MIN_GAIN = 0.05
"""Share by which a network must lower the loss on held-back rows to be trained on more folds."""

SOLVED, NO_GAIN, NO_TIME, NOT_NEEDED = "solved", "no gain", "no time", "not needed"
"""Reasons that a member was not trained, was not trained to the end, or is not registered."""


@dataclass
class Replica:
    """A trained seed: its classifier (raw series to probabilities) and its training.

    members_alone: raw series to the probabilities ``(B, classes)`` of each trained member, by name.
    references: numbers of the training rows that series are compared with. fits: networks of the
    LSTM. auxiliary_weight: what each auxiliary row counts for, 0 if none trained.
    temperature: that of the classifier; committee_temperature: that of the mixture
    of all members. held: numbers of the held-back rows ``(n,)``, in the folds' order.
    validation_logits: ``(n, classes)`` of them; nested: see ``nested_scores``.
    """

    seed: int
    classifier: keras.Model
    members_alone: keras.Model
    references: np.ndarray
    members: list[MemberRecord]
    fits: list[Fit]
    auxiliary_weight: float
    temperature: float
    committee_temperature: float
    held: np.ndarray
    validation_logits: np.ndarray
    nested: np.ndarray
    alphabets: Alphabets
    seconds: float

    @property
    def held_probabilities(self) -> np.ndarray:
        """Probabilities ``(n, classes)`` of the held-back rows."""
        return soften(self.validation_logits, self.temperature)


@dataclass(frozen=True)
class TrainingRows:
    """The rows that a replica learns from.

    groups ``(n,)``: rows of a group are held back together; None if there are no groups. channels:
    names, which may be units of symbols. many: all training rows, if they are too many to be held
    at once; the others are then a sample of them, ``many.sample``. auxiliary: further rows, which
    only train, if held-back rows show that they help; None if there are ``many``.
    """

    rows: Rows
    n_classes: int
    groups: np.ndarray | None = None
    channels: Sequence[str] = ()
    many: WindowedRows | None = None
    auxiliary: Rows | None = None


def train_replica(
    data: TrainingRows,
    spec: TrainingSpec,
    seed: int,
    watch: MemberProgress,
    initial: list[list[np.ndarray]] | None = None,
) -> Replica:
    """Train one replica on training rows alone; everything follows from ``seed``.

    initial: weights of a classifier's networks to begin with; an attempt that fails is begun again
    with fresh ones.
    """
    training = begin_training(data, spec, seed, watch, initial)
    if data.auxiliary is not None:
        training = with_auxiliary(training, data.auxiliary)
    return _replica(training, *train_members(training))


def begin_training(
    data: TrainingRows,
    spec: TrainingSpec,
    seed: int,
    watch: MemberProgress,
    initial: list[list[np.ndarray]] | None = None,
) -> Training:
    """Begin a training: choose the rows that are held back."""
    rows, n_classes = data.rows, data.n_classes
    folds = holdout_folds(
        rows.y,
        data.groups,
        spec.validation_fraction,
        spec.split_seed,
        is_helped=data.auxiliary is not None,
    )
    every = data.many.y if data.many else rows.y
    prior = log_prior(every, n_classes, spec.recipe)
    frozen = FrozenFeatures(rows.x, data.channels, seed)
    return Training(
        rows, n_classes, spec, seed, watch, folds, prior, frozen, initial, data.groups, data.many
    )


def _replica(
    training: Training, trained: list[TrainedMember], left_out: list[MemberRecord]
) -> Replica:
    """Put members together by the rows that they were not fitted to."""
    frozen, seed = training.frozen, training.seed
    committee = mix(trained, training)
    mixture = select_registered(trained, committee, training)
    logits = mixture.logits([member.scores for member in trained])
    branches = [member.branch() for member in trained]
    familiarity = fit_familiarity(
        training.primary, training.n_classes, frozen.convolutions, frozen.pooled, seed
    )
    return Replica(
        seed,
        committee_classifier(branches, mixture, familiarity),
        members_alone([member.name for member in trained], branches, mixture.temperatures),
        familiarity.rows if training.many is None else training.many.sample[familiarity.rows],
        [*reports(trained, committee, mixture, training), *left_out],
        [fit for member in trained for fit in member.fits],
        training.auxiliary.weight if training.auxiliary else 0.0,
        mixture.temperature,
        committee.temperature,
        training.held[: len(logits)],
        logits,
        nested_scores(trained, training),
        frozen.alphabets,
        time.monotonic() - training.began,
    )


def train_members(training: Training) -> tuple[list[TrainedMember], list[MemberRecord]]:
    """Train members from cheap to dear, as long as held-back rows show that more are needed.

    The LSTM is always trained, on one fold at least, since it is the purpose of a training.
    """
    trained, left_out = _closed_members(training)
    if LSTM in training.spec.members:
        return_memory()
        trained.append(train_lstm(training, trained, why_not(trained, training)))
    return trained, left_out


def _closed_members(training: Training) -> tuple[list[TrainedMember], list[MemberRecord]]:
    bounded, trained, left_out = training.subsample(), list[TrainedMember](), list[MemberRecord]()
    for name in CLOSED:
        if name not in training.spec.members:
            continue
        return_memory()
        why = why_not(trained, training)
        if why:
            left_out.append(_left_out(name, why))
        else:
            trained.append(train_closed(name, bounded))
    return trained, left_out


def _left_out(name: Member, why: str) -> MemberRecord:
    return {
        "name": name, "weight": 0.0, "registered": 0.0, "rows": 0, "accuracy": None,
        "log_loss": None, "networks": 0, "updates": 0, "seconds": 0.0, "why": why, "seen": 0,
        "limit": 0,
    }  # fmt: skip


def why_not(trained: list[TrainedMember], training: Training) -> str | None:
    """Return the reason that a member is not trained, ``SOLVED`` or ``NO_TIME``; else None.

    ``3 / n`` is added to the mean loss of n rows: if none of them is wrong, the true share of
    errors may still be ``3 / n`` (Hanley and Lippman-Hand 1983, "If Nothing Goes Wrong, Is
    Everything All Right?").
    """
    if not trained:
        return None
    scores, y = [member.scores for member in trained], training.rows.y[training.held]
    losses = mix(trained, training).losses(scores, y)
    if losses.mean() + 3 / len(losses) < training.spec.recipe.solved:
        return SOLVED
    return NO_TIME if training.is_late(0.0) else None


def train_lstm(
    training: Training, others: list[TrainedMember], why: str | None = None
) -> TrainedMember:
    """Train a network for every fold, until held-back rows show that it adds nothing.

    why: a short reason that one fold is enough, or None.
    """
    member, most = LstmMember(training), len(training.folds)
    limit = (training.spec.networks or {}).get(LSTM, most)
    while len(member.fits) < most:
        member.next_fold(may_go_on=why is None)
        done = len(member.fits)
        if why:
            return member.trained(why)
        if others and adds_nothing(member.trained(), others, training):
            return member.trained(NO_GAIN)
        if done < most and (done >= limit or training.is_late(member.seconds / done)):
            return member.trained(NO_TIME)
    return member.trained()


def adds_nothing(member: TrainedMember, others: list[TrainedMember], training: Training) -> bool:
    """Check whether enough rows show that a member lowers their loss by too small a share."""
    scores = [trained.scores for trained in (*others, member)]
    n = min(map(len, scores))
    if n < MIN_ROWS:
        return False
    y, scores = training.rows.y[training.held[:n]], [part[:n] for part in scores]
    before, after = (fit_mixture(part, y).losses(part, y) for part in (scores[:-1], scores))
    gain = before - after
    error, freedom = training.error_of_mean(gain)
    return bool(freedom and gain.mean() + 2 * error < MIN_GAIN * before.mean())


def reports(
    trained: list[TrainedMember], committee: Mixture, registered: Mixture, training: Training
) -> list[MemberRecord]:
    """Return a record of each trained member, by the held-back rows that it has answered.

    registered: the mixture that a seed registers.
    """
    y, records = training.rows.y[training.held], list[MemberRecord]()
    for k, member in enumerate(trained):
        n = len(member.scores)
        scores = seed_scores(soften(member.scores, committee.temperatures[k]), y[:n])
        why = member.why or (None if committee.weights[k] else NO_GAIN)
        records.append({
            "name": member.name,
            "weight": committee.weights[k],
            "registered": registered.weights[k],
            "rows": n,
            "accuracy": scores["accuracy"],
            "log_loss": scores["log_loss"],
            "networks": len(member.fits),
            "updates": sum(len(fit.losses) for fit in member.fits),
            "seconds": round(member.seconds, 2),
            "why": why or (None if registered.weights[k] else NOT_NEEDED),
            "seen": member.fits[0].seen if member.fits else 0,
            "limit": member.limit,
        })  # fmt: skip
    return records


def log_prior(y: np.ndarray, n_classes: int, recipe: Recipe) -> np.ndarray | None:
    """Return the classes' log shares if the recipe balances rare classes, else None."""
    rows = np.bincount(y, minlength=n_classes)
    return np.log(rows / len(y)) if recipe.balances(rows.tolist()) else None
