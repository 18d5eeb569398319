"""Whether a candidate is better than the champion, and why: ``comparison.json``."""

from typing import NotRequired, TypedDict

from seqclass.monitoring.paired import Paired


class Verdict(TypedDict):
    """``reasons``: what speaks against, none where it is better. old, newest: comparisons of a
    retraining on old and new test rows. doubted: whether the new labels are; unanswered: whether a
    person was asked in vain."""

    champion: str | None
    better: bool
    reason: str
    candidate_scores: NotRequired[dict[str, float]]
    champion_scores: dict[str, float] | None
    reasons: NotRequired[list[str]]
    doubted: NotRequired[bool]
    old: NotRequired[Paired | None]
    newest: NotRequired[Paired | None]
    unanswered: NotRequired[bool]
