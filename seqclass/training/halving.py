"""Architecture search: a fixed ladder of candidates, the order of their training, and the choice.

The next training follows from the ladder, the budget and the seconds that finished trainings took.
So a search that resumes from its records does the same as one that was not stopped.
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
"""Kind, LSTM units, filters of the convolution (0: none); cheap and informative ones come early."""


@dataclass(frozen=True)
class SearchSpec:
    """The way to look for an architecture.

    seconds: budget of training time, above 0, which includes an earlier start of the same search;
    no training starts after it, except those that always run.
    folds: those of the training rows, 2 to 20.
    training: the spec of each network; its architecture is the default, which is kept unless
    another is clearly better; only its lowest seed is used.
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
        """Return the default, then the rest of the ladder; other settings are as in the default."""
        default = self.training.architecture
        rungs = [
            replace(default, kind=kind, units=units, filters=filters or default.filters)
            for kind, units, filters in LADDER
        ]
        return [default, *(rung for rung in rungs if rung != default)]

    def spec_of(self, candidate: int) -> TrainingSpec:
        """Return the training spec of a candidate."""
        return replace(self.training, architecture=self.candidates()[candidate])


def title(architecture: Architecture) -> str:
    """Return an architecture in a few words."""
    stem = f", {architecture.filters} filters" if architecture.kind == "conv-lstm" else ""
    return f"{architecture.kind}, {architecture.units} units{stem}"


class Job(NamedTuple):
    """The training of a candidate (its place on the ladder) without one fold of training rows."""

    candidate: int
    fold: int


class Found(NamedTuple):
    """The outcome of a job: mean log-loss (nats) on its fold, and seconds."""

    log_loss: float
    seconds: float


Train = Callable[[list[Job]], list[Found]]


class Halving:
    """Finished jobs of a search, and the seconds spent."""

    def __init__(self, at_once: int, train: Train) -> None:
        self.at_once, self.train = at_once, train
        self.done: dict[Job, Found] = {}
        self.spent = 0.0

    def take(self, jobs: list[Job], until: float) -> None:
        """Train in waves of ``at_once`` jobs; no wave begins once ``until`` seconds are spent."""
        for start in range(0, len(jobs), self.at_once):
            if self.spent >= until:
                return
            wave = jobs[start : start + self.at_once]
            self.done |= zip(wave, self.train(wave), strict=True)
            self.spent += max(self.done[job].seconds for job in wave)


def successive_halving(n_candidates: int, spec: SearchSpec, at_once: int, train: Train) -> Halving:
    """Train as many candidates as the budget allows, by successive halving in two rounds.

    The default and the next candidate are trained on every fold, however long that takes. Then, for
    half of the remaining budget, one candidate after another is trained on the first fold. The
    better half of all candidates goes on to the other folds, the best first. After Jamieson and
    Talwalkar 2016, "Non-stochastic Best Arm Identification".
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
    """Return the half of the candidates with the lower log-loss on the first fold, lowest first."""
    first = {job.candidate: found.log_loss for job, found in done.items() if job.fold == 0}
    order = sorted(first, key=lambda candidate: (first[candidate], candidate))
    return order[: math.ceil(len(order) / 2)]


def max_jobs(n_candidates: int, folds: int) -> int:
    """Return the number of trainings of a search that has time for all of them."""
    return 2 * folds + (n_candidates - 2) + math.ceil(n_candidates / 2) * (folds - 1)


class Difference(NamedTuple):
    """The default's mean log-loss (nats) minus a candidate's, and its standard error."""

    gain: float
    standard_error: float


def difference(default: np.ndarray, candidate: np.ndarray, groups: np.ndarray | None) -> Difference:
    """Return the difference of log-losses ``(n,)`` on the same rows; a group counts as one draw."""
    gains = default - candidate
    return Difference(float(gains.mean()), clustered_error(gains, groups)[0])


def choose(differences: dict[int, Difference]) -> tuple[int, str]:
    """Return the candidate to take, and the reason.

    Candidate 0 is the default and has no difference. The choice follows the one-standard-error rule
    (Breiman et al. 1984, "Classification and Regression Trees"), on the paired differences of rows:
    of the candidates whose mean log-loss is below the default's by more than one standard error,
    the lowest is taken; if there are none, the default.
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
    """Return the state of a candidate: complete, dropped, unfinished or not reached.

    It is dropped if it is not in the better half after the first fold.
    """
    n = sum(job.candidate == candidate for job in done)
    if n == folds:
        return "complete"
    if n == 0:
        return "not reached"
    return "unfinished" if candidate in better_half(done) else "dropped"


def changes(spec: Any, default: Any) -> dict[str, object]:
    """Return the fields of a dataclass that differ from those of ``default``, nested likewise."""
    found = {}
    for name in (part.name for part in fields(spec)):
        value, usual = getattr(spec, name), getattr(default, name)
        if value != usual:
            found[name] = changes(value, usual) if is_dataclass(value) else value
    return found
