"""Registered versions beside one another, as a person asks for it."""

from collections.abc import Sequence
from typing import NamedTuple

from seqclass.monitoring.decide import FinalVerdict
from seqclass.pages.comparison import Comparison, compare_versions, write_comparison
from seqclass.policies import present_verdict
from seqclass.store.registry import open_model
from seqclass.store.root import Root


class SideBySide(NamedTuple):
    """A comparison, what ``promote`` would say of its last version, why, and the page's path."""

    comparison: Comparison
    verdict: FinalVerdict
    reasons: list[str]
    page: str


def put_side_by_side(root: Root, refs: Sequence[str]) -> SideBySide:
    """Compare versions with the first on the test rows that all of them answered.

    ValueError if there are not 2 to 20 different versions, or they share no test rows.
    """
    versions = [open_model(root, ref) for ref in refs]
    comparison = compare_versions(versions)
    verdict, reasons = present_verdict(versions[-1])
    return SideBySide(comparison, verdict, reasons, write_comparison(root, comparison))
