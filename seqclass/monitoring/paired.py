"""Comparison of a challenger and a champion on the same rows."""

from dataclasses import dataclass

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.intervals import Counted, bootstrap_intervals, count_kinds
from seqclass.evaluation.metrics import class_counts, label_scores, macro_f1
from seqclass.monitoring.retrain_spec import GateSpec

N_RESAMPLES = 2000


@dataclass(frozen=True)
class PairedPredictions:
    """Class codes ``(n,)`` of test rows: the true ones, and those that each model predicts.

    groups: of the rows ``(n,)``, None if there are none.
    """

    truth: np.ndarray
    champion: np.ndarray
    challenger: np.ndarray
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.truth)

    def take(self, rows: np.ndarray) -> "PairedPredictions":
        """Select rows."""
        groups = None if self.groups is None else self.groups[rows]
        return PairedPredictions(
            self.truth[rows], self.champion[rows], self.challenger[rows], groups
        )


class Paired(TypedDict):
    """Comparison of two models on the same rows.

    champion, challenger: scores of each. lost: number of rows that only the champion gets right.
    won: number of rows that only the challenger gets right. worse_p: p-value of the challenger
    being no worse. better_p: p-value of it being no better. difference: of macro F1. interval: of
    the difference, 95%.
    """

    rows: int
    champion: dict[str, float]
    challenger: dict[str, float]
    lost: int
    won: int
    worse_p: float
    better_p: float
    difference: float
    interval: list[float]


def compare_paired(answers: PairedPredictions, n_classes: int, seed: int) -> Paired:
    """Compare two models: scores, exact p-values, difference of macro F1.

    The tests are one-sided. They are McNemar's (1947): each row that only one model gets right is
    equally likely to be won by either. With groups, this holds for what each group gains or loses.
    The difference has a 95% interval from a paired bootstrap over the rows, or groups. worse_p:
    p-value of the challenger being no worse. better_p: p-value of it being no better.
    """
    y, old, new = answers.truth, answers.champion, answers.challenger
    gains = (new == y).astype(int) - (old == y)
    before, after = (label_scores(side, y, n_classes) for side in (old, new))
    nets = gains
    if answers.groups is not None:
        group = np.unique(answers.groups, return_inverse=True)[1]
        nets = np.bincount(group, gains).astype(int)
    return {
        "rows": len(y),
        "champion": before,
        "challenger": after,
        "lost": int((gains < 0).sum()),
        "won": int((gains > 0).sum()),
        "worse_p": flip_tail(-nets),
        "better_p": flip_tail(nets),
        "difference": after["macro_f1"] - before["macro_f1"],
        "interval": _interval(answers, n_classes, seed),
    }


def flip_tail(nets: np.ndarray) -> float:
    """Return the chance that integers ``(n,)`` with random signs have at least their present sum.

    Without groups, all are 1, 0 or -1, and the chance is that of the binomial distribution.
    """
    from scipy.stats import binom

    chances = np.ones(1)
    for size, n in zip(*np.unique(np.abs(nets[nets != 0]), return_counts=True), strict=True):
        part = np.zeros(size * n + 1)
        part[::size] = binom.pmf(np.arange(n + 1), n, 0.5)
        chances = np.convolve(chances, part)
    return min(float(chances[nets[nets > 0].sum() :].sum()), 1.0)


def _interval(answers: PairedPredictions, n_classes: int, seed: int) -> list[float]:
    """Return the bootstrapped 95% interval of the difference of macro F1."""
    from scipy.sparse import hstack

    y, old, new = (
        side.astype(np.int64) for side in (answers.truth, answers.champion, answers.challenger)
    )
    kinds, rows, by_group = count_kinds((y * n_classes + old) * n_classes + new, answers.groups)
    pair, challenger = np.divmod(kinds, n_classes)
    truth, champion = np.divmod(pair, n_classes)
    sides = [class_counts(truth, side, n_classes) for side in (champion, challenger)]

    def difference(sums: np.ndarray) -> np.ndarray:
        before, after = (macro_f1(*np.split(half, 3, axis=1)) for half in np.split(sums, 2, axis=1))
        return (after - before)[None]

    counted = Counted(hstack(sides, format="csr"), rows, by_group)
    return bootstrap_intervals(counted, difference, seed, N_RESAMPLES, (-1.0, 1.0))[0].tolist()


def allowance(on_newest: Paired | None, spec: GateSpec) -> float:
    """Return how much macro F1 may fall on old test rows.

    It is ``worse`` or, if the challenger is significantly better on the newest rows, its gain there
    if that is more. A model of a changed world gives up some of the old one. On a few dozen old
    rows two errors are more than ``worse``, so without this every third improvement would be
    refused by chance; a significant fall, or one of a class, is refused all the same.

    on_newest: result of ``compare_paired``; None if there are no such rows with trusted labels.
    """
    if on_newest is None or on_newest["better_p"] >= spec.significance:
        return spec.worse
    return max(spec.worse, on_newest["difference"])


class Recall(TypedDict):
    """Recall of a class by each model. champion, challenger: its recall."""

    rows: int
    champion: float
    challenger: float


Recalls = dict[str, Recall]
"""Recalls by name of the classes that have rows."""


def recalls_of(answers: PairedPredictions, classes: list[str]) -> Recalls:
    """Return the recall of every class that has rows, for both models."""
    recalls = Recalls()
    for code, name in enumerate(classes):
        of_class = answers.take(answers.truth == code)
        if len(of_class):
            recalls[name] = {
                "rows": len(of_class),
                "champion": float((of_class.champion == of_class.truth).mean()),
                "challenger": float((of_class.challenger == of_class.truth).mean()),
            }
    return recalls


def gate_failures(paired: Paired, recalls: Recalls, where: str, spec: GateSpec) -> list[str]:
    """Return why these rows speak against promoting the challenger, one sentence each.

    paired: result of ``compare_paired``. where: "old" or "newest".
    """
    failures = []
    if paired["worse_p"] < spec.significance:
        failures.append(
            f"worse on {where} test rows: it loses {paired['lost']} that the champion has right "
            f"and wins {paired['won']} (p {paired['worse_p']:.2g})"
        )
    elif paired["difference"] < -spec.worse:
        failures.append(
            f"macro F1 on {paired['rows']} {where} test rows falls by {-paired['difference']:.3f}, "
            f"more than the limit of {spec.worse:g}"
        )
    return failures + _falls(recalls, where, spec)


def _falls(recalls: Recalls, where: str, spec: GateSpec) -> list[str]:
    falls = []
    for name, recall in recalls.items():
        limit = (spec.class_falls or {}).get(name, spec.class_fall)
        if recall["rows"] >= spec.class_rows and recall["champion"] - recall["challenger"] > limit:
            falls.append(
                f"class {name} falls from recall {recall['champion']:.3f} to "
                f"{recall['challenger']:.3f} on {recall['rows']} {where} test rows, more than the "
                f"limit of {limit:g}"
            )
    return falls
