"""What a retraining sees and decides, as its steps and its readers pass it on."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

from seqclass.monitoring.quality import QualityChange


class Compared(TypedDict):
    """What has drifted, and how many comparisons there were."""

    drifted: list[str]
    compared: int


class Seen(TypedDict):
    """What new rows look like. changed: whether quality or rows have; resting: why no challenger
    is worth a training; words: what was found."""

    rows: NotRequired[int]
    labelled: NotRequired[int]
    quality: QualityChange | None
    drift: Compared | None
    changed: NotRequired[bool]
    resting: str | None
    words: list[str]


class Outcome(TypedDict, total=False):
    """What was decided about a model, and why. settled: whether its rows count as seen; audit:
    what the champion's audit will say; folder: where the record lies."""

    model: str
    decision: str
    reasons: list[str]
    champion: str
    challenger: str | None
    dataset: str
    new_rows: int
    quality: QualityChange | None
    drift: Compared | None
    seen: list[str]
    doubted: bool
    settled: bool
    audit: Mapping[str, Any] | None
    folder: str
