"""Tasks for a person's decisions: promote, roll back, set a policy, prune."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import get_run_logger, task
from typing_extensions import TypedDict

from seqclass.monitoring.policy import ModelPolicy
from seqclass.pages.index_pages import KINDS
from seqclass.policies import set_policy
from seqclass.store.audit import acting_as, actor
from seqclass.store.prune_spec import PruneSpec
from seqclass.store.pruning import plan_pruning, remove_items
from seqclass.store.registry import check_model, plain_name
from seqclass.store.root import open_root
from tasks.registry.promote import Move, promote_version, roll_back

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


@task(name="promote by hand")
def promote_by_hand(ref: str, person: Person, force: bool, root_url: str) -> Move:
    """Make a version the champion if the gate passes it, or by ``force``."""
    with person.acting():
        move = promote_version(open_root(root_url), ref, person.reason, force)
    get_run_logger().info("%s", move["refused"] or f"{move['to']} is the champion")
    return move


@task(name="roll back by hand")
def roll_back_by_hand(name: str, person: Person, root_url: str) -> Move:
    """Make the champion before this one the champion again."""
    with person.acting():
        move = roll_back(open_root(root_url), name, person.reason)
    get_run_logger().info("%s is the champion again", move["to"])
    return move


@task(name="set policy")
def set_policy_by_hand(
    model: str, policy: ModelPolicy | None, person: Person, root_url: str
) -> str:
    """Set a model's policy, or remove it; returns the model's reference."""
    root = open_root(root_url)
    name = check_model(root, plain_name(model, "every version"))
    with person.acting():
        set_policy(root, name, policy, person.reason)
    get_run_logger().info("policy of %s %s", name, "set" if policy else "removed")
    return f"models/{name}"


@task(name="prune")
def prune(spec: PruneSpec, remove: bool, person: Person, root_url: str) -> Pruned:
    """Find what nothing needs any more, and remove it if ``remove`` is set."""
    root, now = open_root(root_url), datetime.now(UTC)
    going = [item.ref for item in plan_pruning(root, spec, now) if not item.why]
    removed = list[str]()
    if remove:
        with person.acting():
            items = remove_items(root, spec, going, person.reason, now)
        removed = [item.ref for item in items if not item.why]
    for ref in removed or going:
        get_run_logger().info("%s %s", "removed" if remove else "would go:", ref)
    pages = [ref for ref in removed if "@" in ref and ref.partition("/")[0] in KINDS]
    return {"removed": removed, "goes": going, "pages": pages}
