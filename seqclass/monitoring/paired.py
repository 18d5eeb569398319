"""Whether a challenger may take a champion's place: both have answered the same rows."""

from dataclasses import dataclass
from typing import TypedDict

import numpy as np
from scipy.stats import binomtest

from seqclass.evaluation.metrics import label_scores, macro_f1


@dataclass(frozen=True)
class GateSpec:
    """What a challenger must keep to, on frozen test rows.

    floor: macro F1 on the old ones, in [0, 1]. significance: of the one-sided tests for worse, in
    (0, 1). worse: macro F1 that it may be lower, in [0, 1], on the old and on the newest rows; see
    ``allowance``.
    class_fall: recall that a class may fall by, in [0, 1], and ``class_falls`` by name where it is
    another; classes with fewer than ``class_rows`` rows are not judged alone, since a limit of a
    tenth is less than three of them, which chance alone takes away.
    least_rows: old test rows without which nothing is promoted.
    recovery: share of a drop in quality on new rows that the challenger must make good, in [0, 1].
    """

    floor: float = 0.0
    significance: float = 0.05
    worse: float = 0.03
    class_fall: float = 0.1
    class_falls: dict[str, float] | None = None
    class_rows: int = 30
    least_rows: int = 10
    recovery: float = 0.5

    def __post_init__(self) -> None:
        shares = ("floor", "significance", "worse", "class_fall", "recovery")
        for name, value in (
            *((name, getattr(self, name)) for name in shares),
            *(self.class_falls or {}).items(),
        ):
            if not 0 <= value <= 1:
                raise ValueError(
                    f"{name}: expected a number from 0 to 1, got {value}; correct the value"
                )
        for name in ("class_rows", "least_rows"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name}: expected at least 1, got {getattr(self, name)}; correct the value"
                )


@dataclass(frozen=True)
class Answers:
    """Class codes ``(n,)`` of test rows: the truth, and what each of the two models says."""

    truth: np.ndarray
    champion: np.ndarray
    challenger: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    def of_class(self, code: int) -> "Answers":
        """Those of the rows whose truth is this class."""
        own = self.truth == code
        return Answers(self.truth[own], self.champion[own], self.challenger[own])


class Paired(TypedDict):
    """Two models on the same rows: scores of each, rows lost and won, p-values, and the difference
    of macro F1 with its 95% interval."""

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
    """Scores of both, McNemar's one-sided exact p-values (1947), and the difference of macro F1
    with a 95% interval from a paired bootstrap over the rows.

    worse_p: of the challenger's being no worse; better_p: of its being no better.
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
    """Differences of macro F1. Rows of the same truth and answers are alike, so only the counts of
    the kinds are drawn."""
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
    """Macro F1 that old test rows may fall by: ``worse``, and where the challenger is better on the
    newest rows beyond chance, as much as it gains there.

    A model of a world that has changed gives up some of the old one. On a few dozen old rows two
    answers are more than ``worse``, so without this chance alone refuses every third improvement;
    a fall beyond chance, or of a class, is refused all the same.

    on_newest: of ``compare_paired``, None where there are none whose labels are believed.
    """
    if on_newest is None or on_newest["better_p"] >= spec.significance:
        return spec.worse
    return max(spec.worse, on_newest["difference"])


def gate_failures(
    found: Paired, answers: Answers, classes: list[str], where: str, spec: GateSpec
) -> list[str]:
    """Why the challenger is not to be promoted by these rows, sentence by sentence.

    found: of ``compare_paired``. where: "old" or "newest".
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
    return said + _falls(answers, classes, where, spec)


def _falls(answers: Answers, classes: list[str], where: str, spec: GateSpec) -> list[str]:
    said = []
    for code, name in enumerate(classes):
        own = answers.of_class(code)
        if len(own) < spec.class_rows:
            continue
        before, after = (
            float((side == own.truth).mean()) for side in (own.champion, own.challenger)
        )
        limit = (spec.class_falls or {}).get(name, spec.class_fall)
        if before - after > limit:
            said.append(
                f"class {name} falls from recall {before:.3f} to {after:.3f} on {len(own)} {where} "
                f"test rows, more than the limit of {limit:g}"
            )
    return said
