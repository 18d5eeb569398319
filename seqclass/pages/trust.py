"""The verdict on how far a version may be trusted, in one sentence, with the reasons against it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from seqclass.store.split import FEW_TESTED, of_groups

if TYPE_CHECKING:
    from seqclass.stored_records import Metrics, Stability, Verdict

ALPHA = 0.05
WIDE = 0.1
"""Width of an interval of accuracy from which on the test is too uncertain."""
MAX_NAMED = 3
"""Number of classes that a sentence names."""
Level = Literal["yes", "care", "no"]
OPENINGS: dict[Level, str] = {
    "yes": "It may be trusted on series like these",
    "care": "Trust it with care",
    "no": "Do not trust it",
}


@dataclass(frozen=True)
class Trust:
    """How far a version may be trusted.

    level: ``yes``, ``care`` or ``no``. sentence: the verdict. doubts: the reasons against it.
    """

    level: Level
    sentence: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Weakest:
    """The class of the lowest recall. rows: number of its test rows."""

    label: str
    recall: float
    rows: int


UNKNOWN = Trust("care", "Nothing is known of how it was tested: its scores are not stored.")


def trust_of(
    metrics: "Metrics", stability: "Stability", refused: str | None, retrained: "Verdict"
) -> Trust:
    """Judge a version by its stored scores, its seeds and the gate's refusal.

    metrics, stability, retrained: the content of ``metrics.json``, ``stability.json`` and
    ``comparison.json`` of a version.
    """
    grave = list(_grave(metrics, refused, retrained))
    doubts = [*_newest(metrics, retrained), *_doubts(metrics, stability)]
    level: Level = "no" if grave else "care" if doubts else "yes"
    scores = metrics["metrics"]
    low, high = scores["intervals"]["accuracy"]
    sentence = (
        f"{OPENINGS[level]}: {scores['accuracy']:.1%} of {metrics['test_rows']:,} series"
        f"{of_groups(metrics)} that it was not trained on are answered correctly (95%: {low:.1%} "
        f"to {high:.1%}), {_beside(metrics)}; {_seeds(stability)}."
    )
    return Trust(level, sentence, (*grave, *doubts))


def best_baseline(metrics: "Metrics") -> tuple[str, dict[str, float]] | None:
    """Return the baseline of the highest accuracy with its scores, or None without baselines."""
    named = metrics["baselines"].items()
    return max(named, key=lambda item: item[1]["accuracy"], default=None)


def weakest_class(metrics: "Metrics") -> Weakest | None:
    """Return the class of the lowest recall; None if every test series is found."""
    rows = metrics["metrics"]["per_class"].items()
    classes = [
        Weakest(label, row["recall"], row["support"]) for label, row in rows if row["support"]
    ]
    return min((c for c in classes if c.recall < 1), key=lambda c: c.recall, default=None)


def worth_of(metrics: "Metrics") -> Iterator[str]:
    """Yield what is registered, what the committee adds to the LSTM, and equal baselines."""
    yield metrics["committee"]["lstm"]
    yield from _rivals(metrics)


def _beside(metrics: "Metrics") -> str:
    best = best_baseline(metrics)
    if best is None:
        return "with no baseline beside it"
    return f"{best[1]['accuracy']:.1%} by the best baseline, {best[0].replace('_', ' ')}"


def _seeds(stability: "Stability") -> str:
    n, sd = len(stability["seeds"]), stability["spread"]["macro_f1"]["sd"]
    if n == 1 or sd is None:
        return "one seed was trained"
    return f"over {n} seeds macro F1 has a standard deviation of {sd:.3f}"


def _grave(metrics: "Metrics", refused: str | None, retrained: "Verdict") -> Iterator[str]:
    if refused:
        yield f"The gate refused it: {refused}."
    evidence = metrics["evidence"]
    if not evidence["interval"][0] > evidence["chance"]:
        yield "Its answers may be chance: the interval reaches down to naming one class always."
    if retrained["doubted"]:
        yield "The labels of the new rows that it learned from are doubted."


def _newest(metrics: "Metrics", retrained: "Verdict") -> Iterator[str]:
    """Yield a sentence if significantly fewer of the newest test rows are right.

    None with groups: a new machine may be harder than others, which says nothing of the time.
    """
    from scipy.stats import fisher_exact  # takes a second, which other pages would pay

    old, newest = retrained["old"], retrained["newest"]
    if not old or not newest or of_groups(metrics):
        return
    before, now = (side["challenger"]["accuracy"] for side in (old, newest))
    shares = ((newest["rows"], now), (old["rows"], before))
    table = [[round(rows * share), round(rows * (1 - share))] for rows, share in shares]
    if now < before and fisher_exact(table, "less").pvalue < ALPHA:
        yield (
            f"Of the {newest['rows']} newest test rows {now:.1%} are answered correctly, of the "
            f"{old['rows']} older ones {before:.1%}: what arrives now is harder."
        )


def _doubts(metrics: "Metrics", stability: "Stability") -> Iterator[str]:
    yield from _rivals(metrics)
    leaks = metrics["leaks"]
    if copies := leaks["exact"] + leaks["near"]:
        yield (
            f"{copies} test series are copies or near copies of training series: the scores are "
            "too good."
        )
    for amiss in leaks["amiss"]:
        yield f"Labels may be given away: {amiss}."
    if len(stability["seeds"]) == 1:
        yield "One seed says nothing of how far another would differ; train more with --seeds."
    low, high = metrics["metrics"]["intervals"]["accuracy"]
    if high - low > WIDE:
        yield f"The test is small: its interval is {100 * (high - low):.0f} points wide."
    yield from _rare(metrics)


def _rare(metrics: "Metrics") -> Iterator[str]:
    """Yield a sentence that names the classes with very few test rows, the rarest first."""
    per_class = metrics["metrics"]["per_class"]
    rare = sorted((row["support"], label) for label, row in per_class.items()
                  if row["support"] < FEW_TESTED)  # fmt: skip
    counted = [(label, f"{n} row{'s' * (n != 1)}") for n, label in rare[:MAX_NAMED]]
    if len(rare) == 1:
        [(label, rows)] = counted
        yield f"Class {label} was tested on {rows}, so its recall says little."
    elif rare:
        named = ", ".join(f"{label} on {rows}" for label, rows in counted)
        more = f" and {len(rare) - MAX_NAMED} more" if len(rare) > MAX_NAMED else ""
        yield f"Classes were tested on very few rows, so their recall says little: {named}{more}."


def _rivals(metrics: "Metrics") -> Iterator[str]:
    """Yield a sentence for each baseline that the model does not beat significantly."""
    best = best_baseline(metrics)
    if best is None:
        return
    name, beside = best[0], metrics["evidence"]["baselines"][best[0]]
    if beside["model_better_p"] < ALPHA:
        return
    yield (
        f"It is not significantly better than {name.replace('_', ' ')} in balanced accuracy. The "
        "simpler model is enough here."
    )
