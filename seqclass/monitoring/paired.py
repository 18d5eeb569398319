"""Comparison of a challenger and a champion on the same rows."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest
from typing_extensions import TypedDict

from seqclass.evaluation.metrics import label_scores, macro_f1
from seqclass.monitoring.retrain_spec import GateSpec


@dataclass(frozen=True)
class Answers:
    """Class codes ``(n,)`` of test rows: the true ones, and those that each model predicts."""

    truth: np.ndarray
    champion: np.ndarray
    challenger: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    def of_class(self, code: int) -> "Answers":
        """Select the rows of one true class."""
        own = self.truth == code
        return Answers(self.truth[own], self.champion[own], self.challenger[own])


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


def compare_paired(answers: Answers, n_classes: int, seed: int, n_resamples: int = 2000) -> Paired:
    """Compare two models: scores, McNemar's exact p-values (1947), difference of macro F1.

    The tests are one-sided. The difference has a 95% interval from a paired bootstrap over the
    rows. worse_p: p-value of the challenger being no worse. better_p: p-value of it being no
    better.
    """
    y, old, new = answers.truth, answers.champion, answers.challenger
    lost = int(((old == y) & (new != y)).sum())
    won = int(((old != y) & (new == y)).sum())
    before, after = (label_scores(side, y, n_classes) for side in (old, new))
    drawn = _bootstrap(answers, n_classes, seed, n_resamples)
    return {
        "rows": len(y),
        "champion": before,
        "challenger": after,
        "lost": lost,
        "won": won,
        "worse_p": _one_sided(lost, lost + won),
        "better_p": _one_sided(won, lost + won),
        "difference": after["macro_f1"] - before["macro_f1"],
        "interval": np.percentile(drawn, [2.5, 97.5]).tolist(),
    }


def _one_sided(successes: int, n: int) -> float:
    return float(binomtest(successes, n, 0.5, "greater").pvalue) if n else 1.0


def _bootstrap(answers: Answers, n_classes: int, seed: int, n_resamples: int) -> np.ndarray:
    """Return bootstrapped differences of macro F1.

    Rows of equal truth and answers are interchangeable, so only the counts of each kind are drawn.
    """
    kinds = (answers.truth * n_classes + answers.champion) * n_classes + answers.challenger
    kind, counts = np.unique(kinds, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(answers), counts / len(answers), size=n_resamples
    )
    truth, rest = np.divmod(kind, n_classes**2)
    sides = np.divmod(rest, n_classes)
    champion, challenger = (_drawn_f1(drawn, truth, side, n_classes) for side in sides)
    return challenger - champion


def _drawn_f1(
    drawn: np.ndarray, truth: np.ndarray, guessed: np.ndarray, n_classes: int
) -> np.ndarray:
    codes = np.arange(n_classes)[:, None]
    true, said = ((side == codes).astype(float) for side in (truth, guessed))
    return macro_f1(*(drawn @ part.T for part in (true * said, true, said)))


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


def recalls_of(answers: Answers, classes: list[str]) -> Recalls:
    """Return the recall of every class that has rows, for both models."""
    found = Recalls()
    for code, name in enumerate(classes):
        own = answers.of_class(code)
        if len(own):
            champion, challenger = (
                float((side == own.truth).mean()) for side in (own.champion, own.challenger)
            )
            found[name] = {"rows": len(own), "champion": champion, "challenger": challenger}
    return found


def gate_failures(found: Paired, recalls: Recalls, where: str, spec: GateSpec) -> list[str]:
    """Return why these rows speak against promoting the challenger, one sentence each.

    found: result of ``compare_paired``. where: "old" or "newest".
    """
    said = []
    if found["worse_p"] < spec.significance:
        said.append(
            f"worse on {where} test rows: it loses {found['lost']} that the champion has right and "
            f"wins {found['won']} (p {found['worse_p']:.2g})"
        )
    elif found["difference"] < -spec.worse:
        said.append(
            f"macro F1 on {found['rows']} {where} test rows falls by {-found['difference']:.3f}, "
            f"more than the limit of {spec.worse:g}"
        )
    return said + _falls(recalls, where, spec)


def _falls(recalls: Recalls, where: str, spec: GateSpec) -> list[str]:
    said = []
    for name, own in recalls.items():
        limit = (spec.class_falls or {}).get(name, spec.class_fall)
        if own["rows"] >= spec.class_rows and own["champion"] - own["challenger"] > limit:
            said.append(
                f"class {name} falls from recall {own['champion']:.3f} to "
                f"{own['challenger']:.3f} on {own['rows']} {where} test rows, more than the limit "
                f"of {limit:g}"
            )
    return said
