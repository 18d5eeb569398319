"""A person who decides by a form, and what nothing needs any more."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from typing_extensions import TypedDict

from seqclass.pages.index_pages import KINDS
from seqclass.store.log import acting_as, actor
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import plan_pruning, remove_items
from seqclass.store.root import Root

logger = logging.getLogger(__name__)
LONGEST_NAME = 80


@dataclass(frozen=True)
class Person:
    """The person who decides through a form in Prefect, and the reason; both are checked.

    ValueError if the audit can't hold them.
    """

    name: str
    reason: str

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable() or len(self.name) > LONGEST_NAME:
            raise ValueError(
                f"name: expected 1 to {LONGEST_NAME} printable characters for the audit, got "
                f"{self.name[:LONGEST_NAME]!r}; say who answers"
            )
        if not self.reason.strip():
            raise ValueError("reason: expected words for the audit, got none; say why")

    @property
    def actor(self) -> str:
        """The name for the audit, with the account that executes the run."""
        return f"{self.name.strip()} (by the form in Prefect, run by {actor()})"

    def acting(self) -> AbstractContextManager[None]:
        """Return a block in which this person acts, as the audit then says."""
        return acting_as(self.actor)


class Pruned(TypedDict):
    """References of the items that were or would be removed, and of the pages to draw again."""

    removed: list[str]
    goes: list[str]
    pages: list[str]


def prune(spec: PruneSpec, remove: bool, reason: str, root: Root) -> Pruned:
    """Find what nothing needs any more, and remove it if ``remove`` is set."""
    now = datetime.now(UTC)
    going = [item.ref for item in plan_pruning(root, spec, now) if not item.why]
    removed = list[str]()
    if remove:
        items = remove_items(root, spec, going, reason, now)
        removed = [item.ref for item in items if not item.why]
    for ref in removed or going:
        logger.info("%s %s", "removed" if remove else "would go:", ref)
    pages = [ref for ref in removed if "@" in ref and ref.partition("/")[0] in KINDS]
    return {"removed": removed, "goes": going, "pages": pages}
