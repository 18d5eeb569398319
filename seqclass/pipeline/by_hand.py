"""A person's decisions by a form: promote, roll back, set a policy, prune."""

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from typing_extensions import TypedDict

from seqclass.monitoring.policy import ModelPolicy
from seqclass.pages.index_pages import KINDS
from seqclass.pipeline.promote import Move, promote_version, roll_back
from seqclass.policies import set_policy
from seqclass.store.log import acting_as, actor
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import plan_pruning, remove_items
from seqclass.store.registry import check_model, plain_name
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


def promote_by_hand(ref: str, person: Person, force: bool, root: Root) -> Move:
    """Make a version the champion if the gate passes it, or by ``force``."""
    with person.acting():
        move = promote_version(root, ref, person.reason, force)
    logger.info("%s", move["refused"] or f"{move['to']} is the champion")
    return move


def roll_back_by_hand(name: str, person: Person, root: Root) -> Move:
    """Make the champion before this one the champion again."""
    with person.acting():
        move = roll_back(root, name, person.reason)
    logger.info("%s is the champion again", move["to"])
    return move


def set_policy_by_hand(model: str, policy: ModelPolicy | None, person: Person, root: Root) -> str:
    """Set a model's policy, or remove it; returns the model's reference."""
    name = check_model(root, plain_name(model, "every version"))
    with person.acting():
        set_policy(root, name, policy, person.reason)
    logger.info("policy of %s %s", name, "set" if policy else "removed")
    return f"models/{name}"


def prune(spec: PruneSpec, remove: bool, person: Person, root: Root) -> Pruned:
    """Find what nothing needs any more, and remove it if ``remove`` is set."""
    now = datetime.now(UTC)
    going = [item.ref for item in plan_pruning(root, spec, now) if not item.why]
    removed = list[str]()
    if remove:
        with person.acting():
            items = remove_items(root, spec, going, person.reason, now)
        removed = [item.ref for item in items if not item.why]
    for ref in removed or going:
        logger.info("%s %s", "removed" if remove else "would go:", ref)
    pages = [ref for ref in removed if "@" in ref and ref.partition("/")[0] in KINDS]
    return {"removed": removed, "goes": going, "pages": pages}
