"""How good a champion still is on new labelled rows, and whether their labels can be believed."""

from typing import Any

from scipy.stats import fisher_exact, norm


def quality_change(
    right_before: int, before: int, right_now: int, now: int, significance: float, least: float
) -> dict[str, Any]:
    """Accuracy on held-out rows then and on new rows now, and whether it has dropped.

    ``drop`` has a 95% interval (Newcombe 1998, method 10). It counts where it is significant by
    Fisher's exact one-sided test and not below ``least``.
    """
    then, lately = right_before / before, right_now / now
    table = [[right_before, before - right_before], [right_now, now - right_now]]
    p_value = float(fisher_exact(table, "greater").pvalue)
    drop = then - lately
    return {
        "accuracy_before": then,
        "rows_before": before,
        "accuracy_now": lately,
        "rows_now": now,
        "drop": drop,
        "interval": list(_newcombe(right_before, before, right_now, now)),
        "p_value": p_value,
        "dropped": p_value < significance and drop >= least,
    }


def _newcombe(a: int, n: int, b: int, m: int) -> tuple[float, float]:
    """95% interval of ``a / n - b / m`` out of the two Wilson intervals."""
    p, q = a / n, b / m
    (low, high), (below, above) = wilson(a, n), wilson(b, m)
    return (
        p - q - ((p - low) ** 2 + (above - q) ** 2) ** 0.5,
        p - q + ((high - p) ** 2 + (q - below) ** 2) ** 0.5,
    )


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Interval of a share (Wilson 1927)."""
    z = float(norm.ppf(0.5 + confidence / 2))
    share, scale = successes / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * ((share * (1 - share) + z * z / (4 * n)) / n) ** 0.5 / scale
    return max(0.0, middle - half), min(1.0, middle + half)


def quality_words(found: dict[str, Any]) -> str:
    low, high = found["interval"]
    change = "fell" if found["dropped"] else "no significant fall"
    return (
        f"accuracy of the champion on {found['rows_now']} new labelled rows "
        f"{found['accuracy_now']:.3f}, {found['accuracy_before']:.3f} before: {change} "
        f"({found['drop']:+.3f}, 95%: {low:+.3f} to {high:+.3f})"
    )


def doubt_about_labels(
    change: dict[str, Any], right: int, rows: int, recovery: float
) -> str | None:
    """Why new labels are not believed; None where they are.

    A champion may fail on new rows because the world has changed or because the labels are wrong.
    In a changed world the challenger, which has learned from new rows, answers new test rows well;
    wrong labels it can't learn. So it must make good a share ``recovery`` of the drop, and be
    better there than the champion beyond chance.

    change: of ``quality_change``; right, rows: the challenger's right answers among new test rows.
    """
    if not change["dropped"]:
        return None
    wanted = change["accuracy_now"] + recovery * change["drop"]
    reached = right / rows if rows else 0.0
    surely = wilson(right, rows, 0.9)[0] if rows else 0.0
    if rows and reached >= wanted and surely > change["accuracy_now"]:
        return None
    return (
        f"labels of the new rows don't fit: the champion's accuracy there is "
        f"{change['accuracy_now']:.3f} ({change['accuracy_before']:.3f} before), and a challenger "
        f"that learned from them reaches {reached:.3f} on {rows} new test rows, below the "
        f"{wanted:.3f} of a change that can be learned; look at their labels"
    )
