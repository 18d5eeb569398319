"""Architecture search: a fixed ladder of networks, which of them to train next, and which to take.

What to train follows from the ladder, the budget and the seconds that finished trainings took, so
that a search which goes on from its records does what it would have done undisturbed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from seqclass.evaluation.intervals import clustered_error
from seqclass.networks.architecture import Architecture, Kind
from seqclass.training.spec import TrainingSpec

LADDER: tuple[tuple[Kind, int, int], ...] = (
    ("conv-lstm", 64, 64),
    ("conv-lstm", 32, 32),
    ("lstm", 32, 0),
    ("bilstm", 32, 0),
    ("conv-lstm", 128, 64),
    ("conv-lstm", 16, 16),
    ("lstm", 64, 0),
    ("bilstm", 64, 0),
    ("conv-lstm", 128, 128),
    ("lstm", 16, 0),
    ("bilstm", 16, 0),
    ("lstm", 128, 0),
    ("bilstm", 128, 0),
)
"""Kind, LSTM units, filters of the stem (0: no stem); the cheap and telling ones come early."""


@dataclass(frozen=True)
class SearchSpec:
    """How to look for an architecture.

    seconds: budget of training time, above 0, with that of an earlier start of the same search;
    no training starts after it, but for those that always run.
    folds: of the training rows, 2 to 20. training: how each network is trained; its architecture
    is the default, which is kept unless another is clearly better; its lowest seed is the one used.
    """

    seconds: float = 600.0
    folds: int = 3
    training: TrainingSpec = field(default_factory=TrainingSpec)

    def __post_init__(self) -> None:
        if not 0 < self.seconds < math.inf:
            raise ValueError(
                f"seconds: expected a number above 0, got {self.seconds}; correct the value"
            )
        if not 2 <= self.folds <= 20:
            raise ValueError(f"folds: expected 2 to 20, got {self.folds}; correct the value")

    def candidates(self) -> list[Architecture]:
        """The default, then the rest of the ladder; all else is as in the default."""
        default = self.training.architecture
        rungs = [
            replace(default, kind=kind, units=units, filters=filters or default.filters)
            for kind, units, filters in LADDER
        ]
        return [default, *(rung for rung in rungs if rung != default)]

    def spec_of(self, candidate: int) -> TrainingSpec:
        """How a candidate is trained."""
        return replace(self.training, architecture=self.candidates()[candidate])


def title(architecture: Architecture) -> str:
    """An architecture in a few words."""
    stem = f", {architecture.filters} filters" if architecture.kind == "conv-lstm" else ""
    return f"{architecture.kind}, {architecture.units} units{stem}"


class Job(NamedTuple):
    """Train a candidate (its place on the ladder) without one fold of the training rows."""

    candidate: int
    fold: int


class Found(NamedTuple):
    """What a job gave: mean log-loss (nats) on its fold, and how long it took."""

    log_loss: float
    seconds: float


Train = Callable[[list[Job]], list[Found]]


class Halving:
    """What a search has trained, and the seconds that went by."""

    def __init__(self, at_once: int, train: Train) -> None:
        self.at_once, self.train = at_once, train
        self.done: dict[Job, Found] = {}
        self.spent = 0.0

    def take(self, jobs: list[Job], until: float) -> None:
        """Train in waves of ``at_once``; none begins when ``until`` seconds are spent."""
        for start in range(0, len(jobs), self.at_once):
            if self.spent >= until:
                return
            wave = jobs[start : start + self.at_once]
            self.done |= zip(wave, self.train(wave), strict=True)
            self.spent += max(self.done[job].seconds for job in wave)


def successive_halving(n_candidates: int, spec: SearchSpec, at_once: int, train: Train) -> Halving:
    """Train as many candidates as the budget allows, by successive halving in two rounds.

    The default and the next candidate are trained on every fold, whatever that takes. Then, for
    half of what is left of the budget, candidate after candidate is trained on the first fold;
    the better half of all goes on to the other folds, the best first.
    After Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification".
    """
    state, folds = Halving(at_once, train), range(spec.folds)
    state.take([Job(candidate, fold) for candidate in (0, 1) for fold in folds], math.inf)
    half = state.spent + (spec.seconds - state.spent) / 2
    state.take([Job(candidate, 0) for candidate in range(2, n_candidates)], half)
    finalists = [candidate for candidate in better_half(state.done) if candidate > 1]
    rest = [Job(candidate, fold) for candidate in finalists for fold in folds[1:]]
    state.take(rest, spec.seconds)
    return state


def better_half(done: dict[Job, Found]) -> list[int]:
    """The candidates with the lower log-loss on the first fold, the lowest first."""
    first = {job.candidate: found.log_loss for job, found in done.items() if job.fold == 0}
    order = sorted(first, key=lambda candidate: (first[candidate], candidate))
    return order[: math.ceil(len(order) / 2)]


def max_jobs(n_candidates: int, folds: int) -> int:
    """Trainings of a search that is never short of time, at most."""
    return 2 * folds + (n_candidates - 2) + math.ceil(n_candidates / 2) * (folds - 1)


class Difference(NamedTuple):
    """By how much a candidate's mean log-loss (nats) is below the default's."""

    gain: float
    standard_error: float


def difference(default: np.ndarray, candidate: np.ndarray, groups: np.ndarray | None) -> Difference:
    """Compare log-losses ``(n,)`` of the same rows; rows of a group count as one draw."""
    gains = default - candidate
    return Difference(float(gains.mean()), clustered_error(gains, groups)[0])


def choose(differences: dict[int, Difference]) -> tuple[int, str]:
    """The candidate to take, and why; candidate 0 is the default and has no difference.

    The one-standard-error rule (Breiman et al. 1984, "Classification and Regression Trees"),
    on the paired differences of rows: the lowest mean log-loss among those that are below the
    default's by more than one standard error; the default where there are none.
    """
    clear = {c: d for c, d in differences.items() if d.gain > d.standard_error}
    if clear:
        chosen = max(clear, key=lambda c: (clear[c].gain, -c))
        gain, error = clear[chosen]
        return chosen, (
            f"changed: the lowest mean log-loss of those better than the default by more than "
            f"one standard error ({gain:.4f}, standard error {error:.4f})"
        )
    gain, error = max(differences.values())
    if gain > 0:
        return 0, (
            f"the default stays: the best is better by {gain:.4f}, not by more than one "
            f"standard error ({error:.4f})"
        )
    return 0, "the default stays: none has a lower mean log-loss"


def state_of(candidate: int, done: dict[Job, Found], folds: int) -> str:
    """How far a candidate came: complete, dropped after the first fold, unfinished, not reached."""
    n = sum(job.candidate == candidate for job in done)
    if n == folds:
        return "complete"
    if n == 0:
        return "not reached"
    return "unfinished" if candidate in better_half(done) else "dropped"


def changes(spec: Any, default: Any) -> dict[str, object]:
    """The fields of a dataclass that differ from ``default``'s, nested as they are."""
    found = {}
    for name in (part.name for part in fields(spec)):
        value, usual = getattr(spec, name), getattr(default, name)
        if value != usual:
            found[name] = changes(value, usual) if is_dataclass(value) else value
    return found
