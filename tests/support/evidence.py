"""Evidence of versions that were never trained: as it is stored, and as it passes or fails."""

from dataclasses import asdict
from typing import Any

from seqclass.monitoring.retrain_spec import Rules


def paired(rows: int = 40, before: float = 0.8, after: float = 0.9, worse_p: float = 0.9) -> Any:
    """Two models on the same rows, by their macro F1."""
    return {
        "rows": rows, "champion": {"macro_f1": before}, "challenger": {"macro_f1": after},
        "lost": 1, "won": 5, "worse_p": worse_p, "better_p": 0.1, "difference": after - before,
        "interval": [-0.1, 0.3],
    }  # fmt: skip


def first_evidence(rows: int = 40, low: float = 0.8) -> Any:
    """Of a model that no champion is compared with; ``low``: where its interval begins."""
    return {"rows": rows, "significance": 0.05, "balanced_accuracy": 0.9, "interval": [low, 1.0],
            "chance": 0.5, "baselines": {}, "held_rows": 0, "groups": None}  # fmt: skip


def evidence(champion: str | None = "v1", **other: Any) -> Any:
    """What passes under the default rules, but for what is said here."""
    facts = {
        "champion": champion,
        "seeds": {"balanced_accuracy": [0.9], "macro_f1": [0.9], "restarts": [0], "n_classes": 2},
        "macro_f1": 0.9,
        "first": first_evidence(),
        "incomparable": None,
        "new_rows": 30,
        "old": paired() if champion else None,
        "newest": None,
        "recalls": {"old": {}, "newest": {}},
        "labels": None,
    }
    assert set(other) <= set(facts)
    return {**facts, **other}


def stored(champion: str | None = "v1", rules: Rules | None = None, **other: Any) -> Any:
    """A ``comparison.json`` with such evidence."""
    judged = {"better": True, "reason": "", "reasons": [], "doubted": False}
    return {**evidence(champion, **other), "rules": asdict(rules or Rules()), **judged}


WORSE = {"old": paired(worse_p=0.001)}
"""Other evidence, by which a challenger is refused."""
