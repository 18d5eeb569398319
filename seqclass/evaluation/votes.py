"""Votes of a piece's windows for its answer, and accuracy within a named set of classes."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit
from typing_extensions import TypedDict

from seqclass.evaluation.decisions import UNKNOWN
from seqclass.evaluation.intervals import clustered_error, wilson
from seqclass.series import series_lengths

UNDECIDED = -1


class Accuracy(TypedDict):
    """A share of right answers with its 95% interval; both are null if there are no rows."""

    rows: int
    accuracy: float | None
    interval: list[float] | None


class SetAccuracy(Accuracy):
    """An accuracy if only a few classes may be answered.

    classes: their number. chance: accuracy of guessing. open: the accuracy if all classes may be
    answered.
    """

    classes: int
    chance: float
    open: float


class Lead(TypedDict):
    """The lead of one classifier over another. lead: positive if it is better."""

    lead: float
    interval: list[float]


@dataclass(frozen=True)
class VotingSpec:
    """The way pieces are cut into windows and answered.

    window: steps of a window, at least 2; a shorter piece is one window. hop: steps from one
    window's start to the next, at least 1; the end of a piece is covered by a last window that ends
    with it. agreement: share of a piece's windows, in [0, 1], that must agree with the answer, else
    it is unknown; 0.6 is the rule of DeepSRGM (Madhusudhan and Chowdhary 2019).
    """

    window: int = 64
    hop: int = 16
    agreement: float = 0.6

    def __post_init__(self) -> None:
        for name, least in (("window", 2), ("hop", 1)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name}: expected at least {least} steps, got {getattr(self, name)}; "
                    "correct the value"
                )
        if not 0 <= self.agreement <= 1:
            raise ValueError(
                f"agreement: expected a share from 0 to 1, got {self.agreement}; correct it"
            )


def sliding_windows(x: np.ndarray, spec: VotingSpec) -> tuple[np.ndarray, np.ndarray]:
    """Return the windows of series ``(windows, window, channels)`` and their series ``(windows,)``.

    x: ``(n, steps, channels)``, NaN where missing. Windows of shorter series end in NaN.
    """
    lengths, width = series_lengths(np.isfinite(x).any(axis=-1)), spec.window
    windows, owners = [], []
    for piece, (series, length) in enumerate(zip(x, lengths, strict=True)):
        last = max(int(length) - width, 0)
        for start in [*range(0, last, spec.hop), last]:
            part = np.full((width, x.shape[2]), np.nan, dtype=np.float32)
            part[: min(width, length - start)] = series[start : min(start + width, length)]
            windows.append(part)
            owners.append(piece)
    return np.stack(windows), np.array(owners)


def vote(
    answers: np.ndarray, owners: np.ndarray, n_classes: int, agreement: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the answer of each owner, and the share of its votes that agree with it.

    answers: class codes ``(votes,)``; owners: ``(votes,)`` in ``0 .. n - 1``. If too small a share
    agrees, the answer is ``UNDECIDED``. If classes have equally many votes, the lower code wins.
    """
    ballots = np.zeros((int(owners.max()) + 1, n_classes), dtype=np.int64)
    np.add.at(ballots, (owners, answers), 1)
    share = ballots.max(axis=1) / np.maximum(ballots.sum(axis=1), 1)
    return np.where(share >= agreement, ballots.argmax(axis=1), UNDECIDED), share


def within_set(log_scores: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Return class codes ``(n,)`` if only the classes ``members`` may be answered."""
    return members[log_scores[:, members].argmax(axis=1)]


def set_scores(
    log_scores: np.ndarray,
    y: np.ndarray,
    sets: dict[str, np.ndarray],
    owners: np.ndarray | None = None,
) -> dict[str, SetAccuracy]:
    """Return the accuracy on the rows of each named set of classes, if only these may be answered.

    log_scores: ``(n, classes)``; sets: class codes by name; owners: as for ``accuracy_of``. Each
    result has the rows of the set, chance, accuracy with its interval, and ``open``, the accuracy
    if all classes may be answered. A set without rows is left out.
    """
    accuracies: dict[str, SetAccuracy] = {}
    for name, members in sets.items():
        rows = np.flatnonzero(np.isin(y, members))
        if not len(rows):
            continue
        right = within_set(log_scores[rows], members) == y[rows]
        accuracies[name] = {
            "classes": len(members),
            "chance": 1 / len(members),
            **accuracy_of(right, None if owners is None else owners[rows]),
            "open": float((log_scores[rows].argmax(axis=1) == y[rows]).mean()),
        }
    return accuracies


def accuracy_of(right: np.ndarray, owners: np.ndarray | None = None) -> Accuracy:
    """Return rows, accuracy and its 95% interval (Wilson 1927) of right answers ``(n,)`` bool.

    owners: ``(n,)``, the thing that each row is part of, such as the piece of a window (None: rows
    are independent). Parts of one piece are right or wrong together, so the interval is that of the
    effective sample size (Korn and Graubard 1998).
    """
    n = len(right)
    if n == 0:
        return {"rows": 0, "accuracy": None, "interval": None}
    share = float(np.mean(right))
    telling = n if owners is None else effective_sample_size(right, owners)
    return {"rows": n, "accuracy": share, "interval": list(wilson(share, telling))}


def lead_of(right: np.ndarray, other: np.ndarray, owners: np.ndarray | None = None) -> Lead:
    """Return the accuracy of ``right`` minus that of ``other``, with a 95% interval.

    right, other: ``(n,)`` bool, of the same rows; owners: as for ``accuracy_of``. The interval is
    that of the mean of paired differences, by Student's t with one degree of freedom less than
    there are owners. A single owner shows nothing, so its interval includes every lead.
    """
    return mean_lead(right.astype(float) - other.astype(float), 1.0, owners)


def mean_lead(gaps: np.ndarray, bound: float, owners: np.ndarray | None = None) -> Lead:
    """Return the mean of paired differences ``(n,)`` with its 95% interval, as in ``lead_of``.

    bound: most that a difference can be.
    """
    error, freedom = clustered_error(gaps, owners)
    lead, margin = float(gaps.mean()), float(_quantile(freedom) * error) if freedom else np.inf
    return {"lead": lead, "interval": [max(lead - margin, -bound), min(lead + margin, bound)]}


def effective_sample_size(right: np.ndarray, owners: np.ndarray) -> float:
    """Return the number of independent rows that estimate the share of right ones as precisely.

    It is at most the number of rows, and at most that of owners if all rows are right or all wrong.
    """
    n, share = len(right), float(np.mean(right))
    error, freedom = clustered_error(right.astype(float), owners)
    if not freedom:
        return 1.0
    alone = share * (1 - share)
    worth = min(alone / error**2 if error else n, n) if alone else freedom + 1
    return worth * float(_quantile(np.inf) / _quantile(freedom)) ** 2


def _quantile(freedom: float) -> float:
    return float(stdtrit(freedom, 0.975) if np.isfinite(freedom) else ndtri(0.975))


def names_of(codes: np.ndarray, classes: list[str]) -> list[str]:
    """Return class names, and ``unknown`` for ``UNDECIDED``."""
    return [UNKNOWN if code == UNDECIDED else classes[code] for code in codes]
