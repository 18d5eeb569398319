"""Evidence for a first champion, which is compared with chance and baselines.

It comes from the test rows. If these are few, it also uses training rows that were held back from
everything that predicts them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from typing_extensions import TypedDict

from seqclass.evaluation.intervals import AT_ONCE, shares_of_draws
from seqclass.evaluation.metrics import label_scores
from seqclass.training.spec import ChampionLimits

N_DRAWS = 4000


class BaselineEvidence(TypedDict):
    """A baseline beside the model on the same rows.

    won: number of rows that only the baseline gets right. lost: number of rows that only the model
    gets right. better_p: p-value of the baseline being no better. model_better_p: p-value of the
    model being no better.
    """

    balanced_accuracy: float
    won: int
    lost: int
    better_p: float
    model_better_p: float


class SeedScores(TypedDict):
    """Scores of each seed on the same rows. balanced_accuracy, macro_f1: a number for each seed."""

    balanced_accuracy: list[float]
    macro_f1: list[float]


class FirstEvidence(TypedDict):
    """Evidence about a model that is not compared with a champion, from rows it was not fitted to.

    rows: all of them. held_rows: how many of these are training rows that were held back, which are
    added if test rows are few. groups: number of their groups, null without groups. seeds: scores
    of each seed on all of them. balanced_accuracy: of the model. interval: of this accuracy, 95%.
    baselines: each baseline on the same rows.
    """

    rows: int
    held_rows: int
    groups: int | None
    seeds: SeedScores
    significance: float
    balanced_accuracy: float
    interval: list[float]
    chance: float
    baselines: dict[str, BaselineEvidence]


class JudgedRows(NamedTuple):
    """Class codes ``(n,)`` of the same rows: the true ones and those that were predicted.

    Predictions come from the registered model, from every baseline by its name, and from every
    seed. worth: ``(n,)``, the number of independent rows each counts as, see
    ``worth_of_held_rows``. groups: of the rows ``(n,)``, None if there are none.
    """

    truth: np.ndarray
    registered: np.ndarray
    baselines: Mapping[str, np.ndarray]
    seeds: Sequence[np.ndarray]
    worth: np.ndarray
    groups: np.ndarray | None = None


def worth_of_held_rows(n_folds: int) -> float:
    """Return the number of independent rows that a held-back row of cross-validation counts as.

    The models of different folds share training rows, so the number of right answers varies like
    that of fewer rows (the variance of Nadeau and Bengio 2003, "Inference for the Generalization
    Error", equation 10): each counts as 4/9 of a row with five folds.
    """
    return 1 / (1 + n_folds / (n_folds - 1))


def champion_evidence(
    tested: JudgedRows, held: JudgedRows | None, limits: ChampionLimits, n_classes: int, seed: int
) -> FirstEvidence:
    """Return balanced accuracy with its interval, and the wins and losses against each baseline.

    held: training rows that were predicted before they were learnt from; they are added if the test
    rows are fewer than ``limits.min_test_rows`` draws, see ``shares_of_draws``. chance: balanced
    accuracy of always predicting the majority class. better_p: p-value of a baseline being no
    better, see ``sign_flip_p``.
    """
    draws = shares_of_draws(tested.truth, tested.groups).sum()
    is_few = held is not None and draws < limits.min_test_rows
    joined = _joined(tested, held) if held is not None and is_few else tested
    truth, answers, baselines, by_seed, worth, groups = joined
    recalls = _recalls(truth, answers)
    shares = worth * shares_of_draws(truth, groups)
    counts = np.bincount(np.unique(truth, return_inverse=True)[1], shares)
    scores = [label_scores(codes, truth, n_classes) for codes in by_seed]
    return {
        "rows": len(truth),
        "held_rows": len(truth) - len(tested.truth),
        "groups": None if groups is None else len(np.unique(groups)),
        "seeds": {
            "balanced_accuracy": [of_seed["balanced_accuracy"] for of_seed in scores],
            "macro_f1": [of_seed["macro_f1"] for of_seed in scores],
        },
        "significance": limits.significance,
        "balanced_accuracy": float(recalls.mean()),
        "interval": _interval(
            float(recalls.mean()), counts, limits.significance, groups is not None
        ),
        "chance": 1 / len(counts),
        "baselines": {
            name: {
                "balanced_accuracy": float(_recalls(truth, theirs).mean()),
                "won": int(((theirs == truth) & (answers != truth)).sum()),
                "lost": int(((theirs != truth) & (answers == truth)).sum()),
                "better_p": sign_flip_p(truth, answers, theirs, seed, groups),
                "model_better_p": sign_flip_p(truth, theirs, answers, seed, groups),
            }
            for name, theirs in baselines.items()
        },
    }


def _joined(tested: JudgedRows, held: JudgedRows) -> JudgedRows:
    """Join both sets of rows, with the baselines that predict both."""
    named = tested.baselines.keys() & held.baselines.keys()
    return JudgedRows(
        np.concatenate([tested.truth, held.truth]),
        np.concatenate([tested.registered, held.registered]),
        {
            name: np.concatenate([theirs, held.baselines[name]])
            for name, theirs in tested.baselines.items()
            if name in named
        },
        [np.concatenate(pair) for pair in zip(tested.seeds, held.seeds, strict=True)],
        np.concatenate([tested.worth, held.worth]),
        None if held.groups is None else np.concatenate([tested.groups, held.groups]),
    )


def words_of_rows(evidence: FirstEvidence) -> str:
    """Say how many rows the evidence rests on, and which."""
    held = evidence["held_rows"]
    tested = f"{evidence['rows'] - held} test rows"
    return f"{tested} and {held} training rows held back" if held else tested


def first_champion_failures(evidence: FirstEvidence, limits: ChampionLimits) -> list[str]:
    """Return why a model must not become a first champion by this evidence, one sentence each."""
    rows, (low, _), chance = words_of_rows(evidence), evidence["interval"], evidence["chance"]
    failures = []
    if evidence["rows"] < limits.min_test_rows:
        held = "" if evidence["held_rows"] else (
            "; training rows count too if no --budget ends a seed before each fold has a network"
        )  # fmt: skip
        failures.append(
            f"{rows} are fewer than the {limits.min_test_rows} that a first champion needs; add "
            "series, or raise test_fraction or lower limits.min_test_rows in the file of --spec"
            f"{held}"
        )
    if not low > chance:
        groups = evidence["groups"]
        cure = "check the labels, or add series" if groups is None else (
            f"check the labels, add groups (there are {groups} here), or raise test_fraction in "
            "the file of --spec"
        )  # fmt: skip
        failures.append(
            f"balanced accuracy {evidence['balanced_accuracy']:.3f} on {rows} may be "
            f"chance: its {1 - evidence['significance']:.0%} interval begins at {low:.3f}, not "
            f"above the {chance:.3f} of always naming one class; {cure}"
        )
    return [*failures, *_better_baseline(evidence, limits)]


def can_show_skill(truth: np.ndarray, groups: np.ndarray | None, limits: ChampionLimits) -> bool:
    """Check whether an interval would lie above chance if all these rows were answered correctly.

    truth: class codes ``(n,)``; groups: ``(n,)``, None if there are none.
    """
    codes = np.unique(truth, return_inverse=True)[1]
    counts = np.bincount(codes, shares_of_draws(truth, groups))
    low, _ = _interval(1.0, counts, limits.significance, groups is not None)
    return low > 1 / len(counts)


def _better_baseline(evidence: FirstEvidence, limits: ChampionLimits) -> list[str]:
    """Return the objection from the most significant baseline, corrected for their number."""
    if not evidence["baselines"]:
        return []
    name, best = min(evidence["baselines"].items(), key=lambda item: item[1]["better_p"])
    if best["better_p"] * len(evidence["baselines"]) >= limits.significance:
        return []
    return [
        f"baseline {name.replace('_', ' ')} is better beyond chance: balanced accuracy "
        f"{best['balanced_accuracy']:.3f} against {evidence['balanced_accuracy']:.3f} on the same "
        f"{words_of_rows(evidence)}, {best['won']} won and {best['lost']} lost (p "
        f"{best['better_p']:.2g}); answer with the baseline, add series, or train longer"
    ]


def sign_flip_p(
    truth: np.ndarray,
    answers: np.ndarray,
    theirs: np.ndarray,
    seed: int,
    groups: np.ndarray | None = None,
) -> float:
    """Return the one-sided p-value of another model being no better in balanced accuracy.

    Both predict the same rows. Each row that only one of the two gets right, or each group of rows,
    is equally likely to be won by either: McNemar's test (1947), with each row weighted by the
    reciprocal of its class's size, by ``N_DRAWS`` draws.
    """
    _, y, counts = np.unique(truth, return_inverse=True, return_counts=True)
    gains = ((theirs == truth).astype(float) - (answers == truth)) / counts[y]
    nets = gains
    if groups is not None:
        nets = np.bincount(np.unique(groups, return_inverse=True)[1], gains)
    size, units = np.unique(np.abs(nets[nets != 0]), return_counts=True)
    rng = np.random.default_rng(seed)
    drawn = np.concatenate([
        (2 * rng.binomial(units, 0.5, size=(AT_ONCE, len(units))) - units) @ size
        for _ in range(N_DRAWS // AT_ONCE)
    ])  # fmt: skip
    return float((1 + (drawn >= gains.sum() - 1e-12).sum()) / (1 + N_DRAWS))


def _recalls(truth: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Return the recall of every class that has rows."""
    _, y, counts = np.unique(truth, return_inverse=True, return_counts=True)
    return np.bincount(y, answers == truth) / counts


def _interval(
    recall: float, counts: np.ndarray, significance: float, are_groups: bool
) -> list[float]:
    """Return the interval of a mean recall.

    It is the exact binomial interval (Clopper and Pearson 1934) for as many rows, evenly spread
    over the classes, as would give the same variance (Kish 1965). Where whole groups are drawn, the
    lower end is that of the next whole number of right ones: a group with nine right rows of ten is
    as unlikely by chance as one with ten, if they are right together.
    """
    from scipy.stats import beta

    n = len(counts) ** 2 / (1 / counts).sum()
    right, tail = recall * n, significance / 2
    sure = min(math.ceil(right - 1e-9), n) if are_groups else right
    low = beta.ppf(tail, sure, n - sure + 1) if recall > 0 else 0.0
    high = beta.ppf(1 - tail, right + 1, n - right) if recall < 1 else 1.0
    return [float(low), float(high)]
