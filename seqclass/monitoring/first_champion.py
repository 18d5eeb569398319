"""Whether a first champion is borne out by its test rows: its rivals are chance and baselines."""

from typing import TypedDict

import numpy as np
from scipy.stats import beta

from seqclass.training.spec import Limits

N_DRAWS = 4000


class BaselineEvidence(TypedDict):
    """A baseline beside the model: rows that it alone has right, and that the model alone has."""

    balanced_accuracy: float
    won: int
    lost: int
    better_p: float


class FirstEvidence(TypedDict):
    """What test rows say of a model that no champion is compared with."""

    rows: int
    significance: float
    balanced_accuracy: float
    interval: list[float]
    chance: float
    baselines: dict[str, BaselineEvidence]


def evidence_of(
    truth: np.ndarray,
    answers: np.ndarray,
    baselines: dict[str, np.ndarray],
    significance: float,
    seed: int,
) -> FirstEvidence:
    """Balanced accuracy with its interval, and what each baseline wins and loses beside it.

    truth, answers and each baseline: class codes ``(n,)`` of the same test rows. chance: balanced
    accuracy of naming the majority class, whatever comes. better_p: of a baseline's being no
    better, see ``sign_flip_p``.
    """
    recalls, counts = _recalls(truth, answers)
    return {
        "rows": len(truth),
        "significance": significance,
        "balanced_accuracy": float(recalls.mean()),
        "interval": _interval(float(recalls.mean()), counts, significance),
        "chance": 1 / len(counts),
        "baselines": {
            name: {
                "balanced_accuracy": float(_recalls(truth, theirs)[0].mean()),
                "won": int(((theirs == truth) & (answers != truth)).sum()),
                "lost": int(((theirs != truth) & (answers == truth)).sum()),
                "better_p": sign_flip_p(truth, answers, theirs, seed),
            }
            for name, theirs in baselines.items()
        },
    }


def first_champion_failures(found: FirstEvidence, limits: Limits) -> list[str]:
    """Why a model is not to be a first champion by this evidence, a sentence each."""
    n_rows, (low, _), chance = found["rows"], found["interval"], found["chance"]
    said = []
    if n_rows < limits.min_test_rows:
        said.append(
            f"{n_rows} test rows are fewer than the {limits.min_test_rows} that a first champion "
            "needs; add series, raise test_fraction, or lower limits.min_test_rows"
        )
    if not low > chance:
        said.append(
            f"balanced accuracy {found['balanced_accuracy']:.3f} on {n_rows} test rows may be "
            f"chance: its {1 - found['significance']:.0%} interval begins at {low:.3f}, not above "
            f"the {chance:.3f} of always naming one class; check the labels, or add series"
        )
    return [*said, *_better_baseline(found, limits)]


def _better_baseline(found: FirstEvidence, limits: Limits) -> list[str]:
    """Of all baselines the one that is best borne out, held to its share of the error."""
    if not found["baselines"]:
        return []
    name, best = min(found["baselines"].items(), key=lambda item: item[1]["better_p"])
    if best["better_p"] * len(found["baselines"]) >= limits.significance:
        return []
    return [
        f"baseline {name.replace('_', ' ')} is better beyond chance: balanced accuracy "
        f"{best['balanced_accuracy']:.3f} against {found['balanced_accuracy']:.3f} on the same "
        f"{found['rows']} test rows, {best['won']} won and {best['lost']} lost (p "
        f"{best['better_p']:.2g}); answer with the baseline, add series, or train longer"
    ]


def sign_flip_p(truth: np.ndarray, answers: np.ndarray, theirs: np.ndarray, seed: int) -> float:
    """One-sided p-value of another's being no better in balanced accuracy on the same rows.

    Of the rows that only one of the two has right, either is as likely to have it: McNemar's test
    (1947), each row weighed by the reciprocal of its class's rows, by ``N_DRAWS`` draws.
    """
    classes, y, counts = np.unique(truth, return_inverse=True, return_counts=True)
    won = np.bincount(y[(theirs == truth) & (answers != truth)], minlength=len(classes))
    apart = np.bincount(y[(theirs == truth) != (answers == truth)], minlength=len(classes))
    drawn = np.random.default_rng(seed).binomial(apart, 0.5, size=(N_DRAWS, len(classes)))
    reached = drawn @ (1 / counts) >= won @ (1 / counts) - 1e-12
    return float((1 + reached.sum()) / (1 + N_DRAWS))


def _recalls(truth: np.ndarray, answers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Recall of every class that has test rows, and how many it has."""
    _, y, counts = np.unique(truth, return_inverse=True, return_counts=True)
    return np.bincount(y, answers == truth) / counts, counts


def _interval(recall: float, counts: np.ndarray, significance: float) -> list[float]:
    """Of a mean recall: the exact binomial one (Clopper and Pearson 1934) of as many rows, spread
    evenly over the classes, as know it as well as these do (Kish 1965)."""
    n = len(counts) ** 2 / (1 / counts).sum()
    right, tail = recall * n, significance / 2
    low = beta.ppf(tail, right, n - right + 1) if recall > 0 else 0.0
    high = beta.ppf(1 - tail, right + 1, n - right) if recall < 1 else 1.0
    return [float(low), float(high)]
