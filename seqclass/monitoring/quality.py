"""The champion's quality on new labelled rows, and whether their labels can be trusted."""

from typing import NamedTuple

from typing_extensions import TypedDict

from seqclass.evaluation.intervals import wilson


class Hits(NamedTuple):
    """The number of right answers, and the number of rows."""

    right: int
    rows: int

    @property
    def share(self) -> float:
        """Accuracy."""
        return self.right / self.rows


class QualityChange(TypedDict):
    """Accuracy on labelled rows, before and now.

    accuracy_before: on held-out rows. rows_before: their number. accuracy_now: on new rows.
    rows_now: their number. drop: by how much it fell. interval: of the drop, 95%. p_value:
    of no fall. dropped: true if the fall counts.
    """

    accuracy_before: float
    rows_before: int
    accuracy_now: float
    rows_now: int
    drop: float
    interval: list[float]
    p_value: float
    dropped: bool


def quality_change(before: Hits, now: Hits, significance: float, least: float) -> QualityChange:
    """Compare accuracy on held-out rows with accuracy on new rows, and decide whether it dropped.

    ``drop`` has a 95% interval (Newcombe 1998, method 10). It counts if it is significant by
    Fisher's exact one-sided test and not below ``least``.
    """
    from scipy.stats import fisher_exact

    table = [[hits.right, hits.rows - hits.right] for hits in (before, now)]
    p_value = float(fisher_exact(table, "greater").pvalue)
    drop = before.share - now.share
    return {
        "accuracy_before": before.share,
        "rows_before": before.rows,
        "accuracy_now": now.share,
        "rows_now": now.rows,
        "drop": drop,
        "interval": list(_newcombe(before, now)),
        "p_value": p_value,
        "dropped": p_value < significance and drop >= least,
    }


def _newcombe(before: Hits, now: Hits) -> tuple[float, float]:
    """Return the 95% interval of the difference of two shares, from their Wilson intervals."""
    p, q = before.share, now.share
    (low, high), (below, above) = wilson(p, before.rows), wilson(q, now.rows)
    return (
        p - q - ((p - low) ** 2 + (above - q) ** 2) ** 0.5,
        p - q + ((high - p) ** 2 + (q - below) ** 2) ** 0.5,
    )


def quality_words(change: QualityChange, significance: float, least: float) -> str:
    """Describe the change of quality, and what counts as a fall, in one sentence."""
    low, high = change["interval"]
    verdict = "a fall that counts" if change["dropped"] else "no fall that counts"
    return (
        f"accuracy of the champion on {change['rows_now']} new labelled rows "
        f"{change['accuracy_now']:.3f}, {change['accuracy_before']:.3f} before: {verdict} "
        f"(change {-change['drop']:+z.3f}, 95%: {-high:+z.3f} to {-low:+z.3f}; "
        f"p {change['p_value']:.2g}; a fall counts if p is below {significance:g} "
        f"and it is at least {least:g})"
    )


def doubt_about_labels(change: QualityChange, right: int, rows: int, recovery: float) -> str | None:
    """Return why new labels are not trusted, or None if they are.

    A champion may fail on new rows because the world has changed or because the labels are wrong.
    In a changed world the challenger, which has learned from new rows, predicts new test rows well;
    it can't learn wrong labels. So it must recover the share ``recovery`` of the drop, and be
    significantly better there than the champion.

    change: result of ``quality_change``. right, rows: the challenger's right answers and the number
    of new test rows.
    """
    if not change["dropped"]:
        return None
    needed = change["accuracy_now"] + recovery * change["drop"]
    reached = right / rows if rows else 0.0
    surely = wilson(reached, rows, 0.9)[0] if rows else 0.0
    if rows and reached >= needed and surely > change["accuracy_now"]:
        return None
    return (
        f"labels of the new rows don't fit: the champion's accuracy there is "
        f"{change['accuracy_now']:.3f} ({change['accuracy_before']:.3f} before), and a challenger "
        f"that learned from them reaches {reached:.3f} on {rows} new test rows, below the "
        f"{needed:.3f} of a change that can be learned; look at their labels"
    )
